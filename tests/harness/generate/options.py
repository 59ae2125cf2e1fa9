"""Generates docs/options.md: the program options that values set, as the comments in values.yaml name them."""

import re
from pathlib import Path
from typing import NamedTuple

import yaml

_AT_THE_END = re.compile(r" \((`[A-Za-z-][\w.-]*`(?:(?:, | and | or )`[A-Za-z-][\w.-]*`)*)\)\.?$")
_TYPE = re.compile(r"^\([a-z]+\) ")
_HEAD = """# Values and program options

`make generate` writes this page from the values files of the charts.

The tables list every value that sets an option of a program, such as Fluent Bit or Prometheus, with the option's name
in the documentation of the program. They also list values that set a field of a Kubernetes object.

[Outputs](outputs.md) lists the options of each type of output in the same way. `VALUES.md` of each chart lists all
values.
"""


class Option(NamedTuple):
    """A value that sets options of a program."""

    value: str
    """Path of the value, with dots."""
    names: str
    """The options, each in backticks."""
    description: str
    """The value's comment without the options."""


def reference(root: Path) -> dict[Path, str]:
    """Write docs/options.md.

    Args:
        root: the checkout.

    Returns:
        The file and its text.
    """
    parts = [_HEAD]
    for values in sorted(root.glob("charts/*/values.yaml")):
        chart = values.parent.name
        rows = [f"| `{option.value}` | {option.names} | {_cell(option)} |" for option in options(values)]
        table = ["| value | option | description |", "| --- | --- | --- |", *rows]
        parts.append(f"## {chart}\n\n[README](../charts/{chart}/README.md)\n\n" + "\n".join(table) + "\n")
    return {root / "docs" / "options.md": "\n".join(parts)}


def options(values: Path) -> list[Option]:
    """List the values whose comment ends with an option in parentheses, such as ``(`refresh_interval`).``

    Args:
        values: a values.yaml with helm-docs comments.

    Returns:
        The values in the order of the file.
    """
    text = values.read_text(encoding="utf-8")
    lines = text.splitlines()
    found = []
    for path, line in _keys(yaml.compose(text)):
        comment = _comment(lines, line)
        if named := _AT_THE_END.search(comment):
            found.append(Option(path, named[1], f"{comment[: named.start()]}."))
    return found


def _keys(node: yaml.Node | None, above: str = "") -> list[tuple[str, int]]:
    """Return the path and the line of every key of a mapping, from the top."""
    if not isinstance(node, yaml.MappingNode):
        return []
    found = []
    for key, value in node.value:
        path = f"{above}{key.value}"
        found += [(path, key.start_mark.line), *_keys(value, f"{path}.")]
    return found


def _comment(lines: list[str], line: int) -> str:
    """Return the helm-docs comment right above a line without its type, empty if it has none."""
    found: list[str] = []
    for text in reversed([each.strip() for each in lines[:line]]):
        if not text.startswith("#"):
            break
        if not text.startswith("# @"):
            found.insert(0, text.removeprefix("#").strip())
        if text.startswith("# --"):
            return _TYPE.sub("", " ".join(found).removeprefix("--").strip())
    return ""


def _cell(option: Option) -> str:
    return option.description.replace("|", "\\|")
