"""Follows records from an input through the filters to the outputs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import translate
from functools import cache

from harness.fluentbit.config import Config, Plugin
from harness.fluentbit.records import Record, filled, filtered, regex, value_of

_DEPTH = 8


@dataclass(frozen=True)
class Delivery:
    """A record at an output.

    Attributes:
        output: the output.
        tag: the tag at the output.
        record: the record after the filters.
        group: the log group of CloudWatch Logs; else empty.
        stream: the log stream of CloudWatch Logs; else empty.
    """

    output: Plugin
    tag: str
    record: Record
    group: str = ""
    stream: str = ""


def container_log(
    namespace: str, pod: str, container: str = "app", *, folder: str = "C:\\var\\log\\containers", identifier: str = ""
) -> str:
    """Return the path of a container's log file in the kubelet's format."""
    slash = "\\" if "\\" in folder else "/"
    return f"{folder}{slash}{pod}_{namespace}_{container}-{identifier or 'c0ffee42' * 8}.log"


def pod_log(namespace: str, pod: str, container: str = "app", *, restarts: int = 0) -> str:
    """Return the path of a container's log file on a node, in the kubelet's format."""
    return f"/var/log/pods/{namespace}_{pod}_8a7ec3d1-0000-4000-8000-000000000000/{container}/{restarts}.log"


def matches(plugin: Plugin, tag: str) -> bool:
    """Return whether a filter or output matches a tag."""
    expression = plugin.get("match_regex")
    # The expression must match at the start of the tag, and need not match to its end.
    if expression and (found := regex(expression).match(tag)) and found.end() > 0:
        return True
    return "match" in plugin.options and bool(_glob(plugin.get("match")).fullmatch(tag))


def tag_of(plugin: Plugin, path: str) -> str:
    """Return the tag that an input sets for a file."""
    tag = plugin.get("tag")
    if found := regex(plugin.get("tag_regex")).search(path) if plugin.get("tag_regex") else None:
        return re.sub(r"<([^>]*)>", lambda name: found[name[1]], tag)
    if "*" not in tag:
        return tag
    words = re.split(r"[./\\:]+", tag.replace("*", path, 1).replace("*", ""))
    return ".".join(word for word in words if word)


def tag_patterns(plugin: Plugin) -> list[str]:
    """Return patterns with ``*`` that cover every tag of an input."""
    tag = plugin.get("tag")
    if "tag_regex" in plugin.options:
        return [re.sub(r"<[^>]*>", "*", tag)]
    if "*" not in tag:
        return [tag]
    free = "\0"
    paths = [re.sub(r"[*?]+|\[[^]]*\]", free, glob) for glob in globs(plugin, "path")]
    return [tag_of(plugin, path).replace(free, "*") for path in paths]


def inputs_of(config: Config, path: str) -> list[Plugin]:
    """Return the inputs that read a file."""
    return [
        plugin
        for plugin in config.inputs
        if any(_fits(glob, path, folders=True) for glob in globs(plugin, "path"))
        # A * also matches several folders: `*.gz` excludes such files everywhere.
        and not any(_fits(glob, path, folders=False) for glob in globs(plugin, "exclude_path"))
    ]


def globs(plugin: Plugin, option: str) -> list[str]:
    """Return the patterns of a comma-separated option."""
    return [glob.strip() for text in plugin.all(option) for glob in text.split(",") if glob.strip()]


def deliveries(config: Config, tag: str, record: Record | None = None) -> list[Delivery]:
    """Return the deliveries of a record.

    Args:
        config: the configuration.
        tag: the tag from its input; see ``tag_of`` for a file.
        record: the fields of the record.

    Returns:
        One delivery per matching output; none if the record is lost or a filter drops it.
    """
    return [end for end in ends(config, tag, record) if isinstance(end, Delivery)]


def ends(config: Config, tag: str, record: Record | None = None) -> list[Delivery | Plugin]:
    """Return the deliveries of a record, and the filters that drop it."""
    return list(_ends(config, tag, dict(record or {"log": "a line"}), _DEPTH))


def _ends(
    config: Config, tag: str, record: Record, depth: int, sender: Plugin | None = None
) -> Iterator[Delivery | Plugin]:
    for plugin in config.filters:
        # A record re-emitted by rewrite_tag passes every filter except the same one.
        if plugin is sender or not matches(plugin, tag):
            continue
        if plugin.name == "rewrite_tag":
            rule = _rule(plugin, tag, record)
            if rule is None or depth == 0:
                continue
            new_tag, keep = rule
            yield from _ends(config, new_tag, record, depth - 1, plugin)
            if not keep:
                return
            continue
        left = filtered(plugin, tag, record, config.parsers)
        if left is None:
            yield plugin
            return
        record = left
    for output in config.outputs:
        if matches(output, tag):
            group, stream = _destination(output, tag, record)
            yield Delivery(output, tag, record, group, stream)


def _rule(plugin: Plugin, tag: str, record: Record) -> tuple[str, bool] | None:
    """Return the new tag of the first matching rule, and whether the record is kept."""
    for rule in plugin.all("rule"):
        key, pattern, template, keep = rule.split()
        value = value_of(key, tag, record)
        found = regex(pattern).search(str(value)) if value is not None else None
        if found:
            text = template
            for number, group in enumerate((found[0], *found.groups())):
                text = text.replace(f"${number}", group or "")
            return filled(text, tag, record) or text, keep.lower() in ("true", "on", "yes")
    return None


def _destination(output: Plugin, tag: str, record: Record) -> tuple[str, str]:
    if output.name not in ("cloudwatch_logs", "cloudwatch"):
        return "", ""
    group = _templated(output, "log_group_template", tag, record) or output.get("log_group_name")
    fallback = output.get("log_stream_name") or output.get("log_stream_prefix") + tag
    return group, _templated(output, "log_stream_template", tag, record) or fallback


def _templated(output: Plugin, option: str, tag: str, record: Record) -> str | None:
    return filled(output.get(option), tag, record) if option in output.options else None


@cache
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def _fits(glob: str, path: str, *, folders: bool) -> bool:
    # Windows paths are case-insensitive and accept both slashes.
    plain, name = (text.replace("\\", "/") for text in (glob, path))
    if re.match(r"[A-Za-z]:", path):
        plain, name = plain.lower(), name.lower()
    if folders:
        return plain.count("/") == name.count("/") and bool(re.fullmatch(translate(plain), name))
    # On Windows, also match the file name alone.
    names = [name, name.rpartition("/")[2]] if re.match(r"[A-Za-z]:", path) else [name]
    return any(re.fullmatch(translate(plain), one) for one in names)
