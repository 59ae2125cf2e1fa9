"""What an install prints: commands, the least policies for its values, and what an uninstall leaves."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from harness.backends import iam
from harness.render.manifests import Manifests

ROLE = "arn:aws:iam::444455556666:role/logs"


def documents(text: str) -> list[dict[str, Any]]:
    """Return the policies in a text."""
    return [json.loads(found) for found in re.findall(r"^  \{\n.*?^  \}$", text, re.MULTILINE | re.DOTALL)]


def policies(text: str) -> list[dict[str, Any]]:
    """Return the first statement of each policy in a text."""
    return [document["Statement"][0] for document in documents(text)]


def test_commands_find_the_pods(notes: Callable[..., str], install: Callable[..., Manifests]) -> None:
    """Each command's selector fits the pods of the release."""
    selectors = re.findall(r"-l '(.*?)'", notes())
    labels = [pod.metadata["labels"] for pod in install().pods()]
    assert selectors and labels
    for selector in selectors:
        wanted = dict(pair.split("=") for pair in selector.split(","))
        assert all(wanted.items() <= found.items() for found in labels)


OFF = {"cloudwatch": {"enabled": False}}
NEVER = {"logRetentionDays": 0}
ASSUMED = {"outputs": {"cloudwatch": {"roleArn": ROLE}}}
POLICIES = [
    (
        {"cluster": {"name": "shop", "region": "eu-west-1"}},
        ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:PutRetentionPolicy"],
        ["arn:aws:logs:eu-west-1:ACCOUNT:log-group:/aws/containerinsights/shop/*:*"],
    ),
    (
        {"outputs": {"cloudwatch": {"logGroupTemplate": "", "autoCreateGroup": False}}},
        ["logs:CreateLogStream", "logs:PutLogEvents"],
        ["arn:aws:logs:us-east-1:ACCOUNT:log-group:/aws/containerinsights/eks/application:*"],
    ),
    (
        {
            "cluster": {"region": "cn-north-1"},
            "outputs": {
                "cloudwatch": {"enabled": False},
                "a": {"type": "cloudwatch", "logGroupName": "/a", **NEVER, "match": {"namespaces": {"include": ["a"]}}},
                "b": {"type": "cloudwatch", "logGroupName": "/b", **NEVER, "match": {"namespaces": {"exclude": ["a"]}}},
            },
        },
        ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
        [f"arn:aws-cn:logs:cn-north-1:ACCOUNT:log-group:{group}:*" for group in ("/a", "/b")],
    ),
    (
        {"outputs": {"x": {"type": "firehose", "deliveryStream": "windows"}, **OFF}},
        ["firehose:PutRecordBatch"],
        ["arn:aws:firehose:us-east-1:ACCOUNT:deliverystream/windows"],
    ),
    (
        {"outputs": {"x": {"type": "s3", "bucket": "logs"}, **OFF}},
        ["s3:PutObject"],
        ["arn:aws:s3:::logs/*"],
    ),
    (
        {"outputs": {"x": {"type": "opensearch", "host": "h", "awsAuth": True}, **OFF}},
        ["es:ESHttpPost"],
        ["arn:aws:es:us-east-1:ACCOUNT:domain/DOMAIN/*"],
    ),
    (
        {"outputs": {"x": {"type": "opensearch", "host": "h", "awsAuth": True, "awsServiceName": "aoss"}, **OFF}},
        ["aoss:APIAccessAll"],
        ["arn:aws:aoss:us-east-1:ACCOUNT:collection/COLLECTION"],
    ),
]


@pytest.mark.parametrize(
    ("values", "actions", "resources"),
    POLICIES,
    ids=["namespace", "static", "list-in-china", "firehose", "s3", "opensearch", "serverless"],
)
def test_policy_is_the_least(
    notes: Callable[..., str], values: dict[str, Any], actions: list[str], resources: list[str]
) -> None:
    """The policy has the actions that the values need, on the groups that they name, and no other."""
    policy = policies(notes(values))[0]
    assert (policy["Action"], policy["Resource"]) == (actions, resources)


@pytest.mark.slow
def test_policies_are_what_aws_takes(notes: Callable[..., str]) -> None:
    """Each policy has the form of its kind, actions that exist, and resources that fit them."""
    for values in (*(values for values, *_ in POLICIES), ASSUMED):
        printed = documents(notes(values))
        assert len(printed) == 2 + (values is ASSUMED)
        for document in printed:
            assert iam.faults(document, trust="Principal" in document["Statement"][0]) == [], values


def test_trust_is_for_one_service_account(notes: Callable[..., str]) -> None:
    """The role trusts this service account (`sub`) for AWS (`aud`), both exactly."""
    trust = policies(notes({"cluster": {"region": "eu-west-1"}, "serviceAccount": {"name": "logs"}}))[-1]
    provider = "oidc.eks.eu-west-1.amazonaws.com/id/OIDC_ID"
    assert trust["Condition"] == {
        "StringEquals": {
            f"{provider}:sub": "system:serviceaccount:amazon-cloudwatch:logs",
            f"{provider}:aud": "sts.amazonaws.com",
        }
    }
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"


def test_role_of_another_account(notes: Callable[..., str]) -> None:
    """With a role to assume there are two policies: what that role may, and that the agent's may assume it."""
    there, own, trust = policies(notes(ASSUMED))
    assert "logs:PutLogEvents" in there["Action"]
    assert own == {"Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": [ROLE]}
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"


def test_no_policy_without_aws(notes: Callable[..., str]) -> None:
    """A backend that AWS does not guard needs no role."""
    assert policies(notes({"outputs": {"x": {"type": "http", "host": "h"}, **OFF}})) == []
    assert len(policies(notes({"identity": {"type": "node"}}))) == 1


def test_leftovers_are_listed(notes: Callable[..., str]) -> None:
    """The log groups that an uninstall leaves are named, each with the command that deletes it."""
    logs = {"host": {"enabled": True}, "dataplane": {"enabled": True}}
    outputs = {
        "cloudwatch": {"logGroupTemplate": "", "match": {"pipelines": ["application", "dataplane"]}},
        "events": {"type": "cloudwatch", "logGroupName": "/events", "match": {"pipelines": ["host"]}},
    }
    commands = re.findall(
        r"aws logs delete-log-group --region eu-west-1 --log-group-name (\S+)",
        notes({"mode": "hostProcess", "logs": logs, "outputs": outputs, "cluster": {"region": "eu-west-1"}}),
    )
    start = "/aws/containerinsights/eks"
    assert set(commands) == {f"{start}/application", "/events", f"{start}/dataplane"}
    assert "Container Insights has log groups with this prefix, too" in notes()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"cluster": {"configMap": {"name": "info"}}}, "The ConfigMap info must be in this namespace"),
        ({"mode": "hostProcess"}, "as a host process"),
        (
            {"profile": "aws-legacy", "windows": {"builds": [{"name": "2019"}]}},
            "Fluent Bit 1.9.10 no longer receives fixes",
        ),
        ({"identity": {"type": "node"}}, "The least-privilege policy of the nodes' role"),
    ],
    ids=["config-map", "host-process", "legacy", "node"],
)
def test_what_an_install_has_to_know(notes: Callable[..., str], values: dict[str, Any], says: str) -> None:
    """What is particular to an install is said, and to no other."""
    assert says in notes(values)
    assert says not in notes()


def test_loss_at_the_end_is_not_concealed(notes: Callable[..., str]) -> None:
    """Windows has no SIGTERM: the notes say what that can cost, in seconds of the values."""
    assert "Records that were read in the last 3 s before a pod ends may be lost" in notes({"flush": 3})


def test_log_groups_are_in_the_region_of_their_output(notes: Callable[..., str]) -> None:
    """Policies and commands name the Region that an output sets, not only the cluster's."""
    copy = {"type": "cloudwatch", "region": "eu-central-1", "logGroupName": "/copy"}
    text = notes({"outputs": {"copy": copy}})
    assert policies(text)[0]["Resource"] == [
        "arn:aws:logs:eu-central-1:ACCOUNT:log-group:/copy:*",
        "arn:aws:logs:us-east-1:ACCOUNT:log-group:/aws/containerinsights/eks/*:*",
    ]
    assert "aws logs tail /copy --region eu-central-1 --follow" in text
