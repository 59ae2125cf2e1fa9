"""Filters and parsers of the values (`sidecar.fluentBit.extraFilters` and `extraParsers`)."""

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import written

JSON = {"name": "json", "format": "json", "time_key": "ts", "time_format": "%s"}
PARSE = {"name": "parser", "match": "app", "key_name": "log", "parser": "json", "reserve_data": True}
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
        "`sidecar.fluentBit.extraFilters` has filters, but `sidecar.engine` is tail, which runs none.",
        {"sidecar": {"engine": "fluent-bit"}},
    ),
}


@pytest.mark.parametrize(("values", "says", "shows"), REJECTED.values(), ids=REJECTED)
def test_rejected(rejection: Callable[..., str], values: dict[str, Any], says: str, shows: Any) -> None:
    """Filters that would lose lines or do nothing are rejected with the YAML to write instead."""
    message = rejection(values)
    assert says in message
    assert written(message) == shows


def test_variables_are_rejected(rejection: Callable[..., str]) -> None:
    """A filter cannot add a credential from the environment to records."""
    assert "extraFilters/0/add" in rejection(own({"name": "modify", "match": "app", "add": "key ${OUTPUT_HTTP__KEY}"}))


def test_filter_without_match_is_rejected(rejection: Callable[..., str]) -> None:
    """Fluent Bit never runs a filter that matches nothing."""
    assert "missing property 'match'" in rejection(own({"name": "modify", "add": "a b"}))
