"""Values that the chart rejects: each message has the problem, its place, and the YAML to write."""

import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from harness.render import supported
from harness.render.manifests import Manifests, load_yaml

both_majors = pytest.mark.parametrize("helm", supported.HELM, indirect=True, ids=lambda major: f"helm-{major}")
HOST_PROCESS = {"mode": "hostProcess"}
LEGACY = {"profile": "aws-legacy", "windows": {"builds": [{"name": "2022"}]}}
ROLE = "arn:aws:iam::111122223333:role/fluent-bit-windows"


def builds(*names: str) -> dict[str, Any]:
    return {"windows": {"builds": [{"name": name} for name in names]}}


def logs(**pipelines: dict[str, Any]) -> dict[str, Any]:
    return {"logs": pipelines}


def dataplane(**settings: Any) -> dict[str, Any]:
    return logs(dataplane={"enabled": True, **settings})


def cloudwatch(**settings: Any) -> dict[str, Any]:
    return {"outputs": {"cloudwatch": settings}}


def namespaces(**chosen: list[str]) -> dict[str, Any]:
    return logs(application={"namespaces": chosen})


def annotated(role: str, **account: Any) -> dict[str, Any]:
    return {"serviceAccount": {**account, "annotations": {"eks.amazonaws.com/role-arn": role}}}


# name: (values, the problem in the message, the YAML to write)
REJECTED: dict[str, tuple[dict[str, Any], str, str]] = {
    "build twice": (
        builds("2022", "2022"),
        '`windows.builds[1]` repeats "2022": two agents on a node',
        'windows:\n  builds:\n  - name: "2022"',
    ),
    "2019 has no image": (
        builds("2019"),
        "`windows.builds[0]` is 2019, for which Fluent Bit publishes no image",
        'mode: hostProcess\nprofile: aws-legacy\nwindows:\n  builds:\n  - name: "2019"',
    ),
    "2025 has no legacy image": (
        {**LEGACY, **builds("2025")},
        "`windows.builds[0]` is 2025, for which AWS publishes no image",
        "profile: upstream",
    ),
    "one digest for two images": (
        {"image": {"digest": "sha256:" + "0" * 64}},
        "`image.digest` is set, but each of the 2 Windows builds has its own image",
        'windows:\n  builds:\n  - digest: sha256:...\n    name: "2022"',
    ),
    "old version": (
        {"image": {"tag": "4.0.13"}},
        "`image.tag` is 4.0.13, but Fluent Bit before 5.1.1 has known vulnerabilities",
        "image:\n  tag: 5.1.1",
    ),
    "event log in a container": (
        logs(host={"enabled": True}),
        "`logs.host` is enabled, but a container has its own, empty event log",
        "mode: hostProcess",
    ),
    "channels of services in a container": (
        dataplane(channels=["EKS"]),
        "`logs.dataplane.channels` is set, but a container has its own, empty event log",
        "logs:\n  dataplane:\n    channels: []",
    ),
    "kubelet from a container": (
        logs(metadata={"from": "kubelet"}),
        "`logs.metadata.from` is kubelet, but a container cannot reach the address of the node",
        "logs:\n  metadata:\n    from: api",
    ),
    "pod identity": (
        {"identity": {"type": "podIdentity"}},
        "`identity.type` is podIdentity, which AWS documents for Linux nodes only",
        "identity:\n  type: irsa",
    ),
    "pod identity of a host process": (
        {**HOST_PROCESS, "identity": {"type": "podIdentity"}},
        "AWS documents for Linux nodes only, and a host process is not in the pod network",
        "identity:\n  allowPodIdentity: true\n  type: podIdentity",
    ),
    "role that nothing uses": (
        {"identity": {"type": "node"}, "serviceAccount": {"roleArn": ROLE}},
        "`serviceAccount` names an IAM role for IRSA, but `identity.type` is node",
        "identity:\n  type: irsa",
    ),
    "role without an account": (
        {"serviceAccount": {"create": False, "roleArn": ROLE}},
        "`serviceAccount` names an IAM role, but `serviceAccount.create` is false",
        "serviceAccount:\n  create: true",
    ),
    "two roles": (
        annotated(f"{ROLE}-2", roleArn=ROLE),
        "`serviceAccount.roleArn` and the annotation eks.amazonaws.com/role-arn name different roles",
        f"serviceAccount:\n  roleArn: {ROLE}-2",
    ),
    "role of the agent itself": (
        {**cloudwatch(roleArn=ROLE), "serviceAccount": {"roleArn": ROLE}},
        "`outputs.cloudwatch.roleArn` is the role of `serviceAccount`, which the pods already have",
        'outputs:\n  cloudwatch:\n    roleArn: ""',
    ),
    "region of another cluster": (
        {"cluster": {"region": "eu-west-1", "oidcIssuer": "https://oidc-eks.eu-central-1.api.aws/id/0123"}},
        "`cluster.region` is eu-west-1, but `cluster.oidcIssuer` is the issuer of a cluster in eu-central-1",
        "cluster:\n  region: eu-central-1",
    ),
    "misspelled annotation": (
        {"serviceAccount": {"annotations": {"eks.amazonaws.co/role-arn": ROLE}}},
        '`serviceAccount.annotations` has the key "eks.amazonaws.co/role-arn", but EKS reads only eks.amazonaws.com/',
        f"serviceAccount:\n  annotations:\n    eks.amazonaws.com/role-arn: {ROLE}",
    ),
    "annotation that nothing uses": (
        {"identity": {"type": "node"}, **annotated(ROLE)},
        "`serviceAccount` names an IAM role for IRSA, but `identity.type` is node",
        "identity:\n  type: irsa",
    ),
    "annotation without an account": (
        annotated(ROLE, create=False),
        "`serviceAccount` names an IAM role, but `serviceAccount.create` is false",
        "serviceAccount:\n  create: true",
    ),
    "labels from a file name": (
        cloudwatch(logGroupTemplate="/a/$kubernetes['labels']['app']"),
        "but with `logs.metadata.from: tag` records have only names and IDs",
        "logs:\n  metadata:\n    from: api",
    ),
    "legacy query": (
        {**LEGACY, **HOST_PROCESS, **logs(host={"enabled": True, "eventQuery": "*[System]"})},
        "`logs.host.eventQuery` is set, but Fluent Bit 1.9.10 cannot select events",
        "profile: upstream",
    ),
    "legacy filters": (
        {**LEGACY, "logs": {"extraFilters": [{"name": "modify", "match": "*"}]}},
        "`logs.extraFilters`, `logs.extraProcessors`, `logs.extraParsers` or `logs.extraMultilineParsers` is in Fluent",
        "profile: upstream",
    ),
    "legacy processors": (
        {**LEGACY, "logs": {"extraProcessors": {"application": [{"name": "content_modifier", "action": "insert"}]}}},
        "in Fluent Bit's YAML format, but Fluent Bit 1.9.10 reads only the classic format.",
        "profile: upstream",
    ),
    "processor of metrics": (
        {"logs": {"extraProcessors": {"host": [{"name": "tda"}]}}},
        "`logs.extraProcessors.host[0]` is tda, which processes metrics or traces and ignores logs.",
        "logs:\n  extraProcessors:\n    host:\n    - action: insert",
    ),
    "nothing to read": (
        logs(application={"enabled": False}),
        "No pipeline of `logs` is enabled",
        "logs:\n  application:\n    enabled: true",
    ),
    "no service": (
        dataplane(directories=[]),
        "`logs.dataplane` is enabled, but has neither directories nor channels",
        "logs:\n  dataplane:\n    enabled: false",
    ),
    "channel twice": (
        {**HOST_PROCESS, **logs(host={"enabled": True}, dataplane={"enabled": True, "channels": ["EKS", "System"]})},
        '`logs.host.channels` and `logs.dataplane.channels` both have "System", so its events would be delivered',
        "logs:\n  dataplane:\n    channels:\n    - EKS",
    ),
    "folder twice": (dataplane(directories=["C:\\a", "c:\\A"]), "`logs.dataplane.directories` has c:\\A twice", ""),
    "folder of containers": (
        dataplane(directories=["C:\\var\\log\\Containers", "C:\\a"]),
        "`logs.dataplane.directories` has C:\\var\\log\\Containers, which `logs.application` reads",
        "logs:\n  dataplane:\n    directories:\n    - C:\\a",
    ),
    "new tag": (
        {"logs": {"extraFilters": [{"name": "rewrite_tag", "match": "*", "rule": "$log ^ new true"}]}},
        "`logs.extraFilters[0]` is a rewrite_tag: no output matches its new tags",
        "outputs:\n  shop:\n    match:\n      namespaces:\n        include:\n        - shop\n    type: cloudwatch",
    ),
    "unknown parser": (
        {"logs": {"extraFilters": [{"name": "parser", "match": "*", "key_name": "log", "parser": "level"}]}},
        "`logs.extraFilters[0]` requires the parser level, which does not exist.",
        "logs:\n  extraParsers:\n  - format: json\n    name: level",
    ),
    "namespace in and out": (
        namespaces(include=["a"], exclude=["a", "b"]),
        "Namespace a is in both `include` and `exclude` of `logs.application.namespaces`",
        "logs:\n  application:\n    namespaces:\n      exclude:\n      - b",
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


# Complete messages.
WORD_FOR_WORD = {
    "build twice": (
        builds("2022", "2022"),
        """`windows.builds[1]` repeats "2022": two agents on a node would deliver every line twice. \
Set each build once. Write:
windows:
  builds:
  - name: "2022\"""",
    ),
    "host process with pod identity": (
        {**HOST_PROCESS, "identity": {"type": "podIdentity"}},
        """`identity.type` is podIdentity, which AWS documents for Linux nodes only, and a host process is not in the \
pod network. Use IRSA, or allow EKS Pod Identity if your nodes support it. Write one of:
identity:
  type: irsa
identity:
  allowPodIdentity: true
  type: podIdentity""",
    ),
}


@both_majors
@pytest.mark.parametrize(("values", "sentence"), WORD_FOR_WORD.values(), ids=WORD_FOR_WORD)
def test_message_is_complete(rejection: Callable[..., str], values: dict[str, Any], sentence: str) -> None:
    """A message contains the problem and the fix, and only Helm adds to it."""
    message = rejection(values).strip().removesuffix("Use --debug flag to render out invalid YAML")
    assert message.partition("values.yaml:5:4): ")[2].strip() == sentence


ACCEPTED = {
    "own image for 2019": {"windows": {"builds": [{"name": "2019", "tag": "own"}]}},
    "2019 runs another build's image": {**HOST_PROCESS, **builds("2022", "2019")},
    "pod identity, on purpose": {"identity": {"type": "podIdentity", "allowPodIdentity": True}},
    "point between variables": cloudwatch(logStreamTemplate="$kubernetes['pod_name'].$kubernetes['container_name']"),
    "labels from the API server": {
        **logs(metadata={"from": "api"}),
        **cloudwatch(logGroupTemplate="/a/$kubernetes['labels']['app']"),
    },
    "digest of one build": {**builds("2022"), "image": {"digest": "sha256:" + "0" * 64}},
    "digest that overrides the tag": {**builds("2022"), "image": {"tag": "4.0.13", "digest": "sha256:" + "0" * 64}},
    "metadata of old from a file name": LEGACY,
    "external id of old": {**LEGACY, **cloudwatch(externalId="x", roleArn=ROLE)},
    "role in another account": {**cloudwatch(roleArn=ROLE), "serviceAccount": {"roleArn": f"{ROLE}-2"}},
    "never expires": cloudwatch(logRetentionDays=0),
    "three years": cloudwatch(logRetentionDays=1096),
    "same role twice": annotated(ROLE, roleArn=ROLE),
    "own account": {"identity": {"type": "node"}, "serviceAccount": {"create": False, "name": "own"}},
    "annotation of another kind": {"serviceAccount": {"annotations": {"example.com/role": ROLE}}},
    "newer version": {"image": {"tag": "5.2.0"}},
}


@pytest.mark.parametrize("values", ACCEPTED.values(), ids=ACCEPTED)
def test_valid_values_render(install: Callable[..., Manifests], values: dict[str, Any]) -> None:
    """Valid values that are similar to rejected ones render."""
    assert install(values).select("DaemonSet")


def test_metadata_of_old_kubelets_is_rejected(rejection: Callable[..., str], install: Callable[..., Manifests]) -> None:
    """Metadata from the kubelet is rejected before Kubernetes 1.33, which would require access to nodes/proxy."""
    values = {**HOST_PROCESS, **logs(metadata={"from": "kubelet"})}
    assert "the kubelet requires nodes/proxy, a permission to run commands in any pod" in rejection(
        values, kubernetes="1.32.0"
    )
    assert install(values, kubernetes="1.33.0")


@both_majors
def test_all_problems_are_reported_at_once(rejection: Callable[..., str]) -> None:
    """All problems are reported at once, each of them once."""
    message = rejection({**builds("2022", "2022"), **cloudwatch(externalId="x"), **logs(metadata={"from": "kubelet"})})
    for part in ('repeats "2022"', "`outputs.cloudwatch.externalId` is set", "`logs.metadata.from` is kubelet"):
        assert message.count(part) == 1
