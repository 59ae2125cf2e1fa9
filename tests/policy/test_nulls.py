"""The schema rejects a value set to null, which Helm removes, before a template fails."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.render import supported
from harness.render.helm import Helm
from harness.render.manifests import load_yaml

from .conftest import charts
from .values_tree import Path_, dotted, merged, nested

both_helms = pytest.mark.parametrize("helm", supported.HELM, indirect=True, ids=lambda major: f"helm-{major}")
# Inside these, fields belong to the user or Kubernetes, and null may remove a default.
PASSED_ON = re.compile(r"^(resources|securityContext|podSecurityContext|modules|nodeSelector|outputs)$")
MISSING = re.compile(r"at '(\S*)': missing propert(?:y|ies) ('.*')$", re.MULTILINE)


def required(values: dict[str, Any], above: Path_ = ()) -> Iterator[Path_]:
    """Yield the path of every value of a chart, including groups, except values that are null by default."""
    for key, value in values.items():
        if value is None:
            continue
        yield (*above, key)
        if isinstance(value, dict) and not PASSED_ON.match(key):
            yield from required(value, (*above, key))


def set_to_null(paths: list[Path_]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for path in paths:
        group = values
        for step in path[:-1]:
            group = group.setdefault(str(step), {})
        group[str(path[-1])] = None
    return values


def missing(message: str) -> set[str]:
    """Return the paths of missing properties in Helm's errors."""
    return {
        dotted((*place.strip("/").split("/"), name)).lstrip(".")
        for place, names in MISSING.findall(message)
        for name in re.findall(r"'([^']*)'", names)
    }


@both_helms
def test_every_null_is_rejected(chart: Path, helm: Helm) -> None:
    """Every value and group set to null is named with its path."""
    paths = [*required(merged(chart, None))]
    found: set[str] = set()
    for depth in range(1, max(map(len, paths)) + 1):
        answer = helm.template(chart, values=set_to_null([path for path in paths if len(path) == depth]))
        assert answer.exit_code != 0
        assert "nil pointer" not in answer.stderr
        found |= missing(answer.stderr)
    assert {dotted(path) for path in paths} == found


@both_helms
def test_message_says_what_to_do(chart: Path, helm: Helm) -> None:
    """Values of an older release lack new keys: the message names the Helm option that adds them."""
    message = helm.template(chart, values={"extraObjects": None}).stderr
    assert "- at '': missing property 'extraObjects'" in message
    assert "replace --reuse-values with --reset-then-reuse-values" in message
    assert "remove lines that set a value to null" in message


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("log-sidecar", ("app", "replicas")),
        ("log-sidecar", ("app", "resources", "limits", "memory")),
        ("log-sidecar", ("podSecurityContext", "seccompProfile")),
        ("fluent-bit-windows", ("resources", "limits")),
        ("fluent-bit-windows", ("outputs", "cloudwatch", "logGroupTemplate")),
        ("observability-stack", ("server", "securityContext", "readOnlyRootFilesystem")),
        ("observability-stack", ("server", "livenessProbe", "exec")),
    ],
    ids=lambda part: dotted(part) if isinstance(part, tuple) else part,
)
def test_defaults_of_kubernetes_objects_can_be_removed(helm: Helm, name: str, path: Path_) -> None:
    """Null removes a chart's default in a Kubernetes object, and is valid where it is the default."""
    [chart] = [chart for chart in charts() if chart.name == name]
    assert helm.render(chart, values=nested(path, None))


def test_required_paths_are_those_of_the_values() -> None:
    """The walk skips null defaults and Kubernetes fields, and includes groups and lists."""
    values = load_yaml("{a: {b: 1, c: null, resources: {limits: {}}}, d: []}")
    assert [dotted(path) for path in required(values)] == ["a", "a.b", "a.resources", "d"]
    assert set_to_null([("a", "b"), ("d",)]) == {"a": {"b": None}, "d": None}
    message = "- at '': missing property 'd'\n  - at '/a/e': missing properties 'b', 'c'\n"
    assert missing(message) == {"d", "a.e.b", "a.e.c"}
