"""User strings stay strings, in objects and in agent configuration."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml

from harness.render.helm import Helm
from harness.render.manifests import Manifests
from harness.render.schemas import value_errors

from .conftest import Case, cases
from .values_tree import Path_, dotted, leaves, merged, read, replaced

CORPUS = {
    "double quote": 'a"b',
    "single quote": "a'b",
    "backslash": "a\\",
    "newline": "a\n[OUTPUT]\n    Name null",
    "trailing newline": "a\n",
    "carriage return": "a\r\nb: c",
    "tab": "a\tb",
    "template": '{{ fail "evaluated" }}',
    "mapping": "a: b",
    "comment": "a #b",
    "flow": "]}, {[",
    "alias": "*a",
    "octal": "0123",
    "boolean": "no",
    "null": "null",
    "section": "[OUTPUT]",
    "variable of an agent": "${HOME}",
    "variable of Kubernetes": "$(HOME)",
    "command": "$(id); `id` | id",
    "parent folder": "../../etc",
    "64 characters": "a" * 64,
    "not ASCII": "ñandú 日本 🦤",
}
# Documented as free-form: intentionally code or templates.
FREE_FORM = {
    "command",
    "args",
    "env",
    "extraEnv",
    "lifecycle",
    "exec",
    "extraContainers",
    "extraInitContainers",
    "extraFilters",
    "extraProcessors",
    "extraConfigs",
    "groups",  # rules, in which Prometheus expands nothing
}
TEMPLATES = {"extraObjects"}
# Replacement for an empty string in the values file.
HARMLESS = ("x", "/x", "/var/log/app/x", "7Mi", "7", "x.invalid", "sha256:" + "a" * 64)
WORDS = ("word", "two words")
# Characters that a script may contain unchanged.
SAFE_IN_SCRIPTS = re.compile(r"[A-Za-z0-9._/-]*")
# Helm's messages for a broken template.
EVALUATED = re.compile(r": evaluated\s*$", re.MULTILINE)
BROKEN = ("nil pointer", "YAML parse error", "error converting YAML", "executing ", "wrong type")


class Loader(yaml.CSafeLoader):
    """Parses agent configuration too, with fluentd's tags for environment variables."""


Loader.add_constructor("!fluent/s", lambda loader, node: str(loader.construct_scalar(node)))  # type: ignore[arg-type]

# Places that rejected a text: the next one is tried there alone, without another search.
_rejected_alone: set[tuple[Case, Path_]] = set()


# Texts of a quick run, in the file with most features.
QUICK = ("newline", "template")
# Texts for environments, which change only a few values.
FOR_ENVIRONMENTS = (*QUICK, "mapping", "command", "octal", "variable of an agent", "variable of Kubernetes")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "target" in metafunc.fixturenames:
        metafunc.parametrize(
            ("target", "text"),
            [
                pytest.param(case, text, id=f"{case}-{name}", marks=() if _is_quick(case, name) else pytest.mark.slow)
                for case in cases()
                for name, text in CORPUS.items()
                if name in FOR_ENVIRONMENTS or not _is_environment(case)
            ],
        )


def _is_environment(case: Case) -> bool:
    """Return whether a file is an environment of values/."""
    return case.values is not None and case.values.parent.name in ("dev", "staging", "prod")


def _is_quick(case: Case, name: str) -> bool:
    return name in QUICK and case.values is not None and case.values.stem == "all-values"


def test_strings_stay_strings(target: Case, text: str, helm: Helm) -> None:
    """Each string in a values file can be replaced by a hostile one, which is rejected or kept unchanged."""
    values = merged(target.chart, target.values)
    # Helm rejects the same values as the schema, see test_schema.
    places = [
        path for path in _strings(target) if not value_errors(target.chart, _part(replaced(values, path, text), path))
    ]
    alone = [[path] for path in places if (target, path) in _rejected_alone]
    together = [path for path in places if (target, path) not in _rejected_alone]
    assert [fault for part in (together, *alone) for fault in _faults(helm, target, values, part, text)] == []


def _faults(helm: Helm, case: Case, values: dict[str, Any], places: list[Path_], text: str) -> list[str]:
    """Return the faults of a text in all these places; if they are rejected together, check them one by one."""
    if not places:
        return []
    hostile, calm = values, values
    for path in places:
        hostile = replaced(hostile, path, text)
        calm = replaced(calm, path, _harmless(case, path))
    answer, before = (helm.template(case.chart, values=chosen) for chosen in (hostile, calm))
    if answer.exit_code == before.exit_code == 0:
        names = ", ".join(map(dotted, places))
        found = list(_differences(Manifests.parse(before.stdout), Manifests.parse(answer.stdout), places, text))
        # A chart may render a text with spaces differently from a word, so compare with both.
        for other in WORDS if len(places) == 1 else ():
            calm_too = helm.template(case.chart, values=replaced(values, places[0], other))
            if found and calm_too.exit_code == 0:
                found = list(
                    _differences(Manifests.parse(calm_too.stdout), Manifests.parse(answer.stdout), places, text)
                )
        if not found or len(places) == 1:
            return [f"{names}: {fault}" for fault in found]
    elif len(places) == 1:
        _rejected_alone.add((case, places[0]))
        if answer.exit_code == 0:
            return [f"{dotted(places[0])}: the harmless string is rejected: {before.stderr}"]
        return [f"{dotted(places[0])}: {answer.stderr}"] if broke(answer.stderr) else []
    half = len(places) // 2
    parts = places[:half], places[half:]
    return [fault for part in parts for fault in _faults(helm, case, values, part, text)]


def _strings(case: Case) -> Iterator[Path_]:
    """Yield the place of each string in a values file."""
    own = case.values or case.chart / "values.yaml"
    for path, value in leaves(read(own)):
        if isinstance(value, str) and not TEMPLATES & set(path):
            yield path


def _part(values: dict[str, Any], path: Path_) -> dict[str, Any]:
    return {str(path[0]): values[str(path[0])]}


@cache
def _harmless(case: Case, path: Path_) -> str:
    """Return an unambiguous string for the same place."""
    values = merged(case.chart, case.values)
    current: Any = values
    for step in path:
        current = current[step]
    for text in (current, *HARMLESS) if current else HARMLESS:
        if not value_errors(case.chart, _part(replaced(values, path, text), path)):
            return str(text)
    pytest.fail(f"{dotted(path)}: no harmless string is accepted there; add one to HARMLESS")


def broke(stderr: str) -> bool:
    """Return whether a template broke or executed the text, instead of rejecting it with a message."""
    if EVALUATED.search(stderr):
        return True
    rejected = "execution error at" in stderr or "don't meet the specifications" in stderr
    return not rejected or any(sign in stderr.partition("execution error at")[0] for sign in BROKEN)


def _differences(before: Manifests, after: Manifests, places: list[Path_], text: str) -> Iterator[str]:
    if _shape([*before]) != _shape([*after]):
        yield "the shape of the objects changes"
    if all(FREE_FORM & set(path) for path in places):
        return
    if not SAFE_IN_SCRIPTS.fullmatch(text) and _scripts(before) != _scripts(after):
        yield "a script's text changes"
    if _expanded(after) > _expanded(before):
        yield "a variable is expanded where the string ends up"


def _shape(value: Any, key: str = "") -> Any:
    """Return the shape of objects without strings: keys, lengths of lists, types."""
    if isinstance(value, dict):
        shapes = {name: _shape(child, str(name)) for name, child in value.items()}
        # File names in a ConfigMap may depend on values, so they are not part of the shape.
        return sorted(map(str, shapes.values())) if key == "data" else shapes
    if isinstance(value, list):
        return [_shape(child) for child in value]
    if isinstance(value, str) and key.endswith((".yaml", ".yml", ".json")):
        return _shape_of_file(value)
    if isinstance(value, str) and key.endswith(".conf"):
        return [line.partition(" ")[0] for line in value.splitlines()]
    return type(value).__name__


@cache
def _shape_of_file(text: str) -> Any:
    return _shape(yaml.load(text, Loader=Loader))


def _scripts(manifests: Manifests) -> list[str]:
    """Return the text of every command that a shell interprets."""
    commands = [[*box.get("command", []), *box.get("args", [])] for box in manifests.containers()]
    return [text for command in commands if "-c" in command for text in command]


def _expanded(manifests: Manifests) -> int:
    """Count the variable references for Kubernetes or an agent."""
    environment = [entry.get("value", "") for box in manifests.containers() for entry in box.get("env", [])]
    arguments = [text for box in manifests.containers() for text in (*box.get("command", []), *box.get("args", []))]
    files = [item.get("data") or {} for item in manifests.select("ConfigMap")]
    configuration = [text for data in files for name, text in data.items() if name.endswith((".yaml", ".conf"))]
    taken_by_kubernetes = sum(text.count("$(HOME)") for text in [*environment, *arguments])
    return taken_by_kubernetes + sum(text.count("${HOME}") for text in configuration)


BASE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data: {"agent.yaml": "pipeline: {inputs: [{path: x}]}", "agent.conf": "Name tail"}
---
apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {containers: [{name: a, command: [sh, -c, "cat x"], env: [{name: F, value: x}]}]}
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{name: a}", "{name: 0123}"),
        ("{name: a}", "{name: a, labels: {x: y}}"),
        ("[{path: x}]", "[{path: x}, {path: y}]"),
        ("[{path: x}]", "[{path: no}]"),
        ("Name tail", r"Name tail\n[OUTPUT]"),
        ("cat x", "cat x; id"),
        ("{path: x}", "{path: '${HOME}'}"),
        ("value: x", "value: $(HOME)"),
    ],
)
def test_injections_are_noticed(old: str, new: str) -> None:
    """Every possible effect of a hostile string on objects, configuration and scripts is detected."""
    before, after = Manifests.parse(BASE), Manifests.parse(BASE.replace(old, new))
    assert list(_differences(before, before, [("x",)], "; id")) == []
    assert list(_differences(before, after, [("x",)], "; id")) != []


@pytest.mark.parametrize(
    "stderr",
    [
        "Error: template: x/templates/a.yaml:1: executing ... nil pointer evaluating interface {}.b",
        "Error: YAML parse error on x/templates/a.yaml: error converting YAML to JSON",
        "Error: execution error at (x/templates/a.yaml:1:4): evaluated\n\nUse --debug flag to render out invalid YAML",
    ],
)
def testbroken_templates_are_no_rejections(stderr: str) -> None:
    """A broken template does not count as a rejection."""
    assert broke(stderr)
    assert not broke("Error: execution error at (x/templates/a.yaml:1:4): two files are called nil pointer; write ...")
    assert not broke("Error: values don't meet the specifications of the schema(s) in the following chart(s):")
