"""Finds faults in a configuration, one sentence each."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from harness.fluentbit.config import Config, Plugin
from harness.fluentbit.mounts import Mount, mount_at
from harness.fluentbit.patterns import meeting
from harness.fluentbit.records import parts_of, pod_of_tag
from harness.fluentbit.routing import (
    Delivery,
    container_log,
    deliveries,
    ends,
    globs,
    inputs_of,
    matches,
    tag_of,
    tag_patterns,
)

# Built into Fluent Bit, not defined in a file.
MULTILINE_PARSERS = {"cri", "docker", "go", "java", "python", "ruby"}
# Values that PutRetentionPolicy of CloudWatch Logs accepts.
RETENTION = {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
# Options with a file or folder: written files must persist, read files must exist.
_WRITTEN = ("db", "storage.path", "storage.rejected.path", "store_dir")
_READ = (
    "parsers_file",
    "plugins_file",
    "streams_file",
    "script",
    "kube_ca_file",
    "kube_token_file",
    "tls.ca_file",
    "tls.crt_file",
    "tls.key_file",
)
# Windows-only plugins, which a list from Linux lacks, with their options in 5.1.1.
_COMMON = {"alias", "log_level", "mem_buf_limit", "name", "processors", "storage.type", "tag", "threaded"}
_WINDOWS = {
    "winevtlog": _COMMON
    | {
        "channels",
        "db",
        "event_query",
        "ignore_missing_channels",
        "interval_nsec",
        "interval_sec",
        "read_existing_events",
        "read_limit_per_cycle",
        "render_event_as_text",
        "render_event_as_xml",
        "render_event_text_key",
        "string_inserts",
        "use_ansi",
    },
    "winlog": _COMMON | {"channels", "db", "interval_nsec", "interval_sec", "string_inserts", "use_ansi"},
}

# Options that tell destinations of records apart; for CloudWatch Logs, so does the log group.
_DESTINATION = (
    "name",
    "region",
    "role_arn",
    "endpoint",
    "host",
    "port",
    "uri",
    "path",
    "index",
    "bucket",
    "delivery_stream",
    "stream",
)

Options = Mapping[str, Mapping[str, Any]]


def faults(
    config: Config,
    *,
    paths: Iterable[str] = (),
    records: Iterable[tuple[str, Mapping[str, Any]]] = (),
    mounts: Sequence[Mount] | None = None,
    parsers: Iterable[str] = (),
    options: Mapping[str, Any] | None = None,
    several: bool = False,
) -> list[str]:
    """Return the faults of a configuration.

    Args:
        config: the configuration.
        paths: log files on a node; exactly one input must read each, and exactly one output receive it. An input
            that reads none of them is checked with a made-up path.
        records: additional tags with a record each, which exactly one output must receive.
        mounts: mounts of the container; without them, paths are not checked.
        parsers: parsers in the image.
        options: the options of every plugin, from Fluent Bit's ``-J`` and ``data/``; without them, names are not
            checked.
        several: several outputs may receive a record, if no two of them deliver it to the same destination.
    """
    found = [*config.odd, *(f"${{{name}}} has no value" for name in sorted(config.unset))]
    found += _names(config, options)
    found += _tags(config)
    found += _parsers(config, set(parsers))
    found += _globs(config)
    found += _routes(config, list(paths), list(records), several=several)
    found += _stores(config)
    for output in config.outputs:
        found += _cloudwatch(output)
    if mounts is not None:
        found += _places(config, mounts)
    return list(dict.fromkeys(found))


def _names(config: Config, options: Mapping[str, Any] | None) -> Iterator[str]:
    for plugin in config.plugins:
        if not plugin.name:
            yield f"{plugin}: no plugin name"
            continue
        if options is None:
            continue
        known = options[f"{plugin.kind}s"].get(plugin.name)
        known = _WINDOWS.get(plugin.name) if known is None and plugin.kind == "input" else known
        if known is None:
            yield f"{plugin}: Fluent Bit has no {plugin.kind} {plugin.name}"
            continue
        for option in sorted(set(plugin.options) - set(known) - {"name", "processors", "match", "match_regex"}):
            yield f"{plugin}: {plugin.name} has no option {option}"


def _tags(config: Config) -> Iterator[str]:
    for plugin in config.inputs:
        if not plugin.get("tag"):
            yield f"{plugin}: it has no tag; add a unique one"
        if "routes" in plugin.options:
            yield f"{plugin}: routes are not supported here; use tags and match"
    for one, other in combinations(config.inputs, 2):
        if one.get("tag") and one.get("tag") == other.get("tag"):
            yield f"{one} and {other} have the same tag {one.get('tag')}"
        if one.get("db") and one.get("db").lower() == other.get("db").lower():
            yield f"{one} and {other} store their positions in the same db {one.get('db')}"
    for plugin in config.filters + config.outputs:
        if not {"match", "match_regex"} & set(plugin.options):
            yield f"{plugin}: it has no match, so it receives no records"


def _parsers(config: Config, image: set[str]) -> Iterator[str]:
    single = {name.lower() for name in config.parsers.keys() | image}
    joined = {name.lower() for name in config.multiline_parsers | MULTILINE_PARSERS}
    for plugin in config.plugins:
        options = ("parser", "merge_parser", "docker_mode_parser", "regex_parser")
        wanted = [name for option in options for name in plugin.all(option)]
        for name in wanted if plugin.name != "multiline" else []:
            if name.lower() not in single:
                yield f"{plugin}: the parser {name} is not defined"
        for name in globs(plugin, "multiline.parser"):
            if name.lower() not in joined:
                yield f"{plugin}: the multiline parser {name} is not defined"


def _globs(config: Config) -> Iterator[str]:
    """Find patterns with a different meaning on Windows; see in_tail/tail_scan_win32.c."""
    for plugin in config.inputs:
        for path in globs(plugin, "path") if plugin.name == "tail" else []:
            if not re.match(r"[A-Za-z]:", path):
                continue
            if "/" in path and "*" in path:
                yield f"{plugin}: {path} matches no file on Windows, where a pattern requires backslashes"
            if "[" in path:
                yield f"{plugin}: {path} has a bracket expression, which is not supported on Windows"


def _routes(
    config: Config, paths: list[str], records: list[tuple[str, Mapping[str, Any]]], *, several: bool
) -> Iterator[str]:
    for path in paths:
        readers = inputs_of(config, path)
        if len(readers) > 1:
            yield f"{path} is read by {_listed(readers)}: each of its lines would be duplicated"
    # Nobody misses the records of a dummy that ends after a few, or that the agent makes for itself.
    real = [
        plugin
        for plugin in config.inputs
        if plugin.name != "dummy" or not ("samples" in plugin.options or plugin.options.get("tag", "").startswith("_"))
    ]
    tried = [(plugin, tag, None) for plugin in real for tag in _examples(plugin, config, paths)]
    tags = [tag for _, tag, _ in tried] + [tag for tag, _ in records]
    for source, tag, record in [*tried, *((None, tag, record) for tag, record in records)]:
        found = ends(config, tag, record)
        arrived = [end for end in found if isinstance(end, Delivery)]
        places = Counter(map(_destination, arrived))
        reached = [end.output for end in arrived if not several or places[_destination(end)] > 1]
        label = f"{source}: " if source else ""
        if not found:
            yield f"{label}no output matches the tag {tag}; its records are lost"
        elif len(reached) > 1:
            yield f"{label}the tag {tag} reaches {_listed(reached)}: its records are duplicated, and billed each time"
    yield from _overlaps(config, several=several)
    yield from _idle(config, tags)
    for plugin in config.filters:
        for tag in tags if plugin.name == "kubernetes" else []:
            if matches(plugin, tag) and pod_of_tag(plugin, tag, config.parsers) is None:
                yield f"{plugin}: the tag {tag} contains no pod; kube_tag_prefix is removed by its length"


def _examples(plugin: Plugin, config: Config, paths: list[str]) -> list[str]:
    """Return the tags of an input: for the files that it reads, or for a made-up file that matches."""
    if not plugin.get("tag"):
        return []
    own = [tag_of(plugin, path) for path in paths if plugin in inputs_of(config, path)]
    if "tag_regex" in plugin.options:
        return own or [re.sub(r"<([^>]*)>", r"\1-x", plugin.get("tag"))]
    if "*" not in plugin.get("tag"):
        return [plugin.get("tag")]
    pod = container_log("namespace-x", "pod-x", "container-x", folder="").strip("\\/").removesuffix(".log")
    return own or [pattern.replace("*", pod, 1).replace("*", "x") for pattern in tag_patterns(plugin)]


def _destination(end: Delivery) -> tuple[str, ...]:
    """Return what tells the place that a record is delivered to from others."""
    return (end.group, *(end.output.get(option) for option in _DESTINATION))


def _overlaps(config: Config, *, several: bool) -> Iterator[str]:
    """Find tags that two outputs match, beyond the given examples."""
    plain = [output for output in config.outputs if output.get("match") and "match_regex" not in output.options]
    for source in config.inputs:
        for pattern in tag_patterns(source) if source.get("tag") else []:
            for one, other in combinations(plain, 2):
                shared = meeting([pattern, one.get("match"), other.get("match")])
                found = deliveries(config, shared) if shared is not None else []
                if len(found) > 1 and (not several or len(set(map(_destination, found))) < len(found)):
                    both = f"{one} and {other} both match {shared}"
                    yield f"{source}: {both}: its records are duplicated, and billed twice"


def _idle(config: Config, tags: list[str]) -> Iterator[str]:
    """Find filters and outputs that receive no records."""
    if any(plugin.name == "rewrite_tag" for plugin in config.filters):
        return
    patterns = [pattern for source in config.inputs if source.get("tag") for pattern in tag_patterns(source)]
    for plugin in config.filters + config.outputs:
        if "match_regex" in plugin.options or any(matches(plugin, tag) for tag in tags):
            continue
        if not any(meeting([pattern, plugin.get("match")]) is not None for pattern in patterns):
            yield f"{plugin}: it matches {plugin.get('match')}, a tag that no input sets"


def _stores(config: Config) -> Iterator[str]:
    for plugin in config.plugins:
        if plugin.get("storage.type") == "filesystem" and not config.service.get("storage.path"):
            yield f"{plugin}: storage.type is filesystem, but the service has no storage.path"


def _cloudwatch(output: Plugin) -> Iterator[str]:
    if output.name != "cloudwatch_logs":
        return
    for option in ("region", "log_group_name"):
        if not output.get(option):
            yield f"{output}: {option} is required"
    if bool(output.get("log_stream_name")) == bool(output.get("log_stream_prefix")):
        yield f"{output}: exactly one of log_stream_name and log_stream_prefix is required"
    if output.get("log_retention_days", "0") not in {"0", *map(str, RETENTION)}:
        yield f"{output}: CloudWatch Logs does not accept a retention of {output.get('log_retention_days')} days"
    for option in ("log_group_template", "log_stream_template"):
        for part, variable in parts_of(output.get(option)):
            if variable and not re.fullmatch(r"\$\w+(\[(\d+|'[^']*'|\"[^\"]*\")\])*", part):
                yield f"{output}: {option} has the variable {part}, which ends only at . , space or a quote"


def _places(config: Config, mounts: Sequence[Mount]) -> Iterator[str]:
    settings: list[tuple[str, Mapping[str, Any]]] = [("service", config.service)]
    settings += [(str(plugin), plugin.options) for plugin in config.plugins]
    for label, options in settings:
        for option in _WRITTEN:
            if path := str(options.get(option) or ""):
                yield from (f"{label}: {option} {path} {why}" for why in _cannot_keep(mount_at(mounts, path)))
        for option in _READ:
            given = options.get(option) or []
            for path in given if isinstance(given, list) else [given]:
                if _absolute(path) and mount_at(mounts, path) is None:
                    yield f"{label}: {option} {path} is in no mount"
    for plugin in config.inputs:
        for path in globs(plugin, "path") if plugin.name in ("tail", "systemd") else []:
            if mount_at(mounts, re.split(r"[*?\[]", path)[0]) is None:
                yield f"{plugin}: {path} is in no mount, so it has no files to read"


def _cannot_keep(mount: Mount | None) -> Iterator[str]:
    if mount is None:
        yield "is in no mount, so it is lost with the container"
    elif mount.read_only:
        yield f"is in {mount.path}, which is read-only"
    elif not mount.lasting:
        yield f"is in {mount.path}, which is lost with the pod"


def _absolute(path: str) -> bool:
    return bool(re.match(r"([A-Za-z]:)?[/\\]", path))


def _listed(plugins: Iterable[Plugin]) -> str:
    return " and ".join(map(str, plugins))
