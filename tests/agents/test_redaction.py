"""Redaction in the real Fluent Bit: how much each rule finds, and that no secret reaches the disk or a backend."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.backends.receivers import JsonReceiver

from .conftest import Sidecar, sidecars
from .node import Node, http
from .redaction_corpus import COUNT, TRUE, true_cases
from .redaction_negatives import false_cases

pytestmark = pytest.mark.slow
RULES = [*TRUE]
DROPPED = "fluentbit_filter_drop_records_total"
# A record of the corpus can have several lines.
RECORD = {"multiline": "regex", "multilineRegex": {"start": "^#[0-9]+: "}}

KEY = "MIIEowIBAAKCAQEAcanarycanarycanarycanarycanarycanarycanarycanary"
CANARIES = {
    "aws-access-key-id": "AKIACANARYCANARYCANA",
    "aws-secret-access-key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.Y2FuYXJ5",
    "bearer-token": "Bearer canary-canary-canary-0",
    "card-number": "4111 1111 1111 1111",
    "iban": "DE89370400440532013000",
    "email": "canary@example.com",
    "staff": "staff-424242",
}
REDACTION = {"rules": RULES, "patterns": {"staff": {"regex": r"\bstaff-[0-9]{6}\b"}}}


def to(port: int, **file: Any) -> dict[str, Any]:
    """Return values of log-sidecar with one file and an HTTP backend."""
    return {
        "logs": {"files": [{"name": "app", "path": "/var/log/app/app.log", **file}]},
        "outputs": {"stdout": {"enabled": False}, "http": http(port)},
    }


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Texts of the corpus, true cases of all rules and then false ones, as one agent with all rules delivers them."""
    texts = [text for rule in RULES for text, _ in true_cases(rule)] + [
        text for rule in RULES for text in false_cases(rule)
    ]
    with JsonReceiver() as receiver, sidecars(tmp_path_factory.mktemp("corpus")) as start:
        started = start({**to(receiver.port, **RECORD), "redaction": {"rules": RULES}})
        started.file.write_text("".join(f"#{number}: {text}\n" for number, text in enumerate(texts)), encoding="utf-8")
        delivered = lambda: joined([record["log"] for record in receiver.records])  # noqa: E731
        started.wait_for(lambda: len(delivered()) == len(texts), seconds=300)
        yield delivered()


def joined(logs: list[str]) -> list[str]:
    """Return texts without their numbers, in this order. Fluent Bit splits a record whose end it reads much later."""
    found: dict[int, str] = {}
    number = 0
    for log in logs:
        head, separator, text = log.partition(": ")
        if separator and head.startswith("#"):
            number = int(head[1:])
            found[number] = text
        else:
            found[number] += log
    return [found[number] for number in sorted(found)]


@pytest.mark.parametrize("rule", RULES)
def test_recall(corpus: list[str], rule: str) -> None:
    """At least 99% of the secrets of 500 texts are redacted."""
    begin = RULES.index(rule) * COUNT
    results = corpus[begin : begin + COUNT]
    missed = [
        (text, result)
        for (text, secrets), result in zip(true_cases(rule), results, strict=True)
        if any(secret in result for secret in secrets) or "[REDACTED:" not in result
    ]
    assert len(missed) <= COUNT // 100, missed[:5]
    assert 100 - 100 * len(missed) / COUNT >= documented(rule)[0], missed[:5]


@pytest.mark.parametrize("rule", RULES)
def test_false_positives(corpus: list[str], rule: str) -> None:
    """At most 1% of 500 texts without a secret of the rule, but similar to one, are changed by it."""
    begin = (len(RULES) + RULES.index(rule)) * COUNT
    results = corpus[begin : begin + COUNT]
    wrong = [
        (text, result)
        for text, result in zip(false_cases(rule), results, strict=True)
        if f"[REDACTED:{rule}]" in result
    ]
    assert len(wrong) <= COUNT // 100, wrong[:5]
    assert 100 * len(wrong) / COUNT <= documented(rule)[1], wrong[:5]


def documented(rule: str) -> list[float]:
    """Return recall and false positives of a rule in docs/redaction.md, in percent."""
    page = (Path(__file__).parents[2] / "docs" / "redaction.md").read_text(encoding="utf-8")
    [row] = [line for line in page.splitlines() if line.startswith(f"| `{rule}` |") and line.endswith("% |")]
    return [float(cell.strip().removesuffix("%")) for cell in row.split("|")[-3:-1]]


def on_disk(folder: Path, secrets: dict[str, str]) -> set[str]:
    """Return the names of the secrets that files of a folder contain."""
    contents = [file.read_bytes() for file in folder.rglob("*") if file.is_file()]
    return {name for name, secret in secrets.items() if any(secret.encode() in content for content in contents)}


@pytest.mark.parametrize("file", [{}, {"multiline": "java"}], ids=["lines", "multiline"])
@pytest.mark.parametrize("redacts", [True, False], ids=["redacted", "control"])
def test_canaries_in_an_outage(sidecar: Callable[..., Sidecar], redacts: bool, file: dict[str, Any]) -> None:
    """Records on the disk, which the backend receives later, have no canary; without redaction, all of them."""
    with JsonReceiver() as receiver:
        receiver.fail("503")
        started = sidecar({**to(receiver.port, **file), **({"redaction": REDACTION} if redacts else {})})
        lines = [f"waiting {name}: {secret};" for name, secret in CANARIES.items()]
        started.file.write_text("".join(f"{line}\n" for line in lines))
        started.wait_for(lambda: started.metric("fluentbit_output_retries_total", name="http") > 0)
        waiting = {name: f"waiting {name}" for name in CANARIES}
        started.wait_for(lambda: on_disk(started.state, waiting) == {*CANARIES})
        expected = set() if redacts else {*CANARIES}
        assert on_disk(started.state, CANARIES) == expected
        receiver.heal()
        started.wait_for(lambda: sum(text.count("waiting") for text in texts(receiver)) >= len(lines))
        assert {
            name for name, secret in CANARIES.items() if any(secret in text for text in texts(receiver))
        } == expected
        if redacts:
            counted = lambda: [started.metric(DROPPED, name=f"redacted-{name}") for name in CANARIES]  # noqa: E731
            started.wait_for(lambda: counted() == [1] * len(CANARIES))
            assert started.metric(DROPPED, name="redacted-error") == 0


def texts(receiver: JsonReceiver) -> list[str]:
    """Return the received records as text."""
    return [str(record) for record in receiver.records]


def test_stdout(sidecar: Callable[..., Sidecar]) -> None:
    """What the sidecar prints is redacted; the markers of the counter never appear."""
    started = sidecar({"redaction": REDACTION})
    started.file.write_text("".join(f"{secret}\n" for secret in CANARIES.values()))
    started.wait_for(lambda: len(started) == len(CANARIES))
    started.wait_for(lambda: started.metric(DROPPED, name="redacted-staff") == 1)
    expected = [f"[REDACTED:{name}]" for name in CANARIES]
    expected[3] = "Bearer [REDACTED:bearer-token]"
    assert [line.decode() for line in started.lines()] == expected


def test_node_agent(tmp_path: Path, node: Callable[..., Node], backend: JsonReceiver) -> None:
    """Nested fields, their keys and numbers, and files of the node are redacted on the disk; names of pods are not."""
    messages = tmp_path / "messages"
    messages.write_text("")
    backend.fail("503")
    made = node(
        metadata={"from": "tag"},
        application={"parseJson": True},
        host={"enabled": True, "journal": [], "files": ["/var/log/messages"]},
        dataplane={"enabled": False},
        values={"redaction": REDACTION},
    )
    deep = '[{"mail":"canary@example.com","canary@example.com":1}]'
    nested = f'{{"pan":4111111111111111,"n":7,"none":null,"empty":[],"deep":{deep}}}'
    made.write("staff-424242", nested, "plain canary@example.com")
    messages.write_text("login of canary@example.com\n")
    made.wait(lambda: made.metric("fluentbit_output_retries_total") >= 2)
    assert on_disk(made.state, {"secret": "canary@", "number": "4111111111111111", "nested": "log_processed"}) == {
        "nested"
    }
    backend.heal()
    made.wait(lambda: len(backend.records) == 3)
    found = {record.get("log") or str(record["log_processed"].get("pan")): record for record in backend.records}
    assert {*found} == {"[REDACTED:card-number]", "plain [REDACTED:email]", "login of [REDACTED:email]"}
    mail = "[REDACTED:email]"
    assert found["[REDACTED:card-number]"]["log_processed"] == {
        **{"pan": "[REDACTED:card-number]", "n": 7, "none": None, "empty": []},
        "deep": [{"mail": mail, mail: 1}],
    }
    assert found["plain [REDACTED:email]"]["kubernetes"]["pod_name"] == "staff-424242"
    made.wait(lambda: made.metric(DROPPED, name="redacted-email") == 4)


def test_key_of_one_record_per_line(node: Callable[..., Node], backend: JsonReceiver) -> None:
    """The lines of a private key are redacted by themselves, each stream for itself, and other lines stay."""
    made = node(metadata={"from": "tag"}, values={"redaction": {"rules": ["pem-private-key"]}})
    lines = [
        "-----BEGIN RSA PRIVATE KEY-----",
        KEY,
        "GET /cart 200",
        KEY,
        "Y2FuYXJ5",
        "-----END RSA PRIVATE KEY-----",
        KEY,
    ]
    made.write("web-1", *lines)
    made.write("web-2", KEY)
    made.wait(lambda: len(backend.records) == 8)
    of = lambda pod: [r["log"] for r in backend.records if r["kubernetes"]["pod_name"] == pod]  # noqa: E731
    gone = "[REDACTED:pem-private-key]"
    assert of("web-1") == [lines[0], gone, "GET /cart 200", gone, gone, lines[5], KEY]
    assert of("web-2") == [KEY]


LONG = {
    "dashes": "-" * 900_000,
    "base64": f"{'aB3/' * 10} " * 20_000,
    "address": f"{'a' * 900_000}@example.com",
    "keys": "-----BEGIN PRIVATE KEY-----" * 30_000,
    "tokens": "eyJhbGciOiJIUzI1NiJ9." * 40_000,
    "blanks": " " * 900_000,
}


def test_long_records(sidecar: Callable[..., Sidecar]) -> None:
    """Records of almost a megabyte on which a backtracking matcher would take hours arrive within a minute."""
    started = sidecar({"redaction": {"rules": RULES}})
    started.file.write_text("".join(f"{name} {text}\n" for name, text in LONG.items()))
    started.wait_for(lambda: len(started) == len(LONG))
    assert [line.split()[0].decode() for line in started.lines()] == [*LONG]


PATTERNS = {
    "alternatives": (r"a|ab", "xab", "x_"),
    "classes": (r"[^\s,]+@[[:alpha:]\d-]+", "to x1@host-7, y", "to _, y"),
    "case": (r"(?i)Secret:\s*\S+", "a sEcReT:  x$y b", "a _ b"),
    "edges of words": (r"\bid-\d{3}\b", "id-123 xid-123 id-1234 id-456", "_ xid-123 id-1234 _"),
    "anchors": (r"^start|end$", "start start end end", "_ start end _"),
    "counts": (r"(?:ab){2,3}", "ababababab", "__"),
    "escapes": (r"\$\{x\}\x41\.\\", r"a${x}A.\b", "a_b"),
    "longest": (r"token=[^;]*", "token=a b;c token=", "_;c _"),
    "beyond ASCII": (r"(?:ä|ö)x.", "äxy öxz", "_ _"),
    "group with flags": (r"(?P<name>(?i:ab)c)", "ABc ABC", "_ ABC"),
    "several lines": (r"(?m)^key.*$", "key 1", "_"),
    "expensive": (r"(?:a|aa)+b|a", "a" * 5000, "_" * 17),
}


@pytest.fixture(scope="module")
def matched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """For each of PATTERNS, its text as an agent with this pattern in a file of its own delivers it."""
    found = {}
    with sidecars(tmp_path_factory.mktemp("patterns")) as start:
        for name, (regex, text, _) in PATTERNS.items():
            found[name] = replaced(
                start({"redaction": {"patterns": {"own": {"regex": regex, "replacement": "_"}}}}), text
            )
        yield found


def replaced(started: Sidecar, text: str) -> str:
    """Return a text as a sidecar prints it, and stop the sidecar."""
    started.file.write_text(f"{text}\n", encoding="utf-8")
    started.wait_for(lambda: len(started) == 1)
    started.stop()
    return started.lines()[0].decode()


@pytest.mark.parametrize("name", PATTERNS)
def test_own_pattern(matched: dict[str, str], name: str) -> None:
    """A pattern of the user matches as RE2 does, but always takes the longest match."""
    assert matched[name] == PATTERNS[name][2]
