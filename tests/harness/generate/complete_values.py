"""Requires the values in values.yaml: Helm removes values that are null, and templates would fail without them."""

from typing import Any

_REF = "#/definitions/"
_HINT = (
    "complete: remove lines that set a value to null; "
    "when you upgrade, replace --reuse-values with --reset-then-reuse-values"
)

Schema = dict[str, Any]


def definitions(schema: Schema, known: dict[str, Schema], values: dict[str, Any]) -> dict[str, Schema]:
    """Return definitions that reject values with missing keys of values.yaml.

    Args:
        schema: the chart's schema.
        known: the definitions that the schema refers to.
        values: the chart's values.yaml.

    Returns:
        Definitions for the root of the values: ``values.complete`` names missing keys, and ``values.hint`` explains
        the cause; ``values.outputs`` requires the type of each output. Not required are values that are null by
        default, list items, entries of maps with names of the user, and fields of Kubernetes objects.
    """
    complete = _required(schema, known, values)
    hint = {"if": {"$ref": f"{_REF}values.complete"}, "else": {"const": _HINT}}
    found: dict[str, Schema] = {"values.complete": complete, "values.hint": hint}
    if schema["properties"].get("outputs") == {"$ref": f"{_REF}shared.outputs"}:
        found["values.outputs"] = {"properties": {"outputs": {"additionalProperties": {"required": ["type"]}}}}
    return found


def _required(node: Schema, known: dict[str, Schema], values: dict[str, Any]) -> Schema:
    """Return a schema that requires the properties in the values."""
    found: Schema = {}
    listed = {key: part for key, part in _properties(node, known).items() if values.get(key) is not None}
    if listed:
        found["required"] = list(listed)
    inside = {
        key: below
        for key, part in listed.items()
        if isinstance(values[key], dict) and (below := _required(part, known, values[key]))
    }
    return found | ({"properties": inside} if inside else {})


def _properties(node: Schema, known: dict[str, Schema]) -> dict[str, Schema]:
    """Return the properties of the chart's own objects; Kubernetes fields and probe handlers may be absent."""
    while "$ref" in node:
        target: Any = {"definitions": known}
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    if node.get("$comment", "").startswith("extends io.k8s."):
        return {}
    properties = node.get("properties", {})
    return {key: part for key, part in properties.items() if not part.get("$ref", "").startswith(f"{_REF}io.k8s.")}
