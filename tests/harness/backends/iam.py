"""Checks an IAM policy as AWS would: its form, that each action exists, and that each resource is one of the action's.

What services and their actions are is in the data of cfn-lint, which checks a policy as a part of a template.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cfnlint.runner import Runner

ACCOUNT = "111122223333"


def faults(document: Mapping[str, Any], *, trust: bool = False) -> list[str]:
    """Say what is wrong with a policy, one sentence for each fault; none when AWS would take it and it has an effect.

    Args:
        document: the policy; ``ACCOUNT`` in an ARN stands for some account's number.
        trust: whether it says who may take a role, instead of what one may do.
    """
    kind, name = ("Role", "AssumeRolePolicyDocument") if trust else ("ManagedPolicy", "PolicyDocument")
    policy = json.loads(json.dumps(document).replace(":ACCOUNT:", f":{ACCOUNT}:"))
    resource = {"Type": f"AWS::IAM::{kind}", "Properties": {name: policy}}
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Checked": resource}}
    return [f"{match.rule.id}: {match.message}" for match in _matches(json.dumps(template))]


def _matches(template: str) -> list[Any]:
    # It takes seconds to load, which who only collects tests should not wait for.
    from cfnlint.decode.decode import decode_str  # noqa: PLC0415

    return list(_runner().validate_template(decode_str(template)[0]))


@cache
def _runner() -> "Runner":
    from cfnlint.config import ConfigMixIn  # noqa: PLC0415
    from cfnlint.runner import Runner  # noqa: PLC0415

    # Its rules are in many files, so they are read once. That a resource fits the action is said as information (I),
    # which is left out unless asked for.
    return Runner(ConfigMixIn(regions=["us-east-1"], include_checks=["I"]))
