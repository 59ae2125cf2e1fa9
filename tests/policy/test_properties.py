"""Random values from the schema render to valid objects, or are rejected with a message."""

import json
import os
from collections import Counter
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema

from eks_observability.monitors.objects import KINDS
from harness.render import supported
from harness.render.helm import Helm
from harness.render.manifests import Manifests
from harness.render.schemas import object_errors, value_errors

from .exceptions import unexplained
from .rules import no_token_is_mounted, selectors_are_minimal
from .test_injection import broke
from .test_schema import configurations
from .values_tree import (
    Path_,
    closed_objects,
    dotted,
    is_of_kubernetes,
    merged,
    reference_at,
    replaced,
    resolve,
    schema_at,
)

# 200 fixed examples per chart in every run; EXAMPLES=5000 draws new ones each night.
EXAMPLES = int(os.environ.get("EXAMPLES") or 200)
SHARDS = 4
# Extra Kubernetes objects, which the schema does not describe.
FREE = {"extraObjects", "extraContainers", "extraInitContainers", "extraVolumes"}
# Kubernetes definitions, and keys of other charts, which are always rejected.
NOT_DRAWN = ("io.k8s.", "foreign.")


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
def test_values_of_the_schema_render(chart: Path, helm: Helm, shard: int) -> None:
    """Configurations with one to four random values never break a template, and render valid objects."""
    outcomes: Counter[str] = Counter()

    @settings(
        max_examples=EXAMPLES // SHARDS,
        deadline=None,
        database=None,
        derandomize=not os.environ.get("EXAMPLES"),
        suppress_health_check=list(HealthCheck),
    )
    @given(values=st.sampled_from(configurations(chart)), changes=_changes(chart, shard))
    def draw(values: dict[str, Any], changes: dict[Path_, Any]) -> None:
        for path, value in changes.items():
            with suppress(TypeError):  # another change made its parent a scalar
                values = replaced(values, path, value)
        if value_errors(chart, values):
            return  # mutually exclusive values
        answer = helm.template(chart, values=values, kube_version=f"{supported.KUBERNETES[0]}.0")
        outcomes["rendered" if answer.exit_code == 0 else "rejected"] += 1
        drawn = {dotted(path): value for path, value in changes.items()}
        if answer.exit_code != 0:
            assert not broke(answer.stderr), (drawn, answer.stderr)
            return
        rendered = Manifests.parse(answer.stdout)
        builtin = [item for item in rendered if item["kind"] not in KINDS]
        assert [error for item in builtin for error in object_errors(item, supported.KUBERNETES[0])] == [], drawn
        assert selectors_are_minimal(rendered) == [], drawn
        if not any("automount" in path for path in changes):
            assert unexplained(chart, no_token_is_mounted(rendered)) == [], drawn

    draw()
    # Values that are almost always rejected would prove nothing.
    assert outcomes["rendered"] > sum(outcomes.values()) / 4, outcomes


@cache
def _changes(chart: Path, shard: int) -> st.SearchStrategy[dict[Path_, Any]]:
    schema: dict[str, Any] = json.loads((chart / "values.schema.json").read_text(encoding="utf-8"))
    objects = [path for path in closed_objects(schema) if not any(isinstance(step, int) for step in path)]
    groups = {path for path in objects if not is_of_kubernetes(schema, path) and _is_listed(chart, path)}
    paths = [
        (*group, key)
        for group in sorted(groups)
        for key in schema_at(schema, group)["properties"]
        if not reference_at(schema, (*group, key)).startswith(NOT_DRAWN)
    ]
    leaves = [path for path in paths if path not in groups and not FREE & set(path) and path[0] != "global"]
    tamed = {path: part for path in leaves if (part := _tame(schema, schema_at(schema, path))) is not None}
    # Every value is in one of the shards.
    strategies = {path: from_schema(part) for path, part in [*tamed.items()][shard::SHARDS]}
    chosen = st.lists(st.sampled_from([*strategies]), min_size=1, max_size=4, unique=True)
    return chosen.flatmap(lambda picked: st.fixed_dictionaries({path: strategies[path] for path in picked}))


def _is_listed(chart: Path, path: Path_) -> bool:
    """Return whether values.yaml has a group; in other groups, no single value can be set."""
    there: Any = merged(chart, None)
    for step in path:
        if step not in there:
            return False
        there = there[step]
    return True


def _tame(schema: dict[str, Any], node: Any) -> dict[str, Any] | None:
    """Return a subschema with references resolved; ``None`` for Kubernetes objects."""
    if str(node.get("$ref", "")).removeprefix("#/definitions/").startswith(NOT_DRAWN):
        return None
    node = resolve(schema, node)
    if node.get("type") == "object" and not {"properties", "additionalProperties"} & set(node):
        return None
    if "then" in node and "type" not in node:
        return _tame(schema, node["then"])
    if any("then" in part for part in node.get("allOf", [])):
        return {"anyOf": [_of_type(schema, part) for part in node["allOf"]]}
    tamed = {key: value for key, value in node.items() if key not in ("description", "title", "default")}
    if "properties" in tamed:
        parts = {name: _tame(schema, part) for name, part in tamed["properties"].items()}
        tamed["properties"] = {name: part for name, part in parts.items() if part is not None}
    for key in ("additionalProperties", "propertyNames"):
        if isinstance(tamed.get(key), dict):
            tamed[key] = _tame(schema, tamed[key]) or False
    for key in ("anyOf", "allOf"):
        if key in tamed:
            tamed[key] = [part for choice in tamed[key] if (part := _tame(schema, choice)) is not None]
    if "array" in tamed.get("type", ""):
        items = _tame(schema, tamed.pop("items", {}))
        tamed |= {"maxItems": 0} if items is None else {"maxItems": 3, "items": items}
    return tamed


def _of_type(schema: dict[str, Any], conditional: dict[str, Any]) -> dict[str, Any]:
    """Return the subschema of entries of a type, such as an output, which are always complete."""
    tamed = _tame(schema, conditional["then"]) or {}
    tamed["properties"]["type"] = conditional["if"]["properties"]["type"]
    tamed.pop("if", None)
    needs = tamed.pop("then", {})
    return {**tamed, **needs, "required": ["type", *needs.get("required", [])]}


def test_entries_of_a_type_are_drawn_complete() -> None:
    """An entry has the keys of its own type, and the ones that this type requires."""
    entry = {
        "type": "object",
        "properties": {"type": {"type": "string"}, "host": {"type": "string"}},
        "if": {"properties": {"enabled": {"const": True}}},
        "then": {"required": ["host"]},
    }
    conditional = {"if": {"properties": {"type": {"const": "a"}}}, "then": {"$ref": "#/definitions/a"}}
    assert _tame({"definitions": {"a": entry}}, {"type": "object", "properties": {}, "allOf": [conditional]}) == {
        "anyOf": [
            {
                "type": "object",
                "properties": {"type": {"const": "a"}, "host": {"type": "string"}},
                "required": ["type", "host"],
            }
        ]
    }


def test_what_is_left_to_kubernetes_is_not_drawn() -> None:
    """References are resolved; open objects are omitted, and lists of them are empty."""
    schema = {"definitions": {"a": {"type": "array", "items": {"type": "object"}}}}
    assert _tame(schema, {"type": "object"}) is None
    assert _tame(schema, {"$ref": "#/definitions/a"}) == {"type": "array", "maxItems": 0}
    both = {"type": "object", "properties": {"open": {"type": "object"}, "closed": {"type": "string"}}}
    assert _tame(schema, both) == {"type": "object", "properties": {"closed": {"type": "string"}}}
