"""Keys of other charts: the schema rejects each with the name of our key."""

from pathlib import Path
from typing import Any

import yaml

from harness.errors import HarnessError

_REF = "#/definitions/"

Schema = dict[str, Any]


def read(file: Path) -> dict[str, dict[str, str]]:
    """Return the keys in a file.

    Args:
        file: YAML with a map per chart of ours; in it, a map per foreign chart with our key for each of its keys,
            optionally followed by a space and an explanation.

    Returns:
        By chart of ours, our keys by foreign key.

    Raises:
        HarnessError: the keys of two charts contradict each other.
    """
    found: dict[str, dict[str, str]] = {}
    for chart, origins in yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader).items():
        keys = found.setdefault(chart, {})
        for origin, answers in origins.items():
            for key, ours in answers.items():
                if keys.setdefault(key, ours) != ours:
                    raise HarnessError(f"{file}: {chart} has two entries for {key}, one of them below {origin}")
    return found


def answer(ours: str) -> str:
    """Return the message after "value must be", from our key and an optional explanation."""
    key, _, more = ours.partition(" ")
    return f"absent; set `{key}` instead{f' {more}' if more else ''}"


def insert(schema: Schema, own: dict[str, Schema], keys: dict[str, str]) -> dict[str, Schema]:
    """Add foreign keys to a schema.

    Args:
        schema: the chart's schema; its objects, and those of ``own``, get properties that refer to the definitions.
        own: the chart's own definitions.
        keys: our keys by foreign key.

    Returns:
        The definitions, ``foreign.<foreign key>``.

    Raises:
        HarnessError: a key is one of ours, or is inside another key or a shared object.
    """
    found: dict[str, Schema] = {}
    for key, ours in sorted(keys.items()):
        node, above, rest = schema, [], key.split(".")
        while len(rest) > 1 and rest[0] in node.get("properties", {}) and not _foreign(node["properties"][rest[0]]):
            above.append(rest[0])
            node = _resolved(node["properties"][rest.pop(0)], own, key)
        name = ".".join(["foreign", *above, rest[0]])
        known = node.setdefault("properties", {}).setdefault(rest[0], {"$ref": f"{_REF}{name}"})
        if not _foreign(known):
            raise HarnessError(f"the schema has a value {key}; remove it from foreign-keys.yaml")
        _grow(found, name, rest[1:], {"const": answer(ours)}, key)
    return found


def _grow(found: dict[str, Schema], name: str, rest: list[str], leaf: Schema, key: str) -> None:
    """Add a leaf below a definition, or as the definition itself."""
    if not rest:
        place, last = found, name
    else:
        node = found.setdefault(name, _object())
        for step in rest[:-1]:
            node = _inside(node, key).setdefault(step, _object())
        place, last = _inside(node, key), rest[-1]
    if last in place:
        raise HarnessError(f"foreign-keys.yaml: {key} lies around or inside another key")
    place[last] = leaf


def _inside(node: Schema, key: str) -> dict[str, Schema]:
    if "const" in node:
        raise HarnessError(f"foreign-keys.yaml: {key} lies around or inside another key")
    properties: dict[str, Schema] = node["properties"]
    return properties


def _object() -> Schema:
    # An empty object would be an unused value.
    return {"type": "object", "additionalProperties": False, "minProperties": 1, "properties": {}}


def _foreign(node: Schema) -> bool:
    return str(node.get("$ref", "")).startswith(f"{_REF}foreign.")


def _resolved(node: Schema, own: dict[str, Schema], key: str) -> Schema:
    while "$ref" in node:
        name = node["$ref"].removeprefix(_REF)
        if name not in own:
            raise HarnessError(f"foreign-keys.yaml: {key} lies inside {name}, which charts share")
        node = own[name]
    return node
