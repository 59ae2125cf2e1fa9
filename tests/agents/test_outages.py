"""Failing backends, killed sidecars and full buffers: no line is lost, or every loss is counted.

OUTAGE_SECONDS is the total duration of an outage: 30 s by default, 300 s for the published figures. Outages run in
parallel, each with its own sidecar and backend, because they mostly wait.
"""

import functools
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bench import volumes
from harness.backends.aws import CloudWatchLogs
from harness.backends.receivers import HOST, BulkReceiver, JsonReceiver, Receiver
from harness.loss.count import count
from harness.loss.measure import finish_writer

from .conftest import OUTAGE_SECONDS, Sidecar, outage, sidecars

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("outages")]
RATE = 1000
# Written before, during and after the outage.
LINES = f"--lines {int(RATE * (OUTAGE_SECONDS + 3))} --rate {RATE} --rotate rename --rotations 4"
FAILURES = ["503", "429", "refuse"]
DROPPED = "fluentbit_output_dropped_records_total"
READ = "fluentbit_processor_items_in_total"
CHUNKS = "fluentbit_storage_chunks"

Start = Callable[..., Sidecar]


def to(kind: str, port: int, *, buffer: str = "128M", **block: Any) -> dict[str, Any]:
    """Return values with an output to a local backend, without TLS."""
    storage = {"totalLimitSize": buffer}
    output = {"type": kind, "host": HOST, "port": port, "tls": {"enabled": False}, "storage": storage, **block}
    return {"outputs": {"stdout": {"enabled": False}, kind: output}}


def complete(receiver: Receiver, written: int) -> bool:
    """Return whether every line arrived; duplicates do not count for waiting lines."""
    return len(receiver) >= written and count(receiver.lines(), written).complete


def unchanged(figure: Callable[[], float], *, seconds: float = 3) -> bool:
    """Return whether a figure stays the same for longer than two flushes."""
    before = figure()
    time.sleep(seconds)
    return figure() == before


def bulk_api_that_fails(sidecar: Start, folder: Path, kind: str) -> None:
    """After 5xx, throttling, refused connections, rejected documents and timeouts, every line is stored once."""
    with BulkReceiver() as receiver:
        started = sidecar(to(kind, receiver.port))
        writer = started.begin(LINES)
        outage(receiver, [*FAILURES, "partial", "lost"])
        written = finish_writer(writer).written
        sent = "fluentbit_output_proc_records_total"
        started.wait_for(lambda: started.metric(sent, name=kind) >= written, seconds=120)
        report = count(receiver.lines(), written)
        assert (report.lost, report.duplicated, report.mangled) == (0, 0, 0), report
        # Checks that requests failed at all.
        assert {*receiver.failed} >= {"503", "429", "partial", "lost"}
        assert receiver.repeated > 0
        assert started.metric(DROPPED, name=kind) == 0


def http_that_fails(sidecar: Start, folder: Path) -> None:
    """If the backend stores only acknowledged requests, every line arrives once."""
    with JsonReceiver() as receiver:
        started = sidecar(to("http", receiver.port, format="json_lines"))
        writer = started.begin(LINES)
        outage(receiver, FAILURES)
        written = finish_writer(writer).written
        started.wait_for(lambda: complete(receiver, written), seconds=120)
        report = count(receiver.lines(), written)
        assert (report.lost, report.duplicated, report.mangled) == (0, 0, 0), report
        assert started.metric("fluentbit_output_retries_total", name="http") > 0


def doubles_are_retried_chunks(sidecar: Start, folder: Path) -> None:
    """An HTTP backend that stores without a response receives duplicates only of retried chunks."""
    with JsonReceiver() as receiver:
        started = sidecar(to("http", receiver.port))
        writer = started.begin(LINES)
        outage(receiver, ["lost"])
        written = finish_writer(writer).written
        sent = "fluentbit_output_proc_records_total"
        started.wait_for(lambda: started.metric(sent, name="http") >= written, seconds=120)
        report = count(receiver.lines(), written)
        assert report.lost == 0
        assert 0 < report.duplicated <= started.metric("fluentbit_output_retried_records_total", name="http")


def cloudwatch_that_fails(sidecar: Start, folder: Path) -> None:
    """After 5xx, ThrottlingException and refused connections before the log group exists, every line arrives once."""
    with CloudWatchLogs(folder / "pki") as api:
        block = {"endpoint": HOST, "port": api.port, "logGroupName": "/outage/{namespace}"}
        output = {"type": "cloudwatch", "tls": {"caSecret": {"name": "a", "key": "ca.crt"}}, **block}
        started = sidecar({"outputs": {"stdout": {"enabled": False}, "cloudwatch": output}}, ca=api.ca)
        api.fail("503")
        writer = started.begin(LINES)
        outage(api, FAILURES)
        written = finish_writer(writer).written
        sent = "fluentbit_output_proc_records_total"
        started.wait_for(lambda: started.metric(sent, name="cloudwatch") >= written, seconds=120)
        report = count([json.loads(message)["log"] for message in api.messages("/outage/prd")], written)
        assert (report.lost, report.duplicated, report.mangled) == (0, 0, 0), report
        assert {*api.failed} >= {"503", "429"}


def killed_during_an_outage(sidecar: Start, folder: Path) -> None:
    """After two SIGKILLs during an outage, every line arrives: read lines wait on disk, others in the file."""
    with BulkReceiver() as receiver:
        started = sidecar(to("opensearch", receiver.port))
        writer = started.begin(LINES)
        receiver.fail("503")
        until = time.monotonic() + OUTAGE_SECONDS
        for _ in range(2):
            started.wait_for(lambda: started.metric("fluentbit_output_retries_total", name="opensearch") > 0)
            started.kill()
            started.restart()
        time.sleep(max(0.0, until - time.monotonic()))
        receiver.heal()
        written = finish_writer(writer).written
        started.wait_for(lambda: complete(receiver, written), seconds=120)
        report = count(receiver.lines(), written)
        assert (report.lost, report.mangled) == (0, 0), report
        # Lines whose position was not stored yet: a few from one read.
        assert report.duplicated <= 2 * RATE


CASES: dict[str, Callable[[Start, Path], None]] = {
    "elasticsearch": functools.partial(bulk_api_that_fails, kind="elasticsearch"),
    "opensearch": functools.partial(bulk_api_that_fails, kind="opensearch"),
    "http": http_that_fails,
    "http, answers lost": doubles_are_retried_chunks,
    "cloudwatch": cloudwatch_that_fails,
    "killed": killed_during_an_outage,
}


@pytest.fixture(scope="module")
def outages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, "Future[None]"]]:
    """All CASES, started at the same time."""
    folder = tmp_path_factory.mktemp("outages")
    with sidecars(folder) as start, ThreadPoolExecutor(len(CASES)) as pool:
        running = {}
        for number, (name, case) in enumerate(CASES.items()):
            own = folder / f"case-{number}"
            own.mkdir()
            running[name] = pool.submit(case, start, own)
        yield running


@pytest.mark.parametrize("case", CASES)
def test_outage(outages: dict[str, "Future[None]"], case: str) -> None:
    """Delivery is as described for the case while the backend fails for OUTAGE_SECONDS."""
    outages[case].result()


def test_pod_that_ends_during_an_outage(sidecar: Start) -> None:
    """A backend that recovers within `sidecar.grace` receives all lines."""
    with JsonReceiver() as receiver:
        started = sidecar(to("http", receiver.port))
        receiver.fail("503")
        written = started.write("--lines 2000")
        started.wait_for(lambda: started.metric("fluentbit_output_retries_total", name="http") > 0)
        ending = started.terminating()
        started.wait_for(lambda: "caught signal (SIGTERM)" in started.errors())
        receiver.heal()
        assert ending() == 0
        assert count(receiver.lines(), written).lost == 0


def test_full_buffer_drops_and_counts(sidecar: Start) -> None:
    """Above `storage.totalLimitSize` the oldest lines are dropped and counted, and the application never waits."""
    with JsonReceiver() as receiver:
        started = sidecar(to("http", receiver.port, buffer="5M"))
        receiver.fail("503")
        written = started.write("--lines 100000 --rate 25000")
        read = lambda: started.metric(READ, owner="app")  # noqa: E731
        started.wait_for(lambda: read() == written)
        receiver.heal()
        delivered = lambda: started.metric("fluentbit_output_proc_records_total", name="http")  # noqa: E731
        # In this order: when there are no more chunks, the other number is final.
        started.wait_for(lambda: started.metric(CHUNKS) == 0 and len(receiver) >= delivered() > 0, seconds=120)
        report = count(receiver.lines(), written)
        # A chunk that is dropped while it is being sent may arrive in part.
        assert 0 < report.lost <= read() - delivered()
        assert started.metric(DROPPED, name="http") > 0


@pytest.mark.parametrize("kind", ["stdout", "http"])
def test_full_volume_counts_what_it_loses(sidecar: Start, kind: str) -> None:
    """If other files fill the buffer volume, only lines are missing that were read and not delivered."""
    with JsonReceiver() as receiver:
        values: dict[str, Any] = to("http", receiver.port) if kind == "http" else {}
        values["sidecar"] = {"state": {"medium": ""}}
        started = sidecar(values, state_size="64m")
        read = lambda: started.metric(READ, owner="app")  # noqa: E731
        writer = started.begin("--lines 60000 --rate 20000 --rotate rename --rotations 3")
        with volumes.filled(started.state):
            started.wait_for(lambda: read() >= 40_000)
        written = finish_writer(writer).written
        delivered = lambda: started.metric("fluentbit_output_proc_records_total", name=kind)  # noqa: E731
        started.wait_for(lambda: read() == written)
        arrived = started if kind == "stdout" else receiver
        # A chunk whose first write failed stays without lines, so there may be chunks until the agent restarts.
        started.wait_for(lambda: len(arrived) == delivered() and unchanged(delivered))
        report = count(started.lines() if kind == "stdout" else receiver.lines(), written)
        assert (report.lost, report.duplicated, report.mangled) == (read() - delivered(), 0, 0), report
        # Otherwise the test proves nothing.
        assert report.lost > 0
