"""A configuration as plain data, to modify and run it: the same structure for both formats."""

from collections.abc import Mapping
from typing import Any

import yaml

from harness.render.manifests import load_yaml

_SECTIONS = {"input": "inputs", "filter": "filters", "output": "outputs"}


def read(text: str) -> dict[str, Any]:
    """Return a configuration in the structure of its YAML form, with variables unexpanded.

    Args:
        text: the configuration; classic if it starts with a section header, else YAML. In the classic format,
            includes and repeated options are not supported.
    """
    if not text.lstrip().startswith("["):
        document: dict[str, Any] = load_yaml(text)
        return document
    made: dict[str, Any] = {"service": {}, "pipeline": {}}
    options: dict[str, Any] = {}
    for line in filter(str.strip, text.splitlines()):
        if line.startswith("["):
            options = {}
            kind = line.strip("[] ").lower()
            if kind == "service":
                made["service"] = options
            else:
                made["pipeline"].setdefault(_SECTIONS[kind], []).append(options)
        else:
            key, _, value = line.strip().partition(" ")
            options[key] = value.strip()
    return made


def write(document: Mapping[str, Any], *, classic: bool = False) -> str:
    """Return a configuration as text, in YAML or the classic format."""
    if not classic:
        return yaml.safe_dump(dict(document))
    sections = _section("service", document["service"])
    for kind, name in _SECTIONS.items():
        for options in document["pipeline"].get(name, []):
            sections += _section(kind, options)
    return "\n".join(sections) + "\n"


def _section(kind: str, options: Mapping[str, Any]) -> list[str]:
    words = {True: "On", False: "Off"}
    values = ((key, words[value] if isinstance(value, bool) else value) for key, value in options.items())
    return [f"[{kind.upper()}]", *(f"    {key} {value}" for key, value in values)]
