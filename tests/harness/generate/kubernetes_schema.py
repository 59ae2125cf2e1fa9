"""The JSON schemas of Kubernetes as definitions for a values schema: closed, and without descriptions."""

from typing import Any

from harness.render import schemas

_INT32: dict[str, Any] = {"minimum": -(2**31), "maximum": 2**31 - 1}
# The bundled schemas use `oneOf` with null in each branch, which null never satisfies, and whose errors are unreadable.
# The pattern is from k8s.io/apimachinery/pkg/api/resource.
_OWN: dict[str, dict[str, Any]] = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": ["string", "integer", "null"]},
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {
        "type": ["string", "number", "null"],
        "pattern": "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$",
    },
}
_KEPT = {"type", "properties", "items", "additionalProperties", "required", "enum"}


def definitions(kubernetes: str) -> dict[str, dict[str, Any]]:
    """Return the definitions of a Kubernetes version by name, for example ``io.k8s.api.core.v1.Affinity``.

    Args:
        kubernetes: the version, ``1.34`` for example.

    Returns:
        Draft 7 schemas that refer to each other as ``#/definitions/<name>``. Unknown fields are rejected; null
        means an absent field, as in the API server.

    Raises:
        HarnessError: the version is unknown.
    """
    return {name: _OWN.get(name) or _compact(schema) for name, schema in schemas.definitions(kubernetes).items()}


def _compact(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        return {"$ref": f"#/definitions/{node['$ref'].rpartition('/')[2]}"}
    kept: dict[str, Any] = {key: node[key] for key in sorted(node.keys() & _KEPT)}
    if "properties" in kept:
        kept["properties"] = {name: _compact(part) for name, part in node["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), dict):
            kept[key] = _compact(kept[key])
    return kept | (_INT32 if node.get("format") == "int32" else {})
