"""Multiline records: a stack trace is one record, whatever else is printed meanwhile."""

from collections import Counter
from collections.abc import Callable
from itertools import zip_longest
from typing import Any

import pytest

from harness.backends.receivers import JsonReceiver

from .conftest import Sidecar
from .node import Node
from .test_records import values
from .traces import EVERY

pytestmark = pytest.mark.slow

# Begins at a date, and continues up to the next one.
DATED = "2026-11-21 ERROR no\nfirst\n  second"
DATED_RULES = [
    {"state": "more", "regex": r"^(?!\d{4}-)", "next_state": "more"},
    {"state": "start_state", "regex": r"/^\d{4}-/", "next_state": "more"},
]
OWN = [{"name": "dated", "rules": DATED_RULES}]
SOME = [EVERY[name][0] for name in ("java", "python", "go")]


def started(node: Callable[..., Node], *formats: str, **logs: Any) -> Node:
    """Start an agent that joins these formats."""
    return node(metadata={"from": "tag"}, application={"multiline": [*formats]}, refreshInterval=1, **logs)


def logged(backend: JsonReceiver) -> Counter[str]:
    """Count the received records by their text."""
    return Counter(record["log"] for record in backend.records)


def test_traces_among_lines_of_other_streams(node: Callable[..., Node], backend: JsonReceiver) -> None:
    """Traces on stderr are one record each, while stdout and other containers print lines and traces."""
    made = started(node, *EVERY)
    for pod in ("web-1", "web-2"):
        made.write(pod, "first")
    made.wait(lambda: len(backend) == 2)
    expected = Counter({"first": 2})
    # Each line is a write of its own, so that the agent reads one after the other.
    for index, trace in enumerate(SOME):
        other = SOME[index - 1]
        for number, (line, of_other) in enumerate(zip_longest(trace.split("\n"), other.split("\n"))):
            if line is not None:
                made.write("web-1", line, stream="stderr")
            made.write("web-1", f"{index} {number}")
            if of_other is not None:
                made.write("web-2", of_other)
            expected[f"{index} {number}"] += 1
        made.write("web-1", "done", stream="stderr")
        made.write("web-2", "done")
        expected.update([trace, other, "done", "done"])
    made.wait(lambda: len(backend) >= expected.total())
    assert logged(backend) == expected
    assert Counter((record["log"], record["stream"]) for record in backend.records if record["log"] in SOME) == Counter(
        (trace, stream) for trace in SOME for stream in ("stderr", "stdout")
    )


@pytest.mark.parametrize("format_", EVERY)
def test_formats(node: Callable[..., Node], backend: JsonReceiver, format_: str) -> None:
    """The last trace of a container arrives without a following line, and no line arrives twice."""
    made = started(node, format_)
    expected = []
    for trace in EVERY[format_]:
        made.write("web-1", "before", *trace.split("\n"), "between", *trace.split("\n"))
        expected += ["before", trace, "between", trace]
        made.wait(lambda expected=tuple(expected): len(backend) >= len(expected))
    made.write("web-1", "after")
    made.wait(lambda: len(backend) > len(expected))
    assert [record["log"] for record in backend.records] == [*expected, "after"]


def test_own_format(node: Callable[..., Node], backend: JsonReceiver) -> None:
    """A format of the values joins lines, next to a built-in one."""
    made = started(node, "python", "dated", extraMultilineParsers=OWN)
    [trace, *_] = EVERY["python"]
    made.write("web-1", "before", *trace.split("\n"), *DATED.split("\n"), *DATED.split("\n"))
    made.wait(lambda: len(backend) >= 4)
    assert logged(backend) == Counter(["before", trace, DATED, DATED])


def test_own_format_of_a_file(sidecar: Callable[..., Sidecar], backend: JsonReceiver) -> None:
    """A sidecar joins lines with a format of the values."""
    chosen = values("http", backend.port, multiline="dated")
    chosen["sidecar"] = {"fluentBit": {"extraMultilineParsers": OWN}}
    started = sidecar(chosen)
    started.file.write_text(f"before\n{DATED}\n{DATED}\n")
    started.wait_for(lambda: len(backend) >= 3)
    assert logged(backend) == Counter(["before", DATED, DATED])


def test_trace_before_the_agent_stops(node: Callable[..., Node], backend: JsonReceiver) -> None:
    """A trace that is complete, but was not followed by another line when the agent stops, arrives."""
    [trace, *_] = EVERY["java"]
    made = started(node, "java")
    made.write("web-1", "first")
    made.wait(lambda: len(backend) == 1)
    made.write("web-1", "before", *trace.split("\n"))
    made.wait(lambda: len(backend) >= 2)
    made.stop()
    assert logged(backend) == Counter(["first", "before", trace])


@pytest.mark.parametrize("of", ["node", "sidecar"])
def test_many_lines_at_once(
    node: Callable[..., Node], sidecar: Callable[..., Sidecar], backend: JsonReceiver, of: str
) -> None:
    """Each of the 300,000 lines of a file that the agent finds arrives once, although most are no traces."""
    lines = [f"{number} {'x' * 90}" for number in range(300_000)]
    if of == "node":
        made = started(node, "java")
        made.write("web-1", *lines)
        made.wait(lambda: len(backend) >= len(lines))
    else:
        running = sidecar(values("http", backend.port, multiline="java"))
        running.file.write_text("".join(f"{line}\n" for line in lines))
        running.wait_for(lambda: len(backend) >= len(lines))
    assert logged(backend) == Counter(lines)
