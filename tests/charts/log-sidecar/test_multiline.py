"""Formats of multiline records of the values (`extraMultilineParsers`), which all charts check in the same way."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.render.manifests import Manifests

from .conftest import written

START = {"state": "start_state", "regex": "^x", "next_state": "more"}
MORE = {"state": "more", "regex": "^ ", "next_state": "more"}
EXAMPLE = [
    {"state": "start_state", "regex": r"^\d{4}-", "next_state": "more"},
    {"state": "more", "regex": r"^(?!\d{4}-)", "next_state": "more"},
]


def own(*rules: dict[str, Any], name: str = "own", multiline: str = "own") -> dict[str, Any]:
    """Return values with a format, and a file of this format."""
    file = {"name": "app", "path": "/var/log/app/app.log", "multiline": multiline}
    parsers = [{"name": name, "rules": [*rules]}]
    return {"logs": {"files": [file]}, "sidecar": {"fluentBit": {"extraMultilineParsers": parsers}}}


RULES: dict[str, tuple[dict[str, Any], str]] = {
    "no start": (own(MORE), "[0].rules` has no rule with the state start_state, so no record would begin."),
    "state without a rule": (own(START), "[0].rules[0].next_state` is more, but no rule has this state."),
    "back to the start": (
        own(START, {**MORE, "next_state": "start_state"}),
        "[0].rules[1].next_state` is start_state, with which a record begins: Fluent Bit would duplicate the line.",
    ),
    "back to a state with the start": (
        own({**START, "state": "start_state, more"}, MORE),
        "[0].rules[0].next_state` is more, with which a record begins",
    ),
    "open group": (own({**START, "regex": "^(x"}, MORE), '[0].rules[0].regex` is "^(x", which is not a regular'),
    "nothing to repeat": (own(START, {**MORE, "regex": "/*x/"}), '[0].rules[1].regex` is "/*x/", which is not'),
}


@pytest.mark.parametrize(("values", "says"), RULES.values(), ids=RULES)
def test_rules_that_cannot_work(rejection: Callable[..., str], values: dict[str, Any], says: str) -> None:
    """Rules that Fluent Bit rejects, or with which it duplicates lines, are rejected with rules that work."""
    message = rejection(values)
    assert f"`sidecar.fluentBit.extraMultilineParsers{says}" in message
    assert written(message) == {
        "sidecar": {"fluentBit": {"extraMultilineParsers": [{"name": "own", "rules": EXAMPLE}]}}
    }


NAMES: dict[str, tuple[dict[str, Any], str]] = {
    "built-in": (
        own(START, MORE, name="java"),
        "extraMultilineParsers[0].name` is java, the name of a built-in format.",
    ),
    "unknown": (
        own(START, MORE, multiline="jaba"),
        "`logs.files[0].multiline` contains the format jaba, which does not exist. "
        "Write one of docker, cri, regex, go, java, python, ruby, own, or add a parser:",
    ),
    "unknown in a profile": (
        {"injection": {"profiles": {"a": {"multiline": "jaba"}}}},
        "`injection.profiles.a.multiline` contains the format jaba, which does not exist.",
    ),
    "regex of a file": (
        {"logs": {"files": [{"name": "a", "path": "/a", "multiline": "regex", "multilineRegex": {"start": "[x"}}]}},
        '`logs.files[0].multilineRegex.start` is "[x", which is not a regular expression.',
    ),
}


@pytest.mark.parametrize(("values", "says"), NAMES.values(), ids=NAMES)
def test_names_that_cannot_work(rejection: Callable[..., str], values: dict[str, Any], says: str) -> None:
    """A name that is taken, or does not exist, is rejected."""
    assert says in rejection(values)


@pytest.mark.parametrize(
    "regex",
    [
        *(
            r"(?<!a)b(?=c)(?!d)(?<=e)",
            r"(?>a|b)++c",
            r"(?<day>\d{1,5000})\k<day>",
            r"[\]\[x][^]]",
            r"/^a.+?/im",
            r"\p{Alpha}",
        ),
        *(r"[[:alpha:]_]+", r"(?i:a)(?m)b", r"\h\R\(", r"a{2}+|b", r"^\s*$|\[\d+\]", r"a/b"),
    ],
)
def test_regular_expressions_of_fluent_bit(install: Callable[..., Manifests], regex: str) -> None:
    """Regular expressions of Onigmo are accepted, also those that Helm does not know."""
    assert install(own({**START, "regex": regex}, MORE)).one("ConfigMap", "x-log-sidecar-sidecar")
