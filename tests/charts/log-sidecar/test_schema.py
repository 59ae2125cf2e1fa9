"""The schema: accepted values, and values that could break an object or a configuration."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.render import supported
from harness.render.manifests import Manifests
from harness.render.schemas import value_errors

both_majors = pytest.mark.parametrize("helm", supported.HELM, indirect=True, ids=lambda major: f"helm-{major}")
# Passed to Kubernetes unchanged; the schema of Kubernetes defines their keys.
PASSED_ON = ("securityContext", "podSecurityContext", "lifecycle", "affinity", "updateStrategy")
FREE = (*PASSED_ON, "annotations", "labels", "nodeSelector", "commonLabels", "commonAnnotations")
FREE += ("podLabels", "podAnnotations", "requests", "limits", "global", "namespaceSelector", "profiles")
# Names of the user. Tests of filters, outputs, redaction and validations have what each entry accepts.
FREE += ("outputs", "source", "patterns", "extraDirectories", "extraProcessors")


def blocks(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Return every block of the values whose keys the chart defines."""
    yield above
    for key, value in values.items():
        if isinstance(value, dict) and key not in FREE:
            yield from blocks(value, (*above, key))


def nested(path: tuple[str, ...], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def one_file(**settings: Any) -> dict[str, Any]:
    return {"logs": {"files": [{"name": "a", "path": "/var/log/app/a.log", **settings}]}}


def test_defaults_are_valid(chart: Path, defaults: dict[str, Any]) -> None:
    """The default values are valid."""
    assert value_errors(chart, defaults) == []


def test_misspelt_key_is_rejected_in_every_block(chart: Path, defaults: dict[str, Any]) -> None:
    """An unknown key is rejected in every block, with the key and the block."""
    for path in blocks(defaults):
        [error] = value_errors(chart, nested(path, {"mispelt": 1}))
        assert error.startswith(".".join(path) or "top level")
        assert "'mispelt' was unexpected" in error


def test_a_parent_chart_may_add_to_global(chart: Path) -> None:
    """`global`, which Helm passes to every subchart, accepts keys of other charts."""
    assert value_errors(chart, {"global": {"somebodyElse": {"x": 1}}}) == []


@both_majors
@pytest.mark.parametrize(
    ("values", "where", "what"),
    [
        ({"sidecar": {"engin": "tail"}}, "/sidecar", "'engin' not allowed"),
        ({"app": {"replicas": "two"}}, "/app/replicas", "got string, want null or integer"),
        ({"sidecar": {"engine": "tails"}}, "/sidecar/engine", "'fluent-bit', 'tail'"),
        ({"logs": {"files": [{"name": "a"}]}}, "/logs/files/0", "missing property 'path'"),
        ({"app": {"kind": "ReplicaSet"}}, "/app/kind", "'Deployment'"),
        ({"app": {"ports": [{"port": 80}]}}, "/app/ports/0", "'port' not allowed"),
        ({"sidecar": {"resources": {"limits": {"memory": "lots"}}}}, "/sidecar/resources/limits/memory", "pattern"),
        ({"logs": {"volume": {"type": "existing"}}}, "/logs/volume/existing/name", "minLength: got 0, want 1"),
        (one_file(multiline="regex"), "/logs/files/0", "missing property 'multilineRegex'"),
        (one_file(multiline="regex", multilineRegex={}), "/logs/files/0/multilineRegex", "missing property 'start'"),
        (one_file(multilineRegex={"start": "x"}), "/logs/files/0", "missing property 'multiline'"),
        (one_file(multiline="java", multilineRegex={"start": "x"}), "/logs/files/0/multiline", "must be 'regex'"),
    ],
    ids=[
        "misspelt",
        "type",
        "word",
        "missing",
        "kind",
        "item",
        "quantity",
        "volume without a name",
        "multiline without a rule",
        "multiline without the first line",
        "rule without multiline",
        "rule of another multiline",
    ],
)
def test_helm_names_the_value(rejection: Callable[..., str], values: dict[str, Any], where: str, what: str) -> None:
    """Each Helm names the path of an invalid value and the expected type."""
    message = rejection(values)
    assert f"'{where}'" in message
    assert what in message


TEXT_VALUES = [
    ("nameOverride",),
    ("fullnameOverride",),
    ("priorityClassName",),
    ("runtimeClassName",),
    ("app", "name"),
    ("app", "workingDir"),
    ("app", "image", "registry"),
    ("app", "image", "repository"),
    ("app", "image", "tag"),
    ("app", "image", "digest"),
    ("app", "tmp", "sizeLimit"),
    ("app", "cronJob", "schedule"),
    ("app", "cronJob", "timeZone"),
    ("app", "service", "loadBalancerClass"),
    ("serviceAccount", "name"),
    ("serviceAccount", "roleArn"),
    ("logs", "directory"),
    ("logs", "multilineSeparator"),
    ("logs", "volume", "emptyDir", "sizeLimit"),
    ("logs", "volume", "persistentVolumeClaim", "existingClaim"),
    ("logs", "volume", "persistentVolumeClaim", "storageClassName"),
    ("logs", "volume", "persistentVolumeClaim", "size"),
    ("logs", "volume", "existing", "name"),
    ("logs", "volume", "existing", "subPath"),
    ("sidecar", "name"),
    ("sidecar", "state", "sizeLimit"),
    ("sidecar", "fluentBit", "binary"),
    ("sidecar", "fluentBit", "bufferMaxSize"),
    ("sidecar", "fluentBit", "httpServer", "listen"),
]


@pytest.mark.parametrize("path", TEXT_VALUES, ids=".".join)
@pytest.mark.parametrize(
    "text", ["a\nb: c", "a\rb", "a\tb\x00", "x\n[OUTPUT]\n"], ids=["newline", "return", "zero", "section"]
)
def test_no_text_can_add_a_line(chart: Path, path: tuple[str, ...], text: str) -> None:
    """Control characters are rejected in every string that reaches an object or a configuration."""
    assert value_errors(chart, nested(path, text))


@pytest.mark.parametrize("field", ["name", "path"])
@pytest.mark.parametrize(
    "text",
    [
        "/var/log/app/a\n",
        "/var/log/app/a,b",
        "/var/log/app/${HOME}",
        "/var/log/app/a b",
        "/var/log/app/'",
        '/var/log/app/"',
        "/var/log/app/{log}",
        "/var/log/app/$(x)",
        "/var/log/app/ñ",
    ],
)
def test_no_path_can_leave_its_place(rejection: Callable[..., str], field: str, text: str) -> None:
    """Characters with a meaning to Fluent Bit, a shell or Kubernetes are rejected in paths."""
    file = {"name": "a", "path": "/var/log/app/a.log", field: text}
    assert f"'/logs/files/0/{field}'" in rejection({"logs": {"files": [file]}})


@pytest.mark.parametrize(
    "text",
    [
        "'",
        '"',
        "{{ .Release.Name }}",
        "a: b",
        "0123",
        "no",
        "[OUTPUT]",
        "${VAR}",
        "../",
        "x" * 64,
        "ñandú",
        "a\nb: c",
        "- x",
        "# x",
    ],
)
def test_free_text_arrives_as_it_is(install: Callable[..., Manifests], text: str) -> None:
    """Environment variables, arguments and annotations can be any text, which is rendered unchanged."""
    values = {
        "app": {"demo": {"enabled": False}, "command": ["serve", text], "env": [{"name": "TEXT", "value": text}]},
        "podAnnotations": {"example.com/text": text},
        "commonAnnotations": {"example.com/common": text},
    }
    made = install(values)
    template = made.one("Deployment")["spec"]["template"]
    assert template["spec"]["containers"][0]["command"] == ["serve", text]
    assert template["spec"]["containers"][0]["env"] == [{"name": "TEXT", "value": text}]
    assert template["metadata"]["annotations"]["example.com/text"] == text
    assert made.one("Service")["metadata"]["annotations"] == {"example.com/common": text}
    assert made.names() == install({"app": {"demo": {"enabled": False}, "command": ["serve"]}}).names()
