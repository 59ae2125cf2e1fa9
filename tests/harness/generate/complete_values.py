"""What values.yaml lists must be there: Helm removes what a user sets to null, and templates would stop without it."""

from typing import Any

_REF = "#/definitions/"
_HINT = (
    "complete: remove lines that set a value to null; "
    "when you upgrade, replace --reuse-values with --reset-then-reuse-values"
)

Schema = dict[str, Any]


def definitions(schema: Schema, known: dict[str, Schema], values: dict[str, Any]) -> dict[str, Schema]:
    """Return the definitions that refuse values in which something of values.yaml is missing.

    Args:
        schema: the chart's schema.
        known: the definitions that it refers to.
        values: the chart's values.yaml.

    Returns:
        Definitions that hold for the whole of the values: ``values.complete`` names what is missing, and
        ``values.hint`` says how it comes about; ``values.outputs`` requires the type of each output. Not required are
        values that are null by default, items of lists, entries of maps whose names are the user's, and whatever
        belongs to a Kubernetes object.
    """
    complete = _required(schema, known, values)
    hint = {"if": {"$ref": f"{_REF}values.complete"}, "else": {"const": _HINT}}
    found: dict[str, Schema] = {"values.complete": complete, "values.hint": hint}
    if schema["properties"].get("outputs") == {"$ref": f"{_REF}shared.outputs"}:
        found["values.outputs"] = {"properties": {"outputs": {"additionalProperties": {"required": ["type"]}}}}
    return found


def _required(node: Schema, known: dict[str, Schema], values: dict[str, Any]) -> Schema:
    """Return a schema that requires the properties of a schema which values list."""
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
    """Return the properties of the chart's own objects: fields of Kubernetes and handlers of probes may be absent."""
    while "$ref" in node:
        target: Any = {"definitions": known}
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    if node.get("$comment", "").startswith("extends io.k8s."):
        return {}
    properties = node.get("properties", {})
    return {key: part for key, part in properties.items() if not part.get("$ref", "").startswith(f"{_REF}io.k8s.")}
