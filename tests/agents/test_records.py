"""Records on stdout and at a backend: long lines, invalid text, and stack traces."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.backends.receivers import HOST, JsonReceiver
from harness.loss.count import count
from harness.loss.measure import finish_writer, run_writer

from .conftest import Sidecar
from .traces import CAUSED, GO, JAVA, OWN, PYTHON, RUBY

pytestmark = pytest.mark.slow
MEGABYTE = 1_000_000

Start = Callable[..., Sidecar]


def values(kind: str, port: int = 0, **file: Any) -> dict[str, Any]:
    """Return values with one log file, and stdout or a local backend as output."""
    made: dict[str, Any] = {"logs": {"files": [{"name": "app", "path": "/var/log/app/app.log", **file}]}}
    if kind != "stdout":
        output = {"type": kind, "host": HOST, "port": port, "tls": {"enabled": False}}
        made["outputs"] = {"stdout": {"enabled": False}, kind: output}
    return made


TRACES = {
    "java": (JAVA, {"multiline": "java"}),
    "python": (PYTHON, {"multiline": "python"}),
    "python with a cause": (CAUSED, {"multiline": "python"}),
    "ruby": (RUBY, {"multiline": "ruby"}),
    "go": (GO, {"multiline": "go"}),
    "own rules": (OWN, {"multiline": "regex", "multilineRegex": {"start": r"^#\d"}}),
}


@pytest.mark.parametrize(("trace", "file"), TRACES.values(), ids=TRACES)
def test_stack_trace_is_one_record(sidecar: Start, trace: str, file: dict[str, Any]) -> None:
    """A backend receives a stack trace with its lines, between the previous and the following line."""
    with JsonReceiver() as receiver:
        started = sidecar(values("http", receiver.port, **file))
        before, after = ("#1 before", "#2 after") if "Regex" in str(file) else ("before", "after")
        # The Go parser does not include an empty line at the end of a trace.
        started.file.write_text("".join(f"{text}\n" for text in (before, trace, after, trace, after)))
        started.wait_for(lambda: len(receiver) >= 5)
        arrived = [line.decode() for line in receiver.lines()]
    if trace == JAVA:
        # For the preset, its first line is a separate log line.
        first, rest = trace.split("\n", 1)
        assert arrived in ([before, trace, after, trace, after], [before, first, rest, after, first, rest, after])
    else:
        assert arrived == [before, trace, after, trace, after]


@pytest.mark.parametrize(("trace", "file"), TRACES.values(), ids=TRACES)
def test_stack_traces_stay_in_order_on_stdout(sidecar: Start, trace: str, file: dict[str, Any]) -> None:
    """A hundred stack traces between numbered lines are each in their place, on one line of stdout."""
    started = sidecar(values("stdout", **file))
    head = "#" if "Regex" in str(file) else "line "
    with started.file.open("w") as log:
        for number in range(100):
            log.write(f"{head}{number}\n{trace}\n")
    last = trace.rpartition("\n")[2]
    started.wait_for(lambda: sum(line.endswith(last.encode()) for line in started.lines()) >= 100)
    lines = [line.decode() for line in started.lines()]
    numbered = [int(line[len(head) :]) for line in lines if line.startswith(head) and line[len(head) :].isdigit()]
    assert numbered == list(range(100))
    assert sum(line.endswith(last) for line in lines) == 100


@pytest.mark.parametrize("watches", [True, False], ids=["inotify", "stat"])
def test_files_are_read_once_with_and_without_inotify(sidecar: Start, watches: bool) -> None:
    """Every line of a file and its rotated ones arrives once, also the last ones before SIGTERM."""
    started = sidecar({"sidecar": {"fluentBit": {"inotifyWatcher": watches}}})
    written = started.write("--lines 30000 --rate 10000 --rotate rename --rotations 3")
    assert started.terminating()() == 0
    report = count(started.lines(), written)
    assert report.once, report


def test_polled_files_are_read_before_they_are_deleted(sidecar: Start) -> None:
    """Without inotify, no line is lost at 0.5 MB/s although each rotated file exists for a second only."""
    started = sidecar({"sidecar": {"fluentBit": {"inotifyWatcher": False}}})
    written = started.write("--lines 30000 --rate 5000 --rotate rename --rotate-bytes 500000 --keep 1")
    assert started.terminating()() == 0
    report = count(started.lines(), written)
    assert report.once, report


def test_files_in_several_directories(sidecar: Start) -> None:
    """Every line of files with the same name in two directories arrives once, also across rotations."""
    listed = [{"name": "app", "path": "/var/log/app/app.log"}, {"name": "tomcat", "path": "/opt/tomcat/logs/*.log"}]
    logs = {"files": listed, "extraDirectories": {"tomcat": {"path": "/opt/tomcat/logs"}}}
    started = sidecar({"logs": logs})
    other = started.folder / "logs-tomcat" / "app.log"
    options = ["--lines", "20000", "--rate", "10000", "--rotate", "rename", "--rotations", "3"]
    writers = [
        run_writer(file, [*options, "--first", str(first)]) for file, first in ((started.file, 0), (other, 20000))
    ]
    written = sum(finish_writer(writer).written for writer in writers)
    assert started.terminating()() == 0
    report = count(started.lines(), written)
    assert report.once, report


@pytest.mark.parametrize("kind", ["stdout", "http"])
def test_own_parser_adds_fields(sidecar: Start, kind: str) -> None:
    """A parser of the values adds a line's fields and time for a backend; stdout and other lines keep what they are."""
    parser = {"name": "json", "format": "json", "time_key": "ts", "time_format": "%Y-%m-%dT%H:%M:%S%z"}
    parse = {"name": "parser", "match": "app", "key_name": "log", "parser": "json"}
    kept = {"preserve_key": True, "reserve_data": True}
    line = '{"level": "warn", "ts": "2026-01-02T03:04:05+0000"}'
    with JsonReceiver() as receiver:
        chosen = values(kind, receiver.port)
        chosen["sidecar"] = {"fluentBit": {"extraFilters": [{**parse, **kept}], "extraParsers": [parser]}}
        started = sidecar(chosen)
        started.file.write_text(f"{line}\nplain\n")
        started.wait_for(lambda: len(started if kind == "stdout" else receiver) >= 2)
        records = {record["log"]: record for record in receiver.records}
    if kind == "stdout":
        assert [text.decode() for text in started.lines()] == [line, "plain"]
        return
    assert (records[line]["level"], records[line]["file"]) == ("warn", "app")
    assert records[line]["time"].startswith("2026-01-02T03:04:05")
    assert "level" not in records["plain"]


@pytest.mark.parametrize("multiline", ["", "java"], ids=["lines", "traces"])
def test_own_processors_change_records(sidecar: Start, backend: JsonReceiver, multiline: str) -> None:
    """A processor of the values changes the records that meet its condition, whole traces too, before redaction."""
    condition = {"op": "and", "rules": [{"field": "$log", "op": "regex", "value": "^(java|warn)"}]}
    insert = {"name": "content_modifier", "action": "insert", "key": "team", "value": "shop", "condition": condition}
    chosen = values("http", backend.port, **({"multiline": multiline} if multiline else {}))
    chosen["sidecar"] = {"fluentBit": {"extraProcessors": {"app": [insert]}}}
    chosen["redaction"] = {"patterns": {"warn": {"regex": "warn"}}}
    started = sidecar(chosen)
    trace = "java.lang.Exception: a\n\tat a.b(C.java:1)"
    # The last trace is complete only after a time.
    started.file.write_text(f"{trace}\nwarn\nplain\n{trace}\n" if multiline else "warn\nplain\n")
    started.wait_for(lambda: len(backend) >= (4 if multiline else 2))
    teams = [(record["log"], record.get("team")) for record in backend.records]
    lines = [("[REDACTED:warn]", "shop"), ("plain", None)]
    assert teams == ([(trace, "shop"), *lines, (trace, "shop")] if multiline else lines)


@pytest.mark.parametrize("kind", ["stdout", "http"])
def test_lines_of_a_megabyte(sidecar: Start, kind: str) -> None:
    """A line up to the limit arrives whole; a longer one is truncated and counted, and the next line follows."""
    with JsonReceiver() as receiver:
        started = sidecar(values(kind, receiver.port))
        sizes = [999_000, 1_048_576, 3 * MEGABYTE]
        with started.file.open("w") as log:
            for number, size in enumerate(sizes):
                log.write(f"{number} {'x' * (size - 2)}\nnext {number}\n")
        started.wait_for(lambda: len(started if kind == "stdout" else receiver) >= 6)
        # The backend receives chunks, and a small one can overtake a large one.
        records = sorted(receiver.records, key=lambda record: int(record["offset"]))
        arrived = started.lines() if kind == "stdout" else [record["log"].encode() for record in records]
        started.wait_for(lambda: started.metric("fluentbit_input_long_line_truncated_total", name="app") == 2)
    assert [line[:6] for line in arrived[1::2]] == [b"next 0", b"next 1", b"next 2"]
    whole, cut, longest = arrived[::2]
    assert len(whole) == sizes[0]
    assert {len(cut), len(longest)} <= {MEGABYTE - 1, MEGABYTE}


def test_bytes_arrive_unchanged_on_stdout(sidecar: Start) -> None:
    """stdout keeps all bytes of a line: Latin-1, truncated UTF-8, NUL, escapes."""
    started = sidecar(values("stdout"))
    lines = [bytes([*range(1, 10), 11, 12, *range(14, 256)]), b"caf\xe9", b"\xe2\x82", b"a\x00b", b"\xff\xfe", b"{log}"]
    started.file.write_bytes(b"".join(line + b"\n" for line in lines))
    started.wait_for(lambda: len(started) >= len(lines))
    assert started.lines() == lines


def test_bytes_that_are_no_text_stall_nothing(sidecar: Start) -> None:
    """A backend receives JSON, in which invalid bytes are replaced, and other text is unchanged."""
    with JsonReceiver() as receiver:
        started = sidecar(values("http", receiver.port))
        started.file.write_bytes(b"before \xe9\xff after\n\xe2\x82\nlast\n")
        started.wait_for(lambda: len(receiver) >= 3)
        first, _, last = receiver.lines()
    assert first.startswith(b"before ") and first.endswith(b" after")
    assert last == b"last"
