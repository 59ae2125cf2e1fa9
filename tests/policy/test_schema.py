"""values.schema.json is the contract: it contains exactly the values, and every value has an effect."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from harness.render.helm import Helm
from harness.render.manifests import load_yaml
from harness.render.schemas import value_errors

from .conftest import cases, charts
from .values_tree import (
    Path_,
    closed_objects,
    dotted,
    is_of_kubernetes,
    leaves,
    merged,
    nested,
    read,
    reference_at,
    replaced,
    resolve,
    schema_at,
)

# Kubernetes objects: values.yaml need not list all of their fields.
KUBERNETES_SHAPED = re.compile(r"Probe$|^(resources|updateStrategy)$")
# Maps of the user with some keys that the chart requires: Alertmanager's configuration and profiles by name.
OPEN_MAPS = {("alertmanager", "config"), ("alertmanager", "config", "route"), ("injection", "profiles")}
# References to Secrets that have no default.
REQUIRED = {("sidecar", "sumologicCollector", key) for key in ("accessId", "accessKey")}
REQUIRED |= {("proxy", "httpProxy"), ("proxy", "httpsProxy"), ("caBundle", "configMap"), ("caBundle", "secret")}


@cache
def schema_of(chart: Path) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((chart / "values.schema.json").read_text(encoding="utf-8"))
    return schema


def is_closed(schema: dict[str, Any], path: Path_) -> bool:
    return schema_at(schema, path).get("additionalProperties") is False


def place(path: Path_) -> str:
    """Format a path as in Helm's errors."""
    return f"at '/{'/'.join(map(str, path))}'" if path else "at ''"


def test_schema_is_closed_everywhere(chart: Path) -> None:
    """Only `global`, maps by name, filters of the agents and scrape configurations accept unknown keys."""
    schema = schema_of(chart)
    open_objects = {path for path in closed_objects(schema) if not is_closed(schema, path)}
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    filters = {path for path in open_objects if {"extraFilters", "extraConfigs"} & set(path)}
    assert open_objects - filters - OPEN_MAPS == {("global",)}


def test_unknown_key_is_rejected_at_every_level(chart: Path, helm: Helm) -> None:
    """A misspelled key is rejected with its path."""
    schema = schema_of(chart)
    levels = [path for path in closed_objects(schema) if is_closed(schema, path)]
    values: dict[str, Any] = {}
    for path in levels:
        _combine(values, nested((*path, "mispelt"), 1))
    rejection = helm.template(chart, values=values)
    assert rejection.exit_code != 0
    expected = [f"{place(path)}: additional properties 'mispelt' not allowed" for path in levels]
    assert [line for line in expected if line not in rejection.stderr] == []


def test_wrong_type_is_rejected_for_every_value(chart: Path, helm: Helm) -> None:
    """A value with a wrong type is rejected with its path."""
    schema = schema_of(chart)
    wrong: dict[Path_, Any] = {}
    for level in closed_objects(schema):
        for key in schema_at(schema, level)["properties"]:
            path = (*level, key)
            if not _has_children(schema_at(schema, path)):
                wrong[path] = next(value for value in ({"wrong": []}, 7, "wrong") if _misfits(schema, path, value))
    values: dict[str, Any] = {}
    for path, value in wrong.items():
        _combine(values, nested(path, value))
    rejection = helm.template(chart, values=values)
    assert rejection.exit_code != 0
    assert [dotted(path) for path in wrong if place(path) not in rejection.stderr] == []


def test_schema_declares_what_values_list(chart: Path) -> None:
    """Every declared value is in values.yaml, with its default."""
    schema, values = schema_of(chart), merged(chart, None)
    missing = []
    for path in closed_objects(schema):
        if any(isinstance(step, int) or KUBERNETES_SHAPED.search(str(step)) for step in path):
            continue
        heads = [path[:end] for end in range(1, len(path) + 1)]
        free = OPEN_MAPS | REQUIRED
        if is_of_kubernetes(schema, path) or any(head in free or _is_foreign(schema, head) for head in heads):
            continue
        listed: Any = values
        for step in path:
            listed = listed[step]
        known = [key for key in schema_at(schema, path)["properties"] if not _is_foreign(schema, (*path, key))]
        missing += [dotted((*path, key)) for key in known if key not in listed]
    assert missing == []


def _is_foreign(schema: dict[str, Any], path: Path_) -> bool:
    return reference_at(schema, path).startswith("foreign.")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "value" in metafunc.fixturenames:
        found = [(chart, path) for chart in charts() for path in _documented(merged(chart, None))]
        metafunc.parametrize("value", found, ids=lambda found: f"{found[0].name}-{dotted(found[1])}")


# Values that only the notes use. The tests of the notes prove their effect.
IN_NOTES = {("cluster", "oidcIssuer")}


@pytest.mark.slow
def test_every_value_is_read(value: tuple[Path, Path_], helm: Helm) -> None:
    """Changing a value changes the render, or is rejected, in at least one configuration."""
    chart, path = value
    if path in IN_NOTES:
        notes = [file.read_text(encoding="utf-8") for file in (chart / "templates").rglob("*") if file.is_file()]
        assert any(f".{path[-1]}" in text for text in notes)
        return

    # A value likely has an effect where its neighbors have one or are set, or where a choice has a word of its name.
    # Try these configurations first, rare words before others.
    def far(index: int) -> tuple[bool, int, float]:
        chosen = len(_words(_bases(chart)[index][1]) & _words(*map(str, path)))
        shared = _chosen_words(chart)[index] & _words(*map(str, path))
        rare = sum(_rarity(chart, word) for word in shared)
        mattered = index in _mattered[chart, path[:-1]]
        return not mattered, -chosen, -rare - _depth_of_change(chart, configurations(chart)[index], path) / 10

    for index in sorted(range(len(configurations(chart))), key=far):
        base = configurations(chart)[index]
        before = helm.template(chart, values=base)
        for changed in islice(_changes(chart, base, path), 2):
            after = helm.template(chart, values=changed)
            if before.exit_code != 0:
                seen = after.exit_code == 0
            else:
                seen = after.stdout != before.stdout or "execution error at" in after.stderr
            if seen:
                _mattered[chart, path[:-1]].add(index)
                return
    pytest.fail(f"{dotted(path)} changes nothing in any configuration of {chart.name}")


# Configurations in which a group had an effect; saves renders.
_mattered: defaultdict[tuple[Path, Path_], set[int]] = defaultdict(set)


def _changes(chart: Path, base: dict[str, Any], path: Path_) -> Iterator[dict[str, Any]]:
    """Yield valid values that differ from the base in one place."""
    others = _others(chart, path)
    if path[0] == "outputs" and path[-1] == "type":
        # Another type has other keys.
        path, others = path[:-1], [{"type": "stdout"}, {"type": "http", "host": "x.invalid"}]
    fits = _validator(chart, path).is_valid
    for other in filter(fits, others):
        with suppress(KeyError, TypeError):  # the base has a different type there
            changed = replaced(base, path, other)
            if changed != base and not value_errors(chart, changed):
                yield changed


@cache
def _validator(chart: Path, path: Path_) -> Draft7Validator:
    """Return a quick check of a value at a path, before the full validation."""
    schema, here = schema_of(chart), {}
    with suppress(KeyError):  # below a part that the schema leaves to Kubernetes
        here = schema_at(schema, path)
    return Draft7Validator({**here, "definitions": schema.get("definitions", {})})


def configurations(chart: Path) -> tuple[dict[str, Any], ...]:
    """Return configurations: the one with most features, then each choice of each enum, then every case.

    A choice in a file is also varied, because the file may configure all alternatives.
    """
    return tuple(base for base, _ in _bases(chart))


@cache
def _bases(chart: Path) -> tuple[tuple[dict[str, Any], str], ...]:
    """Return each configuration with its choice, if any."""
    schema, values = schema_of(chart), merged(chart, None)
    files = [case.values for case in cases() if case.chart == chart]
    files.sort(key=lambda file: -file.stat().st_size if file else 0)
    first, *others = [merged(chart, file) for file in files]
    # A choice may require values that only the file with most features sets.
    places = [(base, path) for path in _documented(values) for base in (values, first)]
    places += [(merged(chart, file), path) for file in filter(None, files) for path in _documented(read(file))]
    choices = []
    for base, path in places:
        with suppress(KeyError):  # below a part that the schema leaves to Kubernetes
            choices += [(replaced(base, path, choice), str(choice)) for choice in schema_at(schema, path)["enum"]]
    bases: list[tuple[dict[str, Any], str]] = []
    for base, choice in [(first, ""), *choices, *((other, "") for other in others)]:
        bases += [] if any(base == known for known, _ in bases) else [(base, choice)]
    return tuple(bases)


@cache
def _chosen_words(chart: Path) -> list[set[str]]:
    """Return the words in the values that each configuration sets."""
    default = dict(leaves(merged(chart, None)))
    return [
        _words(*(str(part) for path, value in leaves(base) if default.get(path) != value for part in (*path, value)))
        for base in configurations(chart)
    ]


@cache
def _rarity(chart: Path, word: str) -> float:
    """Return the weight of a configuration among all with a word."""
    return 1 / sum(word in words for words in _chosen_words(chart))


def _words(*names: str) -> set[str]:
    """Split names into words, `fluentBit` like `fluent-bit`."""
    return {word.lower() for name in names for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def _depth_of_change(chart: Path, base: dict[str, Any], path: Path_) -> int:
    """Return the number of steps of a path that a base sets and the chart does not."""
    there: Any = base
    default: Any = merged(chart, None)
    depth = 0
    for step in path:
        there, default = (part.get(step) if isinstance(part, dict) else None for part in (there, default))
        depth += there != default
    return depth


def _documented(values: dict[str, Any], above: Path_ = ()) -> list[Path_]:
    """Return the path of every value that is not a group."""
    found: list[Path_] = []
    for key, value in values.items():
        path = (*above, key)
        inside = isinstance(value, dict) and value and not KUBERNETES_SHAPED.search(key)
        found += _documented(value, path) if inside else [path]
    return found


def _others(chart: Path, path: Path_) -> list[Any]:
    """Return candidate values for a path: from values files, then by type."""
    found: list[Any] = []
    for values in configurations(chart):
        there: Any = values
        for step in path:
            there = there.get(step) if isinstance(there, dict) else None
        found += [there] if there not in found else []
    strings = [
        "x",
        "7",
        "7Mi",
        "7d",
        "/var/log/app/x",
        "UTC",
        "*/7 * * * *",
        "x.invalid",
        "0.0.0.1",
        "sha256:" + "a" * 64,
        "grpc",
    ]
    maps = [{"x": "y"}, {"x": 7}, {"requests": {"cpu": "7m"}}, {"enabled": True, "periodSeconds": 7}, {}]
    maps += [{"name": "x", "key": "y"}, {"docker.io": "x.invalid", "public.ecr.aws": "x.invalid"}]
    lists = [["x"], ["10.0.0.0/8"], ["ReadWriteMany"], [{"name": "x"}], [{"configMapRef": {"name": "x"}}], []]
    ports = [[{"name": "http", "port": 7, "targetPort": "http"}]]
    return [*found, True, False, 7, 0, 300, 3000, *strings, *maps, *lists, *ports, *_OF_KUBERNETES]


# One example of each Kubernetes shape.
_OF_KUBERNETES: list[Any] = [
    {"nodeAffinity": {}},
    {"type": "OnDelete"},
    {"rollingUpdate": {"maxUnavailable": 7}},
    {"runAsUser": 7},
    {"preStop": {"sleep": {"seconds": 7}}},
    {"matchLabels": {"x": "y"}},
    [{"operator": "Exists"}],
    [{"podSelector": {}}],
    [{"maxSkew": 7, "topologyKey": "x", "whenUnsatisfiable": "DoNotSchedule"}],
]


def _has_children(node: dict[str, Any]) -> bool:
    items = node.get("items")
    return "properties" in node or (isinstance(items, dict) and ("properties" in items or "$ref" in items))


def _misfits(schema: dict[str, Any], path: Path_, value: Any) -> bool:
    node = resolve(schema, schema_at(schema, path))
    kinds = node.get("type") or [kind for part in node.get("anyOf", []) for kind in [resolve(schema, part)["type"]]]
    names = {dict: "object", int: "integer", str: "string"}
    allowed = {kinds} if isinstance(kinds, str) else set(kinds)
    allowed |= {"integer"} if "number" in allowed else set()
    return names[type(value)] not in allowed


def _combine(below: Any, above: Any) -> None:
    """Merge nested values, including list items; a map stays a map."""
    for key, value in above.items():
        if isinstance(value, list) and isinstance(below.get(key), list):
            _combine(below[key][0], value[0])
        elif isinstance(value, dict) and isinstance(below.get(key), dict):
            _combine(below[key], value)
        else:
            below.setdefault(key, value)


def test_documented_values_are_found() -> None:
    """The walk covers groups, plain values, empty ones and Kubernetes objects."""
    values = load_yaml("{a: {b: 1, c: {}}, d: [], e: null, f: {startupProbe: {enabled: true}}}")
    assert [dotted(path) for path in _documented(values)] == ["a.b", "a.c", "d", "e", "f.startupProbe"]
