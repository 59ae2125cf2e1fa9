"""Compiles relabelings of monitors to relabel configurations of Prometheus."""

import re
from collections.abc import Iterable
from typing import Any

import promql_parser

from eks_observability.monitors.fields import Fields, Invalid

Step = dict[str, Any]

_ACTIONS = (
    *("replace", "keep", "drop", "hashmod", "labelmap", "labeldrop", "labelkeep"),
    *("lowercase", "uppercase", "keepequal", "dropequal"),
)
_WITH_TARGET = frozenset({"replace", "hashmod", "lowercase", "uppercase", "keepequal", "dropequal"})
# A label name in which references to groups of the regular expression can stand.
_TARGET = re.compile(r"(?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
# RE2 accepts no higher number in `x{1000}`.
_MOST_REPEATS = 1000
# Prometheus' values of fields that are absent.
_DEFAULTS = {"separator": ";", "regex": "(.*)", "replacement": "$1"}


def steps(relabelings: Iterable[Fields]) -> list[Step]:
    """Compile a list of relabelings.

    Args:
        relabelings: items of `relabelings`, `metricRelabelings` or `relabelingConfigs`.

    Raises:
        Invalid: Prometheus would not start with one of them.
    """
    return [_step(one) for one in relabelings]


def label_name(name: str) -> str:
    """Return the name of a Kubernetes label in metadata of Prometheus' discovery."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)


def is_label(name: str) -> bool:
    """Return whether a text is the name of a label."""
    return _LABEL.fullmatch(name) is not None


def is_regex(pattern: str) -> bool:
    """Return whether a text is a regular expression without backtracking, as in Prometheus."""
    if any(int(number) > _MOST_REPEATS for number in re.findall(r"[{,]([0-9]+)(?=[,}])", pattern)):
        return False
    text = pattern.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    try:
        promql_parser.parse(f'x{{a=~"{text}"}}')
    except ValueError:
        return False
    return True


def _step(fields: Fields) -> Step:
    action = (fields.text("action") or "").lower()
    step: Step = {
        "source_labels": fields.texts("sourceLabels") or None,
        "separator": fields.text("separator"),
        "target_label": fields.text("targetLabel") or None,
        "regex": fields.text("regex") or None,
        "modulus": fields.number("modulus") or None,
        "replacement": fields.text("replacement"),
        "action": action or None,
    }
    fields.done()
    step = {name: value for name, value in step.items() if value is not None}
    _check(fields, action or "replace", step)
    return step


def _check(fields: Fields, action: str, step: Step) -> None:
    if action not in _ACTIONS:
        raise fields.invalid("action", f"but must be one of {', '.join(_ACTIONS)}")
    for index, name in enumerate(step.get("source_labels", ())):
        if not is_label(name):
            place = f"{fields.place('sourceLabels')}[{index}]"
            raise Invalid(f'{place} is "{name}", which is no label name: use letters, digits and "_"')
    if not is_regex(step.get("regex", "")):
        raise fields.invalid("regex", "which is no regular expression (RE2, without lookaheads): correct it")
    if action == "hashmod" and "modulus" not in step:
        raise Invalid(f"{fields.place('modulus')} is missing: hashmod requires a number of at least 1")
    target = step.get("target_label", "")
    if action in _WITH_TARGET:
        if not target:
            raise Invalid(f"{fields.place('targetLabel')} is missing: {action} requires the label to write")
        pattern = _TARGET if action == "replace" else _LABEL
        if not pattern.fullmatch(target):
            raise fields.invalid("targetLabel", 'which is no label name: use letters, digits and "_"')
    if action == "labelmap" and not _TARGET.fullmatch(step.get("replacement", "$1")):
        raise fields.invalid("replacement", "but labelmap requires a label name, for example `$1`")
    if action in ("lowercase", "uppercase"):
        _only(fields, action, step, "sourceLabels, separator, targetLabel and regex", ["replacement"])
    if action in ("keepequal", "dropequal"):
        unused = ["regex", "modulus", "separator", "replacement"]
        _only(fields, action, step, "sourceLabels and targetLabel", unused)
    if action in ("labeldrop", "labelkeep"):
        unused = ["source_labels", "target_label", "modulus", "separator", "replacement"]
        _only(fields, action, step, "regex", unused)


def _only(fields: Fields, action: str, step: Step, permitted: str, unused: list[str]) -> None:
    for option in unused:
        if option in step and step[option] != _DEFAULTS.get(option):
            name = re.sub("_(.)", lambda found: found[1].upper(), option)
            raise Invalid(f"{fields.place(name)} has no effect: {action} uses only {permitted}. Remove it")
