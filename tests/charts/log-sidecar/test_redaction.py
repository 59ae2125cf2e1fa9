"""Redaction: where the filter stands, how it is written, and the values that it rejects."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.render.manifests import Manifests

from .conftest import written

Install = Callable[..., Manifests]
RULES = ["email", "jwt"]
FILE = {"name": "app", "path": "/var/log/app/app.log"}
TAIL = {"injection": {"enabled": True}, "app": {"enabled": False}}


def test_nothing_is_redacted_by_default(agent_config: Callable[..., dict[str, Any]]) -> None:
    """Without rules, the configuration has neither filters nor the input that counts."""
    pipeline = agent_config()["sidecar"]["pipeline"]
    assert "filters" not in pipeline
    assert [plugin["alias"] for plugin in pipeline["inputs"]] == ["app", "_positions"]


def test_filters(agent_config: Callable[..., dict[str, Any]]) -> None:
    """Redaction precedes the filter that puts records on one line."""
    values = {"redaction": {"rules": RULES}, "logs": {"files": [{**FILE, "multiline": "java"}]}}
    pipeline = agent_config(values)["sidecar"]["pipeline"]
    made = [(plugin["name"], plugin.get("alias"), plugin["match"]) for plugin in pipeline["filters"]]
    assert made == [
        ("lua", "redaction", "*"),
        *(("grep", f"redacted-{name}", "_redactions*") for name in (*RULES, "error")),
        ("lua", None, "app"),
    ]
    assert [plugin["alias"] for plugin in pipeline["inputs"]] == ["app", "_redactions", "_positions"]


def test_code(agent_config: Callable[..., dict[str, Any]]) -> None:
    """The code has the rules in their order, with texts of Lua, and nothing that Fluent Bit would expand."""
    patterns = {"odd": {"regex": r'"\d${x}', "replacement": "${HOME}\\"}, "plain": {"regex": "x"}}
    values = {"redaction": {"rules": RULES, "patterns": patterns, "replacement": "<{rule}>"}}
    [code] = [plugin["code"] for plugin in agent_config(values)["sidecar"]["pipeline"]["filters"] if "code" in plugin]
    given = code[code.index("local given = {") :].partition("\n}\n")[0].splitlines()[1:]
    assert given == [
        '  { name = "email", text = "<email>" },',
        '  { name = "jwt", text = "<jwt>" },',
        r'  { name = "odd", regex = "\"\\d\036{x}", text = "\036{HOME}\\" },',
        '  { name = "plain", regex = "x", text = "<plain>" },',
    ]
    assert "${" not in code
    assert not [line for line in code.splitlines() if line.strip().startswith("-- ")]


def test_injected_sidecars_redact(install: Install) -> None:
    """The sidecar of the admission policy has the same filter, within CEL's limit of 100,000 characters."""
    made = install({**TAIL, "redaction": {"rules": ["card-number", *RULES]}})
    policy = made.one("MutatingAdmissionPolicy", "x-log-sidecar.prd")
    expressions = {entry["name"]: entry["expression"] for entry in policy["spec"]["variables"]}
    assert [name for name, text in expressions.items() if "alias: redaction\\n" in text] == ["sidecar_0_fluent_bit"]
    assert max(map(len, expressions.values())) < 100_000
    assert "cannot redact" in expressions["rejection"]
    without = install(TAIL).one("MutatingAdmissionPolicy", "x-log-sidecar.prd")
    assert "redact" not in str(without)


def own(regex: str, name: str = "own") -> dict[str, Any]:
    """Return values with one pattern."""
    return {"redaction": {"patterns": {name: {"regex": regex}}}}


RULE = {"redaction": {"rules": ["jwt"]}}
REJECTED: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "invalid": (
        own("(a"),
        '`redaction.patterns.own.regex` is "(a", which is not a regular expression of RE2',
        own(r"\bid-[0-9]{8}\b"),
    ),
    "unbalanced": (own("a)|(b"), "which is not a regular expression of RE2", own(r"\bid-[0-9]{8}\b")),
    "lookahead": (own("(?=a)b"), "Backreferences and lookarounds do not exist there", own(r"\bid-[0-9]{8}\b")),
    "backreference": (own(r"(a)\1"), "which is not a regular expression of RE2", own(r"\bid-[0-9]{8}\b")),
    "Unicode class": (own(r"\pL+"), r"contains \p, which redaction does not support", own("[A-Za-z0-9]+")),
    "byte beyond ASCII": (own(r"\xe9"), r"contains \xe, which redaction does not support", own("[A-Za-z0-9]+")),
    "lazy quantifier": (own("a.*?b"), "redaction always takes the longest match", own("token=[^;]*")),
    "lazy by a flag": (own("(?U)a.*b"), "redaction always takes the longest match", own("token=[^;]*")),
    "lazy class": (own("a[0-9?]+?b"), "redaction always takes the longest match", own("token=[^;]*")),
    "wide class": (own("[äö]"), "has a character outside ASCII in brackets", own("(?:ä|ö|ü)")),
    "empty match": (own("[0-9]*"), "which matches the empty text", own("[0-9]+")),
    "name of a rule": (own("x", "jwt"), "`redaction.patterns.jwt` has the name of a built-in rule", own("x", "my-jwt")),
    "tail": (
        {**RULE, "sidecar": {"engine": "tail"}},
        "`sidecar.engine` is tail, which cannot redact",
        {"sidecar": {"engine": "fluent-bit"}},
    ),
    "fluentd": (
        {**RULE, "sidecar": {"engine": "fluentd"}},
        "`sidecar.engine` is fluentd, which cannot redact",
        {"sidecar": {"engine": "fluent-bit"}},
    ),
    "demo that sends": (
        {
            **RULE,
            "app": {"demo": {"logTo": "http"}},
            "sidecar": {"enabled": False},
            "outputs": {"http": {"type": "http", "host": "logs.example.com"}},
        },
        "`app.demo.logTo` is http: the demo sends its lines itself, without redaction",
        {"app": {"demo": {"logTo": "file"}}},
    ),
    "profile with tail": (
        {**RULE, "app": {"enabled": False}, "injection": {"enabled": True, "profiles": {"small": {"engine": "tail"}}}},
        "`injection.profiles.small` uses the tail engine, which cannot redact",
        {"injection": {"profiles": {"small": {"engine": "fluent-bit"}}}},
    ),
}


@pytest.mark.parametrize(("values", "says", "shows"), REJECTED.values(), ids=REJECTED)
def test_rejected(rejection: Callable[..., str], values: dict[str, Any], says: str, shows: dict[str, Any]) -> None:
    """Patterns that cannot work, and agents that cannot redact, are rejected with the YAML to write instead."""
    message = rejection(values)
    assert says in message
    assert written(message) == shows


ACCEPTED = (
    r"a\?",
    r"a[*?]",
    r"a{2}b",
    r"(?:a|b)?c",
    r"[[:alpha:]]{3}",
    r"\\pL",
    r"(?i)x",
    r"x\}?y",
    r"\x41",
    "ä+",
    "[^x]?y",
)


@pytest.mark.parametrize("regex", ACCEPTED)
def test_accepted(install: Install, regex: str) -> None:
    """Patterns that resemble rejected ones render."""
    assert install(own(regex)).one("ConfigMap", "x-log-sidecar-sidecar")


SCHEMA = {
    "unknown rule": ({"rules": ["passwords"]}, "at '/redaction/rules/0'"),
    "rule twice": ({"rules": ["jwt", "jwt"]}, "at '/redaction/rules'"),
    "name": ({"patterns": {"A b": {"regex": "x"}}}, "invalid propertyName 'A b'"),
    "no regex": ({"patterns": {"a": {}}}, "missing property 'regex'"),
    "line break": ({"patterns": {"a": {"regex": "x\ny"}}}, "at '/redaction/patterns/a/regex'"),
    "long": ({"patterns": {"a": {"regex": "x" * 257}}}, "at '/redaction/patterns/a/regex'"),
    "empty replacement": ({"replacement": ""}, "at '/redaction/replacement'"),
}


@pytest.mark.parametrize(("block", "says"), SCHEMA.values(), ids=SCHEMA)
def test_schema(rejection: Callable[..., str], block: dict[str, Any], says: str) -> None:
    """The schema rejects unknown rules and malformed patterns."""
    assert says in rejection({"redaction": block})
