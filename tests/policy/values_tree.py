"""Walks values and schemas, and changes values at one path."""

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from harness.render.manifests import load_yaml

Path_ = tuple[str | int, ...]


@cache
def merged(chart: Path, file: Path | None) -> dict[str, Any]:
    """Return the values of a chart merged with a values file, as in Helm; do not modify them."""
    values = read(chart / "values.yaml")
    if file is not None:
        _merge(values, read(file))
    return values


def read(file: Path) -> dict[str, Any]:
    """Return the values of a file."""
    return load_yaml(file.read_text(encoding="utf-8")) or {}


def leaves(values: Any, above: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Yield every scalar with its path."""
    if isinstance(values, dict):
        for key, value in values.items():
            yield from leaves(value, (*above, key))
    elif isinstance(values, list):
        for index, value in enumerate(values):
            yield from leaves(value, (*above, index))
    else:
        yield above, values


def replaced(values: dict[str, Any], path: Path_, value: Any) -> dict[str, Any]:
    """Return values with one path replaced; the rest is shared with the original."""
    changed = copy.copy(values)
    target: Any = changed
    for step in path[:-1]:
        # A block that is null by default is empty.
        target[step] = {} if target[step] is None else copy.copy(target[step])
        target = target[step]
    target[path[-1]] = value
    return changed


def closed_objects(schema: dict[str, Any], node: Any = None, above: Path_ = ()) -> Iterator[Path_]:
    """Yield the path of every object with declared keys in a schema; list items have index 0."""
    node = resolve(schema, schema if node is None else node)
    if "properties" in node:
        yield above
        for key, child in node["properties"].items():
            yield from closed_objects(schema, child, (*above, key))
    if isinstance(node.get("items"), dict):
        yield from closed_objects(schema, node["items"], (*above, 0))


def resolve(schema: dict[str, Any], node: Any) -> dict[str, Any]:
    """Resolve a reference inside a schema."""
    while isinstance(node, dict) and "$ref" in node:
        target: Any = schema
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node if isinstance(node, dict) else {}


def schema_at(schema: dict[str, Any], path: Path_) -> dict[str, Any]:
    """Return the subschema of a path."""
    node = resolve(schema, schema)
    for step in path:
        node = resolve(schema, node["items"] if isinstance(step, int) else node["properties"][step])
    return node


def reference_at(schema: dict[str, Any], path: Path_) -> str:
    """Return the name of the definition of a path; empty if there is none."""
    above = schema_at(schema, path[:-1])
    node = above["items"] if isinstance(path[-1], int) else above["properties"][path[-1]]
    return str(node.get("$ref", "")).removeprefix("#/definitions/")


def is_of_kubernetes(schema: dict[str, Any], path: Path_) -> bool:
    """Return whether a path is in a Kubernetes object."""
    heads = [path[: length + 1] for length in range(len(path))]
    comments = (str(schema_at(schema, head).get("$comment", "")) for head in heads)
    return any(reference_at(schema, head).startswith("io.k8s.") for head in heads) or any(
        comment.startswith("extends io.k8s.") for comment in comments
    )


def nested(path: Path_, value: Any) -> Any:
    """Return values with a single value at a path."""
    for step in reversed(path):
        value = [value] if isinstance(step, int) else {step: value}
    return value


def dotted(path: Path_) -> str:
    """Format a path: ``logs.files[0].path``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".") or "top level"


def _merge(below: dict[str, Any], above: dict[str, Any]) -> None:
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            _merge(below[key], value)
        else:
            below[key] = value
