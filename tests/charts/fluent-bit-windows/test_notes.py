"""The notes of an installation: commands, least-privilege policies, and objects that an uninstallation keeps."""

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
    """The selector of each command matches the pods of the release."""
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
        {"outputs": {"x": {"type": "kinesis", "stream": "windows"}, **OFF}},
        ["kinesis:PutRecords"],
        ["arn:aws:kinesis:us-east-1:ACCOUNT:stream/windows"],
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
    ids=["namespace", "static", "list-in-china", "firehose", "kinesis", "s3", "opensearch", "serverless"],
)
def test_policy_has_least_privilege(
    notes: Callable[..., str], values: dict[str, Any], actions: list[str], resources: list[str]
) -> None:
    """The policy allows exactly the actions that the values require, on the log groups that they name."""
    policy = policies(notes(values))[0]
    assert (policy["Action"], policy["Resource"]) == (actions, resources)


@pytest.mark.slow
def test_policies_are_valid(notes: Callable[..., str]) -> None:
    """Each policy is valid: its elements, its actions, and the resources of these actions."""
    for values in (*(values for values, *_ in POLICIES), ASSUMED):
        printed = documents(notes(values))
        assert len(printed) == 2 + (values is ASSUMED)
        for document in printed:
            assert iam.faults(document, trust="Principal" in document["Statement"][0]) == [], values


def test_trust_is_for_one_service_account(notes: Callable[..., str]) -> None:
    """The trust policy requires exactly this service account (`sub`) and AWS as the audience (`aud`)."""
    provider = "oidc-eks.eu-west-1.api.aws/id/0123"
    cluster = {"region": "eu-west-1", "oidcIssuer": f"https://{provider}"}
    trust = policies(notes({"cluster": cluster, "serviceAccount": {"name": "logs"}}))[-1]
    assert trust["Condition"] == {
        "StringEquals": {
            f"{provider}:sub": "system:serviceaccount:amazon-cloudwatch:logs",
            f"{provider}:aud": "sts.amazonaws.com",
        }
    }
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"


def test_role_of_another_account(notes: Callable[..., str]) -> None:
    """An assumed role has a policy of its own, and the agent's role a policy that allows assuming it."""
    there, own, trust = policies(notes(ASSUMED))
    assert "logs:PutLogEvents" in there["Action"]
    assert own == {"Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": [ROLE]}
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"


def test_no_policy_without_aws(notes: Callable[..., str]) -> None:
    """Without AWS backends, the notes contain no policy."""
    assert policies(notes({"outputs": {"x": {"type": "http", "host": "h"}, **OFF}})) == []
    assert len(policies(notes({"identity": {"type": "node"}}))) == 1


def test_leftovers_are_listed(notes: Callable[..., str]) -> None:
    """The notes name each log group that an uninstallation keeps, with the command that deletes it."""
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
        ({"cluster": {"configMap": {"name": "info"}}}, "The ConfigMap info must exist in this namespace"),
        ({"mode": "hostProcess"}, "as a host process"),
        (
            {"profile": "aws-legacy", "windows": {"builds": [{"name": "2019"}]}},
            "Fluent Bit 1.9.10 no longer receives fixes",
        ),
        ({"identity": {"type": "node"}}, "The least-privilege policy of the nodes' role"),
    ],
    ids=["config-map", "host-process", "legacy", "node"],
)
def test_special_cases_are_explained(notes: Callable[..., str], values: dict[str, Any], says: str) -> None:
    """Each special case has its paragraph in the notes, and other installations do not have it."""
    assert says in notes(values)
    assert says not in notes()


def test_possible_loss_is_stated(notes: Callable[..., str]) -> None:
    """The notes say which records can be lost when a pod ends, as Windows has no SIGTERM, by the flush interval."""
    assert "Records that it read in the last 3 s before a pod ends can be lost" in notes({"flush": 3})


def test_log_groups_are_in_the_region_of_their_output(notes: Callable[..., str]) -> None:
    """Policies and commands name the Region of each output, which can differ from that of the cluster."""
    copy = {"type": "cloudwatch", "region": "eu-central-1", "logGroupName": "/copy"}
    text = notes({"outputs": {"copy": copy}})
    assert policies(text)[0]["Resource"] == [
        "arn:aws:logs:eu-central-1:ACCOUNT:log-group:/copy:*",
        "arn:aws:logs:us-east-1:ACCOUNT:log-group:/aws/containerinsights/eks/*:*",
    ]
    assert "aws logs tail /copy --region eu-central-1 --follow" in text
