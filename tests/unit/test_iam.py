"""The checker of IAM policies finds what was planted."""

from typing import Any

import pytest

from harness.backends.iam import faults

pytestmark = pytest.mark.slow
GROUP = "arn:aws:logs:us-east-1:ACCOUNT:log-group:/a/*:*"
POLICY = {"Effect": "Allow", "Action": ["logs:PutLogEvents"], "Resource": [GROUP]}
TRUST = {
    "Effect": "Allow",
    "Principal": {"Federated": "arn:aws:iam::ACCOUNT:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/A"},
    "Action": "sts:AssumeRoleWithWebIdentity",
    "Condition": {"StringEquals": {"oidc.eks.us-east-1.amazonaws.com/id/A:aud": "sts.amazonaws.com"}},
}


def told(statement: dict[str, Any], *, trust: bool = False) -> str:
    return "\n".join(faults({"Version": "2012-10-17", "Statement": [statement]}, trust=trust))


def test_sound_policies_have_no_fault() -> None:
    """Neither of the two has any, so that what is found below is what was planted."""
    assert told(POLICY) == told(TRUST, trust=True) == ""


@pytest.mark.parametrize(
    ("planted", "says"),
    [
        ({"Action": ["logs:PutLogEvent"]}, "'putlogevent' is not one of"),
        ({"Resource": ["arn:aws:s3:::logs/*"]}, "action 'logs:PutLogEvents' requires a resource of"),
        ({"Resource": ["/a"]}, "'/a' does not match"),
        ({"Effect": "allow"}, "'allow' is not one of ['Allow', 'Deny']"),
        ({"Principal": "*"}, "Additional properties are not allowed ('Principal' was unexpected)"),
    ],
    ids=["action", "resource", "no-arn", "effect", "principal"],
)
def test_planted_fault_is_found(planted: dict[str, Any], says: str) -> None:
    """Invalid statements and statements without effect are reported."""
    assert says in told({**POLICY, **planted})


def test_condition_that_aws_does_not_know_is_found() -> None:
    """A trust policy with a misspelled condition is rejected."""
    assert "'StringEqual' does not match" in told({**TRUST, "Condition": {"StringEqual": {"a:aud": "x"}}}, trust=True)
