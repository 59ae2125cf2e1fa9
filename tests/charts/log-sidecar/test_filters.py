"""Filters and parsers of the values (`sidecar.fluentBit.extraFilters` and `extraParsers`)."""

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import written

JSON = {"name": "json", "format": "json", "time_key": "ts", "time_format": "%s"}
PARSE = {"name": "parser", "match": "app", "key_name": "log", "parser": "json", "reserve_data": True}
INSERT = {"name": "content_modifier", "action": "insert", "key": "team", "value": "shop"}
HTTP = {"outputs": {"stdout": {"enabled": False}, "http": {"type": "http", "host": "logs.example.com"}}}


def own(*filters: dict[str, Any], parsers: tuple[dict[str, Any], ...] = (JSON,), **sidecar: Any) -> dict[str, Any]:
    """Return values with filters and parsers."""
    return {"sidecar": {"fluentBit": {"extraFilters": [*filters], "extraParsers": [*parsers]}, **sidecar}}


def test_filters_run_after_lines_are_joined(agent_config: Callable[..., dict[str, Any]]) -> None:
    """They get whole records, before redaction and before the filter that puts records on one line."""
    file = {"name": "app", "path": "/var/log/app/app.log", "multiline": "java"}
    values = {**own({**PARSE, "preserve_key": True}), "logs": {"files": [file]}, "redaction": {"rules": ["jwt"]}}
    made = agent_config(values)["sidecar"]
    assert made["parsers"] == [JSON]
    assert made["pipeline"]["inputs"][0]["processors"]["logs"][0]["name"] == "multiline"
    assert [plugin["name"] for plugin in made["pipeline"]["filters"]] == [
        "parser",
        "lua",
        "grep",
        "grep",
        "lua",
    ]


def test_nothing_by_default(agent_config: Callable[..., dict[str, Any]]) -> None:
    """Without values, the configuration has neither filters nor parsers."""
    made = agent_config()["sidecar"]
    assert "parsers" not in made
    assert "filters" not in made["pipeline"]


REJECTED: dict[str, tuple[dict[str, Any], str, Any]] = {
    "line that stdout would lack": (
        own(PARSE),
        "`sidecar.fluentBit.extraFilters[0]` replaces the field log, which the output stdout prints.",
        {"sidecar": {"fluentBit": {"extraFilters": [{**PARSE, "preserve_key": True}]}}},
    ),
    "parser that does not exist": (
        {**HTTP, **own({**PARSE, "parser": ["json", "level"]})},
        "`sidecar.fluentBit.extraFilters[0]` requires the parser level, which does not exist.",
        {"sidecar": {"fluentBit": {"extraParsers": [{"name": "level", "format": "json"}]}}},
    ),
    "new tag": (
        {**HTTP, **own({"name": "rewrite_tag", "match": "app", "rule": "$log ^ new false"})},
        "`sidecar.fluentBit.extraFilters[0]` is a rewrite_tag: no output matches its new tags",
        {"outputs": {"shop": {"type": "cloudwatch", "match": {"files": ["app"]}}}},
    ),
    "multiline filter": (
        {**HTTP, **own({"name": "multiline", "match": "app", "multiline.parser": "java"})},
        "`sidecar.fluentBit.extraFilters[0]` is a multiline filter, which loses records when its buffer",
        {"logs": {"files": [{"name": "app", "path": "/var/log/app/app.log", "multiline": "java"}]}},
    ),
    "tail": (
        own({"name": "modify", "match": "app", "add": "a b"}, engine="tail"),
        "`sidecar.fluentBit.extraFilters` is set, but the tail engine runs none.",
        {"sidecar": {"engine": "fluent-bit"}},
    ),
    "processor of another engine": (
        {"sidecar": {"engine": "tail", "fluentBit": {"extraProcessors": {"app": [INSERT]}}}},
        "`sidecar.fluentBit.extraProcessors` is set, but the tail engine runs none.",
        {"sidecar": {"engine": "fluent-bit"}},
    ),
    "processor of an unknown file": (
        {"sidecar": {"fluentBit": {"extraProcessors": {"web": [INSERT]}}}},
        "`sidecar.fluentBit.extraProcessors.web` is not the name of a file (app).",
        {"sidecar": {"fluentBit": {"extraProcessors": {"app": [INSERT]}}}},
    ),
    "processor that emits": (
        {**HTTP, "sidecar": {"fluentBit": {"extraProcessors": {"app": [{"name": "rewrite_tag"}]}}}},
        "`sidecar.fluentBit.extraProcessors.app[0]` is a rewrite_tag: no output matches its new tags",
        {"outputs": {"shop": {"type": "cloudwatch", "match": {"files": ["app"]}}}},
    ),
}


@pytest.mark.parametrize(("values", "says", "shows"), REJECTED.values(), ids=REJECTED)
def test_rejected(rejection: Callable[..., str], values: dict[str, Any], says: str, shows: Any) -> None:
    """Filters that would lose lines or do nothing are rejected with the YAML to write instead."""
    message = rejection(values)
    assert says in message
    assert written(message) == shows


REGEX = {"name": "own", "format": "regex", "regex": r"^(?<at>\S+) (?<level>\S+)"}
PARSERS: dict[str, tuple[dict[str, Any], str]] = {
    "no regular expression": ({"name": "own", "format": "regex"}, ".format` is regex, but the parser has no regular"),
    "regular expression of json": ({**REGEX, "format": "json"}, ".regex` is set, but `format: json` ignores it."),
    "open group": ({**REGEX, "regex": "(?<at>x"}, '.regex` is "(?<at>x", which is not a regular expression.'),
    "no field": ({**REGEX, "regex": "^(a) b"}, '.regex` is "^(a) b", but only named groups become fields.'),
    "no group for the time": ({**REGEX, "time_format": "%s"}, "`regex` has no group with the name time."),
    "time without a format": ({**REGEX, "time_key": "at"}, ".time_key` is set, but without `time_format` Fluent Bit"),
    "two zones": (
        {**JSON, "time_zone": "Europe/Berlin", "time_offset": "+0100"},
        "` sets time_offset and time_zone, of which Fluent Bit accepts one.",
    ),
    "no offset": ({**JSON, "time_offset": "CET"}, ".time_offset` is CET, which is not the offset of a time zone."),
    "unknown zone": (
        {**JSON, "time_zone": "Europe/Madrid"},
        ".time_zone` is Europe/Madrid, which Fluent Bit does not know. A zone with the same time is Europe/Paris.",
    ),
}


@pytest.mark.parametrize(("parser", "says"), PARSERS.values(), ids=PARSERS)
def test_parsers_that_cannot_work(rejection: Callable[..., str], parser: dict[str, Any], says: str) -> None:
    """Parsers with which Fluent Bit does not start, or ignores the time, are rejected with one that works."""
    message = rejection({**HTTP, **own(parsers=(parser,))})
    assert "`sidecar.fluentBit.extraParsers[0]" in message
    assert says in message
    [shown] = written(message.replace("Write for example:", "Write:").replace("For example:", "Write:"))["sidecar"][
        "fluentBit"
    ]["extraParsers"]
    assert shown["name"] == parser["name"]


def file_with(parser: str, *parsers: dict[str, Any], **values: Any) -> dict[str, Any]:
    """Return values with a parser of a file."""
    file = {"name": "app", "path": "/var/log/app/app.log", "multiline": "java", "parser": parser}
    return {
        "logs": {"files": [file]},
        **own(PARSE | {"preserve_key": True, "parser": "json"}, parsers=parsers),
        **values,
    }


@pytest.mark.parametrize(("regex", "kept"), [("^(?<level>x)", True), ("^(?<level>x) (?<log>.*)", False)])
def test_parser_of_a_file(agent_config: Callable[..., dict[str, Any]], regex: str, kept: bool) -> None:
    """It runs before filters of the values, and the record keeps its line unless the parser has this field."""
    mine = {"name": "mine", "format": "regex", "regex": regex}
    made = agent_config(file_with("mine", mine, JSON, **HTTP))["sidecar"]
    first, second, *_ = made["pipeline"]["filters"]
    common = {"name": "parser", "match": "app", "key_name": "log", "reserve_data": True}
    assert first == {**common, "parser": "mine", "preserve_key": kept}
    assert (second["parser"], made["parsers"]) == ("json", [mine, JSON])


def test_json_needs_no_parser_of_the_values(agent_config: Callable[..., dict[str, Any]]) -> None:
    """The chart has a parser `json`, unless the values have one of this name."""
    files = [{"name": "app", "path": "/var/log/app/app.log", "parser": "json"}]
    assert agent_config({"logs": {"files": files}})["sidecar"]["parsers"] == [{"name": "json", "format": "json"}]
    values = {"logs": {"files": files}, "sidecar": {"fluentBit": {"extraParsers": [JSON]}}}
    assert agent_config(values)["sidecar"]["parsers"] == [JSON]


LOG = {"name": "mine", "format": "regex", "regex": "^(?<level>x) (?<log>.*)"}
OF_FILES: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": (file_with("mine", JSON), "`logs.files[0].parser` is mine, which does not exist."),
    "replaced line": (
        file_with("mine", JSON, LOG),
        "`logs.files[0].parser` is mine, whose group log replaces the line that the output stdout prints.",
    ),
    "unknown in a profile": (
        {"injection": {"profiles": {"a": {"parser": "mine"}}}},
        "`injection.profiles.a.parser` is mine, which does not exist.",
    ),
    "encoding": (
        {"logs": {"files": [{"name": "a", "path": "/var/log/app/a", "encoding": "utf-16le"}]}},
        "`logs.files[0].encoding` is utf-16le, but the chart reads UTF-8 and iso-8859-1, iso-8859-15, iso-8859-2, ",
    ),
    "encoding of tail": (
        {
            "logs": {"files": [{"name": "a", "path": "/var/log/app/a", "encoding": "windows-1252"}]},
            "sidecar": {"engine": "tail"},
        },
        "`logs.files[0]` (a): the tail engine cannot convert windows-1252 to UTF-8.",
    ),
    "Shift_JIS in a profile": (
        {"injection": {"profiles": {"shop": {"encoding": "shift_jis"}}}},
        "`injection.profiles.shop.encoding` is shift_jis, whose characters are too many for the environment of a pod",
    ),
    "tail": (
        {"logs": {"files": [{"name": "a", "path": "/var/log/app/a", "parser": "json"}]}, "sidecar": {"engine": "tail"}},
        "`logs.files[0]` (a): the tail engine cannot parse lines (json).",
    ),
}


@pytest.mark.parametrize(("values", "says"), OF_FILES.values(), ids=OF_FILES)
def test_parsers_of_files_that_cannot_work(rejection: Callable[..., str], values: dict[str, Any], says: str) -> None:
    """Parsers and encodings that do not exist, or that would change what stdout prints, are rejected."""
    assert says in rejection(values)


def test_variables_are_rejected(rejection: Callable[..., str]) -> None:
    """A filter cannot add a credential from the environment to records."""
    assert "extraFilters/0/add" in rejection(own({"name": "modify", "match": "app", "add": "key ${OUTPUT_HTTP__KEY}"}))


def test_filter_without_match_is_rejected(rejection: Callable[..., str]) -> None:
    """Fluent Bit never runs a filter that matches nothing."""
    assert "missing property 'match'" in rejection(own({"name": "modify", "add": "a b"}))
