"""Effects of filters on records, and record accessors in outputs, as far as routing depends on them."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from harness.fluentbit.config import Plugin

Record = Mapping[str, Any]
# A text with variables in it: https://docs.fluentbit.io, "Record accessor". A variable ends at . , space or "
# unless a quote is open, and nowhere else: `$a/$b` is a single variable.
_SUBKEY = re.compile(r"\[(?:'([^']*)'|\"([^\"]*)\"|(\d+))\]")
# The kubernetes filter's expression for tags, from filter_kubernetes/kube_regex.h.
POD_TAG = (
    r"(?<pod_name>[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*)"
    r"_(?<namespace_name>[^_]+)_(?<container_name>.+)-(?<docker_id>[a-z0-9]{64})\.log$"
)


@cache
def regex(pattern: str) -> re.Pattern[str]:
    """Convert a pattern from Ruby's syntax, which Fluent Bit uses, to Python's."""
    bare = pattern[1:-1] if len(pattern) > 1 and pattern.startswith("/") and pattern.endswith("/") else pattern
    # In Ruby, ^ and $ match at line boundaries.
    return re.compile(re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", bare), re.MULTILINE)


def parts_of(template: str) -> list[tuple[str, bool]]:
    """Split a template into parts, each with a flag for variables."""
    parts: list[tuple[str, bool]] = []
    position = 0
    while position < len(template):
        start = template.find("$", position)
        if start < 0:
            parts.append((template[position:], False))
            break
        if start > position:
            parts.append((template[position:start], False))
        end, quoted = start + 1, False
        while end < len(template):
            letter = template[end]
            quoted ^= letter == "'"
            if letter in ' ,"' or (letter == "." and not quoted):
                break
            end += 1
        parts.append((template[start:end], True))
        position = end
    return parts


def value_of(variable: str, tag: str, record: Record) -> Any:
    """Return the value of a variable, for example ``$kubernetes['namespace_name']``; ``None`` if it is missing."""
    if variable == "$TAG":
        return tag
    if match := re.fullmatch(r"\$TAG\[(\d+)\]", variable):
        words = tag.split(".")
        return words[int(match[1])] if int(match[1]) < len(words) else None
    name, bracket, rest = variable.removeprefix("$").partition("[")
    found: Any = record.get(name)
    for key, other, index in _SUBKEY.findall(bracket + rest):
        if isinstance(found, Mapping):
            found = found.get(key or other)
        elif isinstance(found, list) and index and int(index) < len(found):
            found = found[int(index)]
        else:
            return None
    return found


def filled(template: str, tag: str, record: Record) -> str | None:
    """Expand a template; return ``None`` if a variable has no value."""
    texts = []
    for part, variable in parts_of(template):
        value = value_of(part, tag, record) if variable else part
        if value is None:
            return None
        texts.append(str(value))
    return "".join(texts)


def filtered(plugin: Plugin, tag: str, record: Record, parsers: Mapping[str, str]) -> Record | None:
    """Apply a filter to a record; return ``None`` if it drops the record. Unknown filters change nothing."""
    if plugin.name == "kubernetes":
        pod = pod_of_tag(plugin, tag, parsers)
        return {**record, "kubernetes": pod} if pod else record
    act = _FILTERS.get(plugin.name)
    return record if act is None else act(plugin, tag, record)


def pod_of_tag(plugin: Plugin, tag: str, parsers: Mapping[str, str]) -> dict[str, str] | None:
    """Return the fields that a kubernetes filter reads from a tag; it removes the prefix by length only."""
    prefix = plugin.get("kube_tag_prefix", "kube.var.log.containers.")
    match = regex(parsers.get(plugin.get("regex_parser"), POD_TAG)).search(tag[len(prefix) :])
    return match.groupdict() if match else None


def _grep(plugin: Plugin, tag: str, record: Record) -> Record | None:
    def hits(rule: str) -> bool:
        key, _, pattern = rule.partition(" ")
        value = value_of(key if key.startswith("$") else f"${key}", tag, record)
        return value is not None and bool(regex(pattern.strip()).search(str(value)))

    keep, drop = plugin.all("regex"), plugin.all("exclude")
    operator = plugin.get("logical_op", "legacy").lower()
    if operator == "and":
        return record if all(map(hits, keep)) and not (drop and all(map(hits, drop))) else None
    if operator == "or":
        return record if (not keep or any(map(hits, keep))) and not any(map(hits, drop)) else None
    # The first matching rule decides.
    return record if all(map(hits, keep)) and not any(map(hits, drop)) else None


def _modify(plugin: Plugin, tag: str, record: Record) -> Record:
    changed = dict(record)
    for key in plugin.all("remove"):
        changed.pop(key, None)
    for option in ("set", "add"):
        for rule in plugin.all(option):
            key, _, value = rule.partition(" ")
            if option == "set" or key not in changed:
                changed[key] = value.strip()
    return changed


def _record_modifier(plugin: Plugin, tag: str, record: Record) -> Record:
    changed = {key: value for key, value in record.items() if key not in plugin.all("remove_key")}
    for rule in plugin.all("record"):
        key, _, value = rule.partition(" ")
        changed[key] = value.strip()
    return changed


_FILTERS = {
    "grep": _grep,
    "modify": _modify,
    "record_modifier": _record_modifier,
}
