"""Generates the shared and derived parts of each chart's values.schema.json, and keeps the rest.

Generated are the definitions ``shared.*`` (from charts/shared/schema), ``io.k8s.*`` (Kubernetes' own), ``foreign.*``
(keys of other charts, with the name of ours) and ``values.*`` (required keys of values.yaml), each only if it is
referred to.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from harness.errors import HarnessError
from harness.generate import complete_values, foreign_keys, json_text, kubernetes_schema, outputs
from harness.render import supported

_GENERATED = ("foreign.", "io.k8s.", "shared.", "values.")
_REF = "#/definitions/"
_COMMENT = (
    "`make generate` writes `allOf` and the definitions that begin with foreign., io.k8s., shared. and values.; "
    "the sources are values.yaml and charts/shared/schema."
)

Schema = dict[str, Any]


def schemas(charts: Path, types: Mapping[str, Any]) -> dict[Path, str]:
    """Update the generated parts of the schema of every chart.

    Args:
        charts: the folder of the charts.
        types: the output types.

    Returns:
        The text of each file.

    Raises:
        HarnessError: a schema refers to a definition that does not exist, or a source contradicts another.
    """
    sources = Sources(charts / "shared" / "schema", types)
    found = {}
    for file in sorted(charts.glob("*/values.schema.json")):
        values = file.with_name("values.yaml").read_text(encoding="utf-8")
        found[file] = updated(file.read_text(encoding="utf-8"), values, sources)
    return found


def updated(schema_text: str, values_text: str, sources: "Sources") -> str:
    """Return the text of a chart's schema with updated generated parts.

    Args:
        schema_text: the chart's values.schema.json.
        values_text: the chart's values.yaml.
        sources: the shared definitions.

    Returns:
        The new text; unchanged if nothing is stale.

    Raises:
        HarnessError: see ``schemas``.
    """
    schema = _written_by_hand(json.loads(schema_text))
    chart = schema["title"].split()[-1]
    own = schema.pop("definitions", {})
    definitions = {**own, **foreign_keys.insert(schema, own, sources.foreign.get(chart, {}))}
    _add_referred(schema, definitions, sources, sources.outputs(chart))
    values = yaml.load(values_text, Loader=yaml.CSafeLoader)
    complete = complete_values.definitions(schema, definitions, values)
    schema["allOf"] = [{"$ref": f"{_REF}{name}"} for name in complete]
    definitions |= complete
    generated = sorted(name for name in definitions if name.startswith(_GENERATED))
    schema["definitions"] = {name: definitions[name] for name in [*own, *generated]}
    return json_text.dumps(schema)


class Sources:
    """The definitions that charts can refer to.

    Args:
        folder: the folder of the shared definitions, ``*.json``, and of foreign-keys.yaml.
        types: the output types.
        kubernetes: Kubernetes version of the definitions.
    """

    def __init__(self, folder: Path, types: Mapping[str, Any], kubernetes: str = supported.KUBERNETES[0]) -> None:
        self._folder = folder
        self._types = types
        self._kubernetes = kubernetes

    @cached_property
    def foreign(self) -> dict[str, dict[str, str]]:
        """By chart, our keys by foreign key."""
        return foreign_keys.read(self._folder / "foreign-keys.yaml")

    def outputs(self, chart: str) -> dict[str, Schema]:
        """Return the definitions of a chart's outputs."""
        return outputs.definitions(self._types, chart)

    def definition(self, name: str) -> Schema:
        """Return a shared definition or one of Kubernetes.

        Raises:
            HarnessError: the definition does not exist.
        """
        source = self._shared.get(name) or self._of_kubernetes.get(name)
        if source is None:
            raise HarnessError(f"no definition is called {name}; the shared ones are in {self._folder}")
        return self._extended(source) if "extends" in source else source

    def _extended(self, source: Schema) -> Schema:
        """Return a definition with some properties replaced, so that no `allOf` is needed.

        This keeps Helm's errors short. Null is allowed only inside; a value of a chart is an object.
        """
        base = self.definition(source["extends"])
        return {
            **base,
            "type": "object",
            "properties": base["properties"] | source.get("properties", {}),
            "required": sorted({*base.get("required", []), *source.get("required", [])}),
            "$comment": f"extends {source['extends']}",
        }

    @cached_property
    def _shared(self) -> dict[str, Schema]:
        found: dict[str, Schema] = {}
        for file in sorted(self._folder.glob("*.json")):
            for name, schema in json.loads(file.read_text(encoding="utf-8")).items():
                if name in found or not name.startswith("shared."):
                    raise HarnessError(f"{file}: rename {name}; each name occurs once and begins with `shared.`")
                found[name] = schema
        return found

    @cached_property
    def _of_kubernetes(self) -> dict[str, Schema]:
        return kubernetes_schema.definitions(self._kubernetes)


def _written_by_hand(node: Any) -> Any:
    """Return a schema without its generated parts."""
    if isinstance(node, list):
        return [_written_by_hand(item) for item in node if not _is_generated(item)]
    if not isinstance(node, dict):
        return node
    kept = {key: _written_by_hand(item) for key, item in node.items() if not _is_generated(item)}
    if "$schema" in kept:
        kept.pop("allOf", None)
        kept["definitions"] = {
            name: schema for name, schema in kept.get("definitions", {}).items() if not name.startswith(_GENERATED)
        }
        return {"$schema": kept.pop("$schema"), "title": kept.pop("title"), "$comment": _COMMENT} | kept
    return kept


def _is_generated(node: Any) -> bool:
    return isinstance(node, dict) and str(node.get("$ref", "")).startswith((f"{_REF}foreign.", f"{_REF}values."))


def _add_referred(schema: Schema, definitions: dict[str, Schema], sources: Sources, outputs: dict[str, Schema]) -> None:
    """Add the definitions that others refer to."""
    waiting = [*_references(schema), *_references(definitions)]
    while waiting:
        name = waiting.pop()
        if name not in definitions:
            definitions[name] = outputs.get(name) or sources.definition(name)
            waiting += _references(definitions[name])


def _references(node: Any) -> Iterator[str]:
    """Yield the name of every definition that a schema refers to."""
    if isinstance(node, list):
        for item in node:
            yield from _references(item)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].removeprefix(_REF).split("/")[0]
        for item in node.values():
            yield from _references(item)
