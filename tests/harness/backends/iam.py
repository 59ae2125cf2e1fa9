"""Validates an IAM policy as AWS does: syntax, existing actions, and resource types that match the actions.

cfn-lint has the data on services and actions, and checks a policy as part of a template.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cfnlint.runner import Runner

ACCOUNT = "111122223333"


def faults(document: Mapping[str, Any], *, trust: bool = False) -> list[str]:
    """Return the faults of a policy, one sentence each; none if AWS accepts it and it has an effect.

    Args:
        document: the policy; ``ACCOUNT`` in an ARN is replaced by an account ID.
        trust: whether it is a trust policy instead of a permission policy.
    """
    kind, name = ("Role", "AssumeRolePolicyDocument") if trust else ("ManagedPolicy", "PolicyDocument")
    policy = json.loads(json.dumps(document).replace(":ACCOUNT:", f":{ACCOUNT}:"))
    resource = {"Type": f"AWS::IAM::{kind}", "Properties": {name: policy}}
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Checked": resource}}
    return [f"{match.rule.id}: {match.message}" for match in _matches(json.dumps(template))]


def _matches(template: str) -> list[Any]:
    # Loading takes seconds, which test collection should not pay.
    from cfnlint.decode.decode import decode_str  # noqa: PLC0415

    return list(_runner().validate_template(decode_str(template)[0]))


@cache
def _runner() -> "Runner":
    from cfnlint.config import ConfigMixIn  # noqa: PLC0415
    from cfnlint.runner import Runner  # noqa: PLC0415

    # The rules are in many files, so they are read once. Resource types are checked at the level of information (I),
    # which is off by default.
    return Runner(ConfigMixIn(regions=["us-east-1"], include_checks=["I"]))
