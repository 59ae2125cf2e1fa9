"""Templates' data, JSON schema and docs of outputs, from `charts/shared/outputs.yaml`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

Option = dict[str, Any]

# What templates need of an option; the rest is for the schema and the docs.
_FOR_TEMPLATES = (
    "option",
    "default",
    "secret",
    "file",
    "header",
    "placeholders",
    "when",
    "since5",
    "pairs",
    "joined",
    "empty",
)
_KEYS = {*_FOR_TEMPLATES, "defaults", "schema", "description", "required", "unless", "charts"}


def load(shared: Path) -> dict[str, Any]:
    """Read the output types.

    Args:
        shared: the folder that holds `outputs.yaml`.

    Returns:
        The file's content; without the file, no types.

    Raises:
        ValueError: an option has a key that nothing reads, or its schema or group does not exist.
    """
    file = shared / "outputs.yaml"
    if not file.exists():
        return {"types": {}}
    data: dict[str, Any] = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    plugins = shared / "output-plugins.yaml"
    data["plugins"] = (
        yaml.load(plugins.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) if plugins.exists() else {}
    )
    for name in data["types"]:
        for path, option in _options(data, name).items():
            if unknown := option.keys() - _KEYS:
                raise ValueError(f"outputs.yaml: {name}: {path}: unknown keys {sorted(unknown)}")
            if isinstance(option["schema"], str) and option["schema"] not in data["schemas"]:
                raise ValueError(f"outputs.yaml: {name}: {path}: unknown schema {option['schema']}")
    return data


def types(data: Mapping[str, Any], chart: str) -> dict[str, dict[str, Option]]:
    """List the output types of a chart.

    Args:
        data: the content of `outputs.yaml`.
        chart: the chart's name.

    Returns:
        By type the options by path, each with the `default` that it has in this chart.
    """
    found: dict[str, dict[str, Option]] = {}
    for name, kind in data["types"].items():
        if chart not in kind.get("charts", [chart]):
            continue
        found[name] = {
            path: {"default": None, **option, **_own_default(option, chart)}
            for path, option in _options(data, name).items()
            if chart in option.get("charts", [chart])
        }
    return found


def template(data: Mapping[str, Any], prefix: str, chart: str) -> str:
    """Write the template `<prefix>.outputTypes`, which returns the output types as JSON.

    Args:
        data: the content of `outputs.yaml`.
        prefix: what the helper's name begins with.
        chart: the name of the chart whose defaults it has.

    Returns:
        The text of a template file.
    """
    lines = []
    for name, options in types(data, chart).items():
        kind = data["types"][name]
        head = {
            key: kind[key]
            for key in ("plugin", "fixed", "destination", "logRouter", "service", "siteHost", "since5")
            if key in kind
        }
        rows = [f"{json.dumps(path)}: {_compact(_for_templates(option))}" for path, option in options.items()]
        body = ",\n    ".join(rows)
        lines.append(f'  {json.dumps(name)}: {_compact(head)[:-1]}, "options": {{\n    {body}\n  }}}}')
    return f'{{{{- define "{prefix}.outputTypes" -}}}}\n{{\n' + ",\n".join(lines) + "\n}\n{{- end -}}\n"


def plugins(data: Mapping[str, Any], prefix: str, chart: str) -> str:
    """Write the template `<prefix>.outputPlugins`, which returns the plugins of the output type `custom` as JSON.

    Args:
        data: the content of `outputs.yaml`.
        prefix: what the helper's name begins with.
        chart: the name of the chart.

    Returns:
        The text of a template file.
    """
    known = data["plugins"]
    rows = []
    for name, plugin in known.get("plugins", {}).items():
        if chart not in plugin.get("charts", [chart]):
            continue
        row = {"options": plugin["options"], "secrets": plugin.get("secrets", [])}
        row |= {f"without{key.title()}": True for key in ("net", "tls") if not plugin.get(key, True)}
        rows.append(f"    {json.dumps(name)}: {_compact(row)}")
    groups = [f"  {json.dumps(name)}: {_compact(options)}" for name, options in known.get("groups", {}).items()]
    body = ",\n".join([*groups, '  "plugins": {\n' + ",\n".join(rows) + "\n  }"])
    return f'{{{{- define "{prefix}.outputPlugins" -}}}}\n{{\n{body}\n}}\n{{{{- end -}}}}\n'


def definitions(data: Mapping[str, Any], chart: str) -> dict[str, Any]:
    """Describe the values `outputs` of a chart as definitions of a JSON schema.

    Args:
        data: the content of `outputs.yaml`.
        chart: the chart's name.

    Returns:
        Definitions by name: `shared.outputs` for the map, `shared.output.<type>` for an entry of a type. They refer to
        `outputMatch`, which the chart defines, and to `shared.secretKey`. A values file may change one key of an entry
        whose type another one sets, so that only complete values need the type: see `complete_values`.
    """
    known = types(data, chart)
    found = {f"shared.output.{name}": _entry(data, options) for name, options in known.items()}
    # A user name is no secret; a password always comes from a Secret.
    found["shared.user"] = {
        "type": ["string", "object"],
        "pattern": "^[^\\s\"'${}]+$",
        "required": ["name", "key"],
        "additionalProperties": False,
        "properties": {"name": {"type": "string"}, "key": {"type": "string"}},
    }
    by_type = [
        {
            "if": {"required": ["type"], "properties": {"type": {"const": name}}},
            "then": {"$ref": f"#/definitions/shared.output.{name}"},
        }
        for name in known
    ]
    found["shared.outputs"] = {
        "type": "object",
        "propertyNames": {"maxLength": 40, "pattern": "^[a-z]([a-z0-9-]*[a-z0-9])?$"},
        "additionalProperties": {
            "type": "object",
            "properties": {"type": {"type": "string", "enum": list(known)}},
            "allOf": by_type,
        },
    }
    return found


def page(data: Mapping[str, Any], charts: list[str]) -> str:
    """Write the reference of outputs, in Markdown.

    Args:
        data: the content of `outputs.yaml`.
        charts: the names of the charts that have outputs.

    Returns:
        The page: for each type a table of values, the Fluent Bit options that they set, defaults and descriptions.
    """
    parts = []
    for name, kind in data["types"].items():
        only = [chart for chart in charts if chart in kind.get("charts", charts)]
        where = "" if only == charts else f" Only in {', '.join(only)}."
        rows = ["| value | Fluent Bit option | default | description |", "| --- | --- | --- | --- |"]
        for path, option in _options(data, name).items():
            cells = [f"`{path}`", _code(option.get("option")), _shown_default(option, only), _cell(option, charts)]
            rows.append(f"| {' | '.join(cells)} |")
        plugin = f"Plugin: `{kind['plugin']}`." if "plugin" in kind else f"Plugins: {_plugins(data)}."
        parts.append(f"## {name}\n\n{kind['description']}{where} {plugin}\n\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def reference(root: Path, data: Mapping[str, Any]) -> dict[Path, str]:
    """Write docs/outputs.md.

    Args:
        root: the checkout.
        data: the content of `outputs.yaml`.

    Returns:
        The file and its text: charts/shared/outputs.md, followed by the reference.
    """
    charts = sorted(path.parent.name for path in root.glob("charts/*/Chart.yaml"))
    introduction = (root / "charts" / "shared" / "outputs.md").read_text(encoding="utf-8")
    return {root / "docs" / "outputs.md": f"{introduction}\n{page(data, charts)}"}


def _options(data: Mapping[str, Any], name: str) -> dict[str, Option]:
    kind = data["types"][name]
    own: dict[str, Option] = kind.get("options", {})
    grouped: dict[str, Option] = {path: option for group in kind["groups"] for path, option in data[group].items()}
    return {**own, **{path: option for path, option in grouped.items() if path not in own}}


def _own_default(option: Option, chart: str) -> Option:
    return {"default": option["defaults"][chart]} if chart in option.get("defaults", {}) else {}


def _for_templates(option: Option) -> Option:
    return {key: option[key] for key in _FOR_TEMPLATES if option.get(key) is not None}


def _entry(data: Mapping[str, Any], options: Mapping[str, Option]) -> dict[str, Any]:
    """Return the schema of one output; what it needs is required only where it is enabled."""
    entry: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "type": {"type": "string"},
            "enabled": {"type": "boolean"},
            "match": {"$ref": "#/definitions/outputMatch"},
        },
    }
    for path, option in options.items():
        *parents, last = path.split(".")
        place = entry
        for parent in parents:
            empty = {"type": "object", "additionalProperties": False, "properties": {}}
            place = place["properties"].setdefault(parent, empty)
        place["properties"][last] = _schema(data, option)
    needed = [path for path, option in options.items() if option.get("required") and option["default"] in (None, "")]
    alternatives = {path: options[path]["unless"] for path in needed if options[path].get("unless") in options}
    needs: dict[str, Any] = {}
    if plain := [path for path in needed if path not in alternatives]:
        needs["required"] = plain
    # Not `anyOf`, as Helm then prints every alternative.
    if alternatives:
        needs["allOf"] = [
            {"if": {"required": [other]}, "else": {"required": [path]}} for path, other in alternatives.items()
        ]
    if needs:
        entry |= {"if": {"properties": {"enabled": {"const": True}}}, "then": needs}
    pairs = {"httpUser": ["httpPasswd"], "httpPasswd": ["httpUser"], "username": ["password", "sharedKey"]}
    if together := {path: others for path, others in pairs.items() if path in options}:
        entry["dependencies"] = together
    return entry


def _schema(data: Mapping[str, Any], option: Option) -> dict[str, Any]:
    schema: dict[str, Any] = option["schema"]
    if isinstance(schema, str):
        schema = data["schemas"][schema]
    if option.get("required") and schema.get("type") == "string":
        schema = {**schema, "minLength": 1}
    return schema


def _plugins(data: Mapping[str, Any]) -> str:
    named = data["plugins"]["plugins"].items()
    places = {name: f" (only in {' and '.join(plugin['charts'])})" for name, plugin in named if "charts" in plugin}
    return ", ".join(f"`{name}`{places.get(name, '')}" for name, _ in named)


def _code(text: str | None) -> str:
    return f"`{text}`" if text else "-"


def _shown_default(option: Option, charts: list[str]) -> str:
    if option.get("required") and not option.get("defaults"):
        return "required"
    if "defaults" not in option:
        return _code(_plain(option.get("default")))
    by_chart = {chart: _plain(option["defaults"].get(chart, option.get("default"))) for chart in charts}
    if len(set(by_chart.values())) == 1:
        return _code(next(iter(by_chart.values())))
    return "<br>".join(f"{_code(value)} ({chart})" for chart, value in by_chart.items())


def _plain(value: Any) -> str:
    return "" if value in (None, "") else json.dumps(value).strip('"')


def _cell(option: Option, charts: list[str]) -> str:
    only = option.get("charts", charts)
    text: str = option["description"].replace("|", "\\|")
    return text if only == charts else f"{text} Only in {', '.join(only)}."


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
