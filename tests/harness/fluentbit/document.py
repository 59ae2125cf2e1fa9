"""A configuration as plain data, for who changes one and runs it: the same shape from either format."""

from collections.abc import Mapping
from typing import Any

import yaml

_SECTIONS = {"input": "inputs", "filter": "filters", "output": "outputs"}


def read(text: str) -> dict[str, Any]:
    """Return a configuration in the shape that its YAML has, variables left as they are.

    Args:
        text: the configuration; classic when a section header opens it, YAML otherwise. Of the classic format
            sections with an option a line are known: no includes, and no option that stands twice.
    """
    if not text.lstrip().startswith("["):
        document: dict[str, Any] = yaml.safe_load(text)
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
    """Return a configuration of that shape as a text, in YAML or in the classic format."""
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
