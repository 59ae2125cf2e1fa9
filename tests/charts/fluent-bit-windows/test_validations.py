"""What the chart refuses at render time: what is wrong, where, and the YAML to write instead."""

import textwrap
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from harness.render import supported
from harness.render.manifests import Manifests

both_majors = pytest.mark.parametrize("helm", supported.HELM, indirect=True, ids=lambda major: f"helm-{major}")
HOST_PROCESS = {"mode": "hostProcess"}
LEGACY = {"profile": "aws-legacy", "windows": {"builds": [{"name": "2022"}]}}
ROLE = "arn:aws:iam::111122223333:role/fluent-bit-windows"


def builds(*names: str) -> dict[str, Any]:
    return {"windows": {"builds": [{"name": name} for name in names]}}


def services(**settings: Any) -> dict[str, Any]:
    return {"inputs": {"services": {"enabled": True, **settings}}}


def cloudwatch(**settings: Any) -> dict[str, Any]:
    return {"output": {"cloudwatch": settings}}


def namespaces(**chosen: list[str]) -> dict[str, Any]:
    return {"containerLogs": {"namespaces": chosen}}


# name: (values, what the message says, the YAML that it shows)
REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown build": (
        builds("2016"),
        'windows.builds[0] is "2016", which is no build of Windows Server with a label of its own',
        'windows:\n  builds:\n    - name: "2022"',
    ),
    "build twice": (
        builds("2022", "2022"),
        'windows.builds[1] is "2022" again: two agents on a node',
        'windows:\n  builds:\n    - name: "2022"',
    ),
    "2019 has no image": (builds("2019"), "Fluent Bit has published no image since 5.0", "mode: hostProcess"),
    "2025 has no legacy image": (
        {**LEGACY, **builds("2025")},
        'windows.builds[0] is "2025", for which AWS publishes no image',
        "profile: upstream",
    ),
    "one digest for two images": (
        {"image": {"digest": "sha256:" + "0" * 64}},
        "image.digest is set, and each of the 2 builds has an image of its own",
        'windows:\n  builds:\n    - name: "2022"\n      digest: sha256:...',
    ),
    "old version": (
        {"image": {"tag": "4.0.13"}},
        "image.tag is 4.0.13, and versions of Fluent Bit before 5.1.1 have known holes",
        "image:\n  tag: 5.1.1",
    ),
    "event log in a container": (
        {"inputs": {"eventLog": {"enabled": True}}},
        "a container sees its own, empty event log",
        "mode: hostProcess",
    ),
    "channels of services in a container": (
        services(channels=["EKS"]),
        "inputs.services.channels is set, and a container sees its own",
        "inputs:\n  services:\n    channels: []",
    ),
    "kubelet from a container": (
        {"metadata": "kubelet"},
        "metadata is kubelet, which answers on the node's own address only",
        "metadata: api",
    ),
    "pod identity": (
        {"identity": {"type": "podIdentity"}},
        "identity.type is podIdentity, which AWS documents for Linux nodes only",
        f"identity:\n  type: irsa\n  roleArn: {ROLE}",
    ),
    "pod identity of a host process": (
        {**HOST_PROCESS, "identity": {"type": "podIdentity"}},
        "AWS documents for Linux nodes only, and a host process is not in a pod's network",
        "identity:\n  type: podIdentity\n  allowPodIdentity: true",
    ),
    "role that nothing uses": (
        {"identity": {"type": "node", "roleArn": ROLE}},
        "identity.roleArn is set, and identity.type is node",
        "identity:\n  type: irsa",
    ),
    "role without an account": (
        {"identity": {"roleArn": ROLE}, "serviceAccount": {"create": False}},
        "serviceAccount.create is false: the role would stand nowhere",
        "serviceAccount:\n  create: true",
    ),
    "labels from a file name": (
        {"routing": {"groupTemplate": "/a/$kubernetes['labels']['app']"}},
        "a file's name has neither labels nor the like",
        "metadata: api",
    ),
    "legacy class": (
        {**LEGACY, **cloudwatch(groupClass="INFREQUENT_ACCESS")},
        "output.cloudwatch.groupClass is INFREQUENT_ACCESS, which Fluent Bit 1.9.10 cannot set",
        "profile: upstream",
    ),
    "legacy query": (
        {**LEGACY, **HOST_PROCESS, "inputs": {"eventLog": {"enabled": True, "query": "*[System]"}}},
        "inputs.eventLog.query is set, and Fluent Bit 1.9.10 cannot choose events",
        "profile: upstream",
    ),
    "legacy filters": (
        {**LEGACY, "extraFilters": [{"name": "modify", "match": "*"}]},
        "extraFilters are set, which are for a YAML configuration",
        "profile: upstream",
    ),
    "nothing to read": (
        {"inputs": {"containerLogs": {"enabled": False}}},
        "Every input is off",
        "inputs:\n  containerLogs:\n    enabled: true",
    ),
    "no channel": (
        {**HOST_PROCESS, "inputs": {"eventLog": {"enabled": True, "channels": []}}},
        "inputs.eventLog.channels is empty",
        "inputs:\n  eventLog:\n    channels:\n      - System",
    ),
    "no service": (
        services(directories=[]),
        "inputs.services has neither directories nor channels",
        "inputs:\n  services:\n    enabled: false",
    ),
    "channel twice": (
        {
            **HOST_PROCESS,
            "inputs": {"eventLog": {"enabled": True}, "services": {"enabled": True, "channels": ["EKS", "System"]}},
        },
        'The channel "System" is in inputs.eventLog.channels and in inputs.services.channels: its events would be sent',
        'inputs:\n  services:\n    channels: ["EKS"]',
    ),
    "folder twice": (services(directories=["C:\\a", "c:\\A"]), 'directories has "c:\\\\A" twice', ""),
    "folder of containers": (
        services(directories=["C:\\var\\log\\Containers"]),
        'directories has "C:\\\\var\\\\log\\\\Containers", which inputs.containerLogs reads',
        "",
    ),
    "new tag": (
        {"extraFilters": [{"name": "rewrite_tag", "match": "*", "rule": "$log ^ new true"}]},
        "extraFilters[0] is a rewrite_tag: no output matches its new tags",
        "routing:\n  groupTemplate: ...",
    ),
    "filter without match": (
        {"extraFilters": [{"name": "modify"}]},
        "extraFilters[0] (modify) has no match",
        "extraFilters:\n  - name: modify\n    match: application.*",
    ),
    "namespace in and out": (
        {"inputs": namespaces(include=["a"], exclude=["a"])},
        "The namespace a is in inputs.containerLogs.namespaces.include and in exclude",
        "",
    ),
    "group with a blank": (
        {"routing": {"prefix": "/my logs"}},
        'routing.prefix is "/my logs": the name of a log group has letters, digits and . - _ / # only. '
        'Write for example "/my-logs"',
        "",
    ),
    "empty stream prefix": (
        cloudwatch(streamPrefix=""),
        "it has letters, digits, . - _ / # and the variable ${HOST_NAME} only, and may not be empty",
        "output:\n  cloudwatch:\n    streamPrefix: ${HOST_NAME}-",
    ),
    "variable and slash": (
        cloudwatch(streamTemplate="$kubernetes['pod_name']/$kubernetes['container_name']"),
        "a variable ends at a point or at the end of the text only, so that this would be looked up as one name. "
        "Write for example \"$kubernetes['pod_name'].$kubernetes['container_name']\"",
        "",
    ),
    "variables side by side": (
        {"routing": {"groupTemplate": "$a/$b"}},
        'routing.groupTemplate is "$a/$b": a variable ends at a point',
        "",
    ),
    "template with a blank": (
        {"routing": {"groupTemplate": "/a b/$kubernetes['namespace_name']"}},
        "besides variables such as $kubernetes['namespace_name'] it may have letters",
        "",
    ),
    "retention": (
        cloudwatch(retentionDays=8),
        "output.cloudwatch.retentionDays is 8, and CloudWatch knows 1, 3, 5, 7, 14, 30,",
        "output:\n  cloudwatch:\n    retentionDays: 14",
    ),
    "empty list": (
        {"routing": {"mode": "list"}},
        "routing.mode is list, and routing.list is empty",
        "routing:\n  mode: list\n  list:\n    - namespace: default",
    ),
    "listed twice": (
        {"routing": {"mode": "list", "list": [{"namespace": "a"}, {"namespace": "a"}]}},
        "routing.list[1] has the namespace a again: its records would be sent, and billed, twice",
        "",
    ),
    "listed and not read": (
        {"routing": {"mode": "list", "list": [{"namespace": "a"}]}, "inputs": namespaces(exclude=["a", "b"])},
        "routing.list[0] is the namespace a, which inputs.containerLogs.namespaces leaves out",
        'inputs:\n  containerLogs:\n    namespaces:\n      exclude: ["b"]',
    ),
    "listed and not included": (
        {"routing": {"mode": "list", "list": [{"namespace": "a"}]}, "inputs": namespaces(include=["b"])},
        "routing.list[0] is the namespace a, which inputs.containerLogs.namespaces leaves out",
        'inputs:\n  containerLogs:\n    namespaces:\n      include: ["b","a"]',
    ),
    "no host": (
        {"output": {"type": "http"}},
        "output.type is http, and output.http.host is empty",
        "output:\n  http:\n    host: logs.example.com",
    ),
    "signed and with a password": (
        {"output": {"type": "opensearch", "opensearch": {"host": "h"}, "secret": {"name": "s"}}},
        "output.secret.name is set, and requests to OpenSearch are signed",
        "output:\n  opensearch:\n    awsAuth: false",
    ),
    "external id without a role": (
        {"output": {"externalId": "x"}},
        "output.externalId is set, and output.roleArn is empty",
        "output:\n  roleArn: arn:aws:iam::444455556666:role/logs",
    ),
}


@pytest.mark.parametrize(("values", "says", "shows"), REFUSED.values(), ids=REFUSED)
def test_refusal_shows_what_to_write(
    refusal: Callable[..., str], values: dict[str, Any], says: str, shows: str
) -> None:
    """Values that cannot work are refused with what is wrong, where, and YAML that can be pasted."""
    message = refusal(values)
    assert says in message
    assert shows in message
    yaml.safe_load(textwrap.dedent(shows))


# In full, as a user reads them.
WORD_FOR_WORD = {
    "retention of 8 days": (
        cloudwatch(retentionDays=8),
        """output.cloudwatch.retentionDays is 8, and CloudWatch knows 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, \
400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653 only (0: never expire). Write for example:
output:
  cloudwatch:
    retentionDays: 14""",
    ),
    "variable and slash": (
        {"routing": {"groupTemplate": "$a/$b"}},
        """routing.groupTemplate is "$a/$b": a variable ends at a point or at the end of the text only, so that this \
would be looked up as one name. Write for example "$a.$b".""",
    ),
    "unknown build": (
        builds("2016"),
        """windows.builds[0] is "2016", which is no build of Windows Server with a label of its own: 2019, 2022 and \
2025 are. Write for example:
windows:
  builds:
    - name: "2022\"""",
    ),
    "host process with pod identity": (
        {**HOST_PROCESS, "identity": {"type": "podIdentity"}},
        f"""identity.type is podIdentity, which AWS documents for Linux nodes only, and a host process is not in a \
pod's network. Write one of:
identity:
  type: irsa
  roleArn: {ROLE}
identity:
  type: podIdentity
  allowPodIdentity: true   # if you know that your nodes have it""",
    ),
    "group with a blank": (
        {"routing": {"mode": "static", "staticGroup": "my logs"}},
        """routing.staticGroup is "my logs": the name of a log group has letters, digits and . - _ / # only. \
Write for example "my-logs".""",
    ),
}


@both_majors
@pytest.mark.parametrize(("values", "sentence"), WORD_FOR_WORD.values(), ids=WORD_FOR_WORD)
def test_refusal_is_one_sentence_with_the_fix(
    refusal: Callable[..., str], values: dict[str, Any], sentence: str
) -> None:
    """What is wrong and what to write, and nothing else but Helm's own words around it."""
    message = refusal(values).strip().removesuffix("Use --debug flag to render out invalid YAML")
    assert message.partition("values.yaml:5:4): ")[2].strip() == sentence


ACCEPTED = {
    "own image for 2019": {"windows": {"builds": [{"name": "2019", "tag": "own"}]}},
    "2019 runs another build's image": {**HOST_PROCESS, **builds("2022", "2019")},
    "pod identity, on purpose": {"identity": {"type": "podIdentity", "allowPodIdentity": True}},
    "point between variables": cloudwatch(streamTemplate="$kubernetes['pod_name'].$kubernetes['container_name']"),
    "labels from the API server": {"metadata": "api", "routing": {"groupTemplate": "/a/$kubernetes['labels']['app']"}},
    "digest of one build": {**builds("2022"), "image": {"digest": "sha256:" + "0" * 64}},
    "metadata of old from a file name": LEGACY,
    "external id of old": {**LEGACY, "output": {"externalId": "x", "roleArn": ROLE}},
    "never expires": cloudwatch(retentionDays=0),
    "three years": cloudwatch(retentionDays=1096),
    "newer version": {"image": {"tag": "5.2.0"}},
}


@pytest.mark.parametrize("values", ACCEPTED.values(), ids=ACCEPTED)
def test_what_is_right_is_not_refused(install: Callable[..., Manifests], values: dict[str, Any]) -> None:
    """Neighbours of what is refused, which work, render."""
    assert install(values).select("DaemonSet")


def test_kubelet_of_old_asks_for_too_much(refusal: Callable[..., str], install: Callable[..., Manifests]) -> None:
    """Before Kubernetes 1.33 a kubelet answers only those who may run commands in any pod."""
    values = {**HOST_PROCESS, "metadata": "kubelet"}
    assert "asks for nodes/proxy, which is enough to run commands in any pod" in refusal(values, kubernetes="1.32.0")
    assert install(values, kubernetes="1.33.0")


@both_majors
def test_all_faults_are_told_at_once(refusal: Callable[..., str]) -> None:
    """One render shows every fault, each once."""
    message = refusal({**builds("2016"), **cloudwatch(retentionDays=8), "metadata": "kubelet"})
    for part in ('is "2016"', "retentionDays is 8", "metadata is kubelet"):
        assert message.count(part) == 1
