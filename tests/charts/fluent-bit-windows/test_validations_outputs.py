"""Outputs that the chart rejects: options, and records that would be dropped or duplicated."""

import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from harness.render import supported
from harness.render.manifests import Manifests, load_yaml

both_majors = pytest.mark.parametrize("helm", supported.HELM, indirect=True, ids=lambda major: f"helm-{major}")
HOST_PROCESS = {"mode": "hostProcess"}
LEGACY = {"profile": "aws-legacy", "windows": {"builds": [{"name": "2022"}]}}
SAME = {"type": "cloudwatch", "logGroupName": "/same"}
ONLY_PODS = {"match": {"pipelines": ["application"]}}
ONLY_NODES = {"match": {"pipelines": ["dataplane"]}}


def logs(**pipelines: dict[str, Any]) -> dict[str, Any]:
    return {"logs": pipelines}


def dataplane() -> dict[str, Any]:
    return logs(dataplane={"enabled": True})


def cloudwatch(**settings: Any) -> dict[str, Any]:
    return {"outputs": {"cloudwatch": settings}}


def added(**output: Any) -> dict[str, Any]:
    """Return values with another output, named x."""
    return {"outputs": {"x": {"type": "cloudwatch", **output}}}


def of(*include: str, **more: Any) -> dict[str, Any]:
    """Return an output for some namespaces."""
    return {"type": "cloudwatch", "match": {"namespaces": {"include": [*include], **more}}}


def without(*exclude: str, **more: Any) -> dict[str, Any]:
    """Return an output for all namespaces except some."""
    return {"type": "cloudwatch", "match": {"namespaces": {"exclude": [*exclude]}, **more}}


def apart(**outputs: dict[str, Any]) -> dict[str, Any]:
    """Return values with these outputs, each with a log group named after it."""
    named = {name: {"logGroupName": f"/{name}", **output} for name, output in outputs.items()}
    return {"outputs": {"cloudwatch": {"enabled": False}, **named}}


def namespaces(**chosen: list[str]) -> dict[str, Any]:
    return logs(application={"namespaces": chosen})


# name: (values, the problem in the message, the YAML to write)
REJECTED: dict[str, tuple[dict[str, Any], str, str]] = {
    "plugin of Linux": (
        added(type="custom", plugin="nats", match={"namespaces": {"include": ["a"]}}),
        "`outputs.x.plugin` is nats, which is no output plugin of Fluent Bit 5.1.1",
        "Use one of azure, azure_blob, azure_kusto, azure_logs_ingestion, chronicle, ",
    ),
    "lines of the event log": (
        {**cloudwatch(logKey="log"), **logs(host={"enabled": True}), "mode": "hostProcess"},
        "`outputs.cloudwatch.logKey` is log, but the pipeline host has records without this field",
        "outputs:\n  cloudwatch:\n    match:\n      pipelines:\n      - application",
    ),
    "legacy type": (
        {**LEGACY, **added(type="otlp", host="logs.example.com", match={"namespaces": {"include": ["a"]}})},
        "`outputs.x.type` is otlp, which Fluent Bit 1.9.10 does not support. Use Fluent Bit 5, or another type",
        "profile: upstream",
    ),
    "legacy class": (
        {**LEGACY, **cloudwatch(logGroupClass="INFREQUENT_ACCESS")},
        "`outputs.cloudwatch.logGroupClass` is INFREQUENT_ACCESS, which Fluent Bit 1.9.10 does not support",
        "profile: upstream",
    ),
    "legacy port": (
        {**LEGACY, **cloudwatch(endpoint="logs.example.com", port=8443)},
        "`outputs.cloudwatch.port` is 8443, which Fluent Bit 1.9.10 does not support",
        "profile: upstream",
    ),
    "legacy compression": (
        {**LEGACY, **added(type="opensearch", host="h", compress="gzip")},
        "`outputs.x.compress` is gzip, which Fluent Bit 1.9.10 does not support",
        "profile: upstream",
    ),
    "neither name nor prefix of streams": (
        cloudwatch(logStreamPrefix=""),
        "`outputs.cloudwatch` has neither logStreamName nor logStreamPrefix",
        "outputs:\n  cloudwatch:\n    logStreamPrefix: '{node}-'",
    ),
    "name and prefix of streams": (
        cloudwatch(logStreamName="a", logStreamPrefix="b"),
        "`outputs.cloudwatch` has both logStreamName and logStreamPrefix",
        "outputs:\n  cloudwatch:\n    logStreamName: '{node}'",
    ),
    "variable and slash": (
        cloudwatch(logStreamTemplate="$kubernetes['pod_name']/$kubernetes['container_name']"),
        "Fluent Bit ends a record accessor only at a dot, a comma or the end",
        "outputs:\n  cloudwatch:\n    logStreamTemplate: $kubernetes['pod_name'].$kubernetes['container_name']",
    ),
    "unknown placeholder": (
        cloudwatch(logGroupName="/{namespace}"),
        '`outputs.cloudwatch.logGroupName` is "/{namespace}", and {namespace} is not filled in there',
        "outputs:\n  cloudwatch:\n    logGroupName: /{cluster}",
    ),
    "no output": (
        cloudwatch(enabled=False),
        "No output is enabled: nothing would be delivered",
        "outputs:\n  logs:\n    type: cloudwatch",
    ),
    "namespaces that no output includes": (
        apart(a=of("a"), b=of("b")),
        'No output receives records of pipeline "application" from other namespaces: they would be dropped',
        "outputs:\n  a-rest:\n    type: cloudwatch\n    match:\n      pipelines: [application]\n"
        '      namespaces:\n        exclude: ["a","b"]',
    ),
    "namespace that outputs exclude": (
        apart(a=without("a", "b"), b=of("b")),
        'No output receives records of pipeline "application" from a: they would be dropped',
        "outputs:\n  a-rest:\n    type: cloudwatch\n    match:\n      pipelines: [application]\n"
        '      namespaces:\n        include: ["a"]',
    ),
    "glob that outputs exclude": (
        apart(a=without("team-*"), b=of("team-b")),
        'No output receives records of pipeline "application" from team-*: they would be dropped',
        'namespaces:\n        include: ["team-*"]',
    ),
    "namespace of two globs that outputs exclude": (
        apart(a=without("a-*"), b=of("a-*", exclude=["*-b"])),
        'No output receives records of pipeline "application" from a-*-b, a-b: they would be dropped',
        'namespaces:\n        include: ["a-*-b","a-b"]',
    ),
    "namespace of two globs that outputs include": (
        apart(a=without("a-*", "*-b"), b={**of("a-*"), "logGroupName": "/b"}, c={**of("*-b"), "logGroupName": "/b"}),
        'would deliver records of pipeline "application" from a-*-b, a-b to the same place twice',
        'outputs:\n  c:\n    match:\n      namespaces:\n        exclude: ["a-*-b","a-b"]',
    ),
    "namespace that is read and not delivered": (
        {**namespaces(include=["a", "b"]), **apart(a=of("a"))},
        'No output receives records of pipeline "application" from b: they would be dropped',
        'namespaces:\n        include: ["b"]',
    ),
    "pipeline without an output": (
        {**HOST_PROCESS, **logs(host={"enabled": True}), **apart(a={"type": "cloudwatch", **ONLY_PODS})},
        'No output receives the records of pipeline "host": they would be dropped',
        "outputs:\n  a-rest:\n    type: cloudwatch\n    match:\n      pipelines: [host]",
    ),
    "logs of the node in an output for a namespace": (
        {**dataplane(), **apart(a=of("*"))},
        'No output receives the records of pipeline "dataplane": they would be dropped',
        "pipelines: [dataplane]",
    ),
    "same place twice": (
        {"outputs": {"a": SAME, "b": SAME, "cloudwatch": {"enabled": False}}},
        'outputs.a and outputs.b would deliver records of pipeline "application" to the same place twice',
        "outputs:\n  b:\n    enabled: false",
    ),
    "namespace in two outputs": (
        {"outputs": {"a": {**SAME, **of("x", "y")}, "b": {**SAME, **of("y")}, "cloudwatch": without("x", "y")}},
        'outputs.a and outputs.b would deliver records of pipeline "application" from y to the same place twice',
        "outputs:\n  b:\n    enabled: false",
    ),
    "group of a template": (
        {"outputs": {"shop": {"logGroupName": "/aws/containerinsights/eks/shop", **of("shop")}}},
        'outputs.cloudwatch and outputs.shop would deliver records of pipeline "application" from shop to the same',
        'outputs:\n  cloudwatch:\n    match:\n      namespaces:\n        exclude: ["shop"]',
    ),
    "pipeline in two outputs": (
        {
            **dataplane(),
            "outputs": {"copy": {**SAME, "logGroupName": "/aws/containerinsights/eks/dataplane", **ONLY_NODES}},
        },
        'outputs.cloudwatch and outputs.copy would deliver records of pipeline "dataplane" to the same place twice',
        'outputs:\n  copy:\n    match:\n      pipelines: ["application"]',
    ),
    "delivered and not read": (
        {**namespaces(exclude=["a", "b"]), **apart(a=of("a"), b=without("a"))},
        "`outputs.a.match` includes namespace a, but `logs.application.namespaces` skips it",
        "logs:\n  application:\n    namespaces:\n      exclude:\n      - b",
    ),
    "delivered and not included": (
        {**namespaces(include=["b"]), **apart(a=of("a"), b=without("a"))},
        "`outputs.a.match` includes namespace a, but `logs.application.namespaces` skips it",
        "logs:\n  application:\n    namespaces:\n      include:\n      - b\n      - a",
    ),
    "signed and with a password": (
        added(type="opensearch", host="h", awsAuth=True, httpUser="a", httpPasswd={"name": "s", "key": "k"}),
        "`outputs.x` signs requests (awsAuth) and has a user (httpUser)",
        "outputs:\n  x:\n    awsAuth: false",
    ),
    "external id without a role": (
        cloudwatch(externalId="x"),
        "`outputs.cloudwatch.externalId` is set without a role to assume",
        "outputs:\n  cloudwatch:\n    roleArn: arn:aws:iam::444455556666:role/logs",
    ),
    "two certificates": (
        added(type="http", host="h", tls={"caFile": "C:\\ca.crt", "caSecret": {"name": "s", "key": "k"}}),
        "`outputs.x.tls` has caFile and caSecret, and one CA certificate is used",
        "outputs:\n  x:\n    tls:\n      caFile:",
    ),
}


@pytest.mark.parametrize(("values", "says", "shows"), REJECTED.values(), ids=REJECTED)
def test_message_shows_the_yaml_to_write(
    rejection: Callable[..., str], values: dict[str, Any], says: str, shows: str
) -> None:
    """Values that cannot work are rejected with the problem, its place, and valid YAML."""
    message = rejection(values)
    assert says in message
    assert shows in message
    load_yaml(textwrap.dedent(shows))


# Messages of the schema: the place, and the rule.
BY_THE_SCHEMA = {
    "unknown build": ({"windows": {"builds": [{"name": "2016"}]}}, "/windows/builds/0/name"),
    "group with a blank": (cloudwatch(logGroupName="/my logs"), "/outputs/cloudwatch/logGroupName"),
    "template with a blank": (cloudwatch(logGroupTemplate="/a b/$x"), "/outputs/cloudwatch/logGroupTemplate"),
    "retention": (cloudwatch(logRetentionDays=8), "/outputs/cloudwatch/logRetentionDays"),
    "no host": (added(type="http"), "missing property 'host'"),
    "password alone": (added(type="http", host="h", httpPasswd={"name": "s", "key": "k"}), "'httpUser' required"),
    "option of another type": (cloudwatch(bucket="a"), "additional properties 'bucket' not allowed"),
    "unknown pipeline": (cloudwatch(match={"pipelines": ["events"]}), "/outputs/cloudwatch/match/pipelines/0"),
    "no channel": (
        {**HOST_PROCESS, **logs(host={"enabled": True, "channels": []})},
        "at '/logs/host/channels': minItems: got 0, want 1",
    ),
    "filter without match": (
        {"logs": {"extraFilters": [{"name": "modify"}]}},
        "at '/logs/extraFilters/0': missing property 'match'",
    ),
}


@both_majors
@pytest.mark.parametrize(("values", "says"), BY_THE_SCHEMA.values(), ids=BY_THE_SCHEMA)
def test_schema_rejects_single_values(rejection: Callable[..., str], values: dict[str, Any], says: str) -> None:
    """The schema rejects single values with their place."""
    assert says in rejection(values)


# Complete messages.
WORD_FOR_WORD = {
    "variable and slash": (
        cloudwatch(logGroupTemplate="$a/$b"),
        """`outputs.cloudwatch.logGroupTemplate` is "$a/$b", and Fluent Bit ends a record accessor only at a dot, a \
comma or the end. Write:
outputs:
  cloudwatch:
    logGroupTemplate: $a.$b""",
    ),
    "gap between outputs": (
        apart(a=of("a"), b=of("b")),
        """No output receives records of pipeline "application" from other namespaces: they would be dropped. \
Write for example:
outputs:
  a-rest:
    type: cloudwatch
    match:
      pipelines: [application]
      namespaces:
        exclude: ["a","b"]""",
    ),
    "overlap of outputs": (
        {"outputs": {"shop": {"logGroupName": "/aws/containerinsights/eks/shop", **of("shop")}}},
        """outputs.cloudwatch and outputs.shop would deliver records of pipeline "application" from shop to the same \
place twice. Write one of:
outputs:
  shop:
    enabled: false
outputs:
  cloudwatch:
    match:
      namespaces:
        exclude: ["shop"]""",
    ),
}


@both_majors
@pytest.mark.parametrize(("values", "sentence"), WORD_FOR_WORD.values(), ids=WORD_FOR_WORD)
def test_message_is_complete(rejection: Callable[..., str], values: dict[str, Any], sentence: str) -> None:
    """A message contains the problem and the fix, and only Helm adds to it."""
    message = rejection(values).strip().removesuffix("Use --debug flag to render out invalid YAML")
    assert message.partition("values.yaml:5:4): ")[2].strip() == sentence


ACCEPTED = {
    "copy in another group": added(logGroupName="/copy"),
    "copy of a namespace": {"outputs": {"copy": {"logGroupName": "/copy", **of("shop")}}},
    "one output for each namespace that is read": {**namespaces(include=["a", "b"]), **apart(a=of("a"), b=of("b"))},
    "excluded namespaces are not read": {**namespaces(exclude=["a"]), **apart(b=without("a"))},
    "globs apart": apart(a=of("team-*"), b=without("team-*")),
    "logs of the node in an output without namespaces": {**dataplane(), **apart(a=of("a"), b=without("a"))},
    "filter for a regular expression": {"logs": {"extraFilters": [{"name": "modify", "match_regex": "^application"}]}},
    "same group for two pipelines": {
        **dataplane(),
        "outputs": {"cloudwatch": ONLY_PODS, "copy": {**SAME, **ONLY_NODES}},
    },
}


@pytest.mark.parametrize("values", ACCEPTED.values(), ids=ACCEPTED)
def test_valid_values_render(install: Callable[..., Manifests], values: dict[str, Any]) -> None:
    """Valid values that are similar to rejected ones render."""
    assert install(values).select("DaemonSet")
