"""log-sidecar on a real kubelet: every line that an application writes to a file arrives once."""

import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from cluster.stage import Stage, writer_values
from harness.loss import count, written_by

pytestmark = [pytest.mark.cluster, pytest.mark.minutes(5), pytest.mark.environment("ipv4", "sidecar")]
# Fluent Bit's last messages on stderr; `kubectl logs` shows both streams.
OWN_WORDS = re.compile(r"\[\d{4}/\d\d/\d\d \d\d:\d\d:\d\d")
# The image has no pkill.
KILL_FLUENT_BIT = 'for f in $(grep -lx fluent-bit /proc/[0-9]*/comm); do f=${f#/proc/}; kill -9 "${f%/comm}"; done'
both_engines = pytest.mark.parametrize("engine", ["tail", "fluent-bit"])


def finished(state: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(state["state"]["terminated"]["finishedAt"])


def statuses(pod: dict[str, Any]) -> dict[str, dict[str, Any]]:
    status = pod["status"]
    listed = [*status.get("containerStatuses", []), *status.get("initContainerStatuses", [])]
    return {entry["name"]: entry for entry in listed}


@both_engines
def test_every_line_arrives_across_rotations(stage: Stage, engine: str) -> None:
    """20,000 lines/s for 10 s, with ten renames: every line arrives once, and the Job completes."""
    stage.add_writer()
    options = ["--lines", "200000", "--rate", "20000", "--rotate", "rename", "--rotations", "10"]
    with stage.follow("load-*", "sidecar") as sidecar:
        stage.install("load", writer_values("Job", engine, *options), wait=False)
        stage.kubectl("wait", "--for=condition=Complete", "job", "--all", "--timeout=90s")
        report = sidecar.count(200_000)
    # On a busy node, Fluent Bit does not keep the order of a renamed file and the next one.
    assert report.once if engine == "fluent-bit" else report.exact, report


def test_sidecar_killed_twice_loses_nothing(stage: Stage, eventually: Callable[..., None]) -> None:
    """The same load with two kills of the sidecar: it resumes at its position, not from the start."""
    stage.add_writer()
    options = ["--lines", "200000", "--rate", "20000", "--rotate", "rename", "--rotations", "10", "--stay"]
    with stage.follow("load-*", "sidecar") as sidecar:
        stage.install("load", writer_values("Deployment", "fluent-bit", *options), wait=False)
        for restarts, lines in ((0, 50_000), (1, 120_000)):
            assert sidecar.wait(lines, timeout=60), "the load does not run"
            [pod] = stage.get("pods")
            assert statuses(pod)["sidecar"]["restartCount"] == restarts
            stage.cluster.kill_container(statuses(pod)["sidecar"]["containerID"])
            # The kubelet waits 10 s before the second restart of a container.
            eventually(lambda n=restarts: statuses(stage.get("pods")[0])["sidecar"]["restartCount"] > n, 60)
        report = sidecar.count(200_000, quiet=10)
    # Files rotated during the outage are read one after another, in any order. A kill during a write to stdout
    # (about 1 in 60) truncates a line and repeats that write, up to a few thousand lines.
    assert report.lost == 0, report
    assert report.mangled <= 2, report
    assert report.duplicated <= 2 * 4000, report


def test_job_delivers_everything_although_fluent_bit_dies_before_its_end(stage: Stage) -> None:
    """Fluent Bit is killed twice in a Job's last seconds: it restarts inside the container."""
    stage.add_writer()
    options = ["--lines", "20000", "--rate", "2000", "--rotate", "rename", "--rotations", "10"]
    with stage.follow("load-*", "sidecar") as sidecar:
        stage.install("load", writer_values("Job", "fluent-bit", *options), wait=False)
        for lines in (14_000, 18_500):
            assert sidecar.wait(lines, timeout=60), "the load does not run"
            [pod] = stage.get("pods")
            stage.kubectl("exec", pod["metadata"]["name"], "-c", "sidecar", "--", "sh", "-c", KILL_FLUENT_BIT)
        stage.kubectl("wait", "--for=condition=Complete", "job", "--all", "--timeout=60s")
        report = sidecar.count(20_000)
        [pod] = stage.get("pods")
    assert statuses(pod)["sidecar"]["restartCount"] == 0
    assert stage.kubectl("logs", pod["metadata"]["name"], "-c", "sidecar").count("is started again") == 2
    # As above, a kill during a write repeats it.
    assert report.lost == 0, report
    assert report.mangled <= 2, report
    assert report.duplicated <= 2 * 400, report


def test_job_that_writes_as_fast_as_it_can_loses_nothing(stage: Stage) -> None:
    """Fluent Bit is several rotated files behind when the application ends: it reads all, or reports those it lost."""
    stage.add_writer()
    options = ["--lines", "400000", "--rotate", "rename", "--rotations", "4"]
    with stage.follow("load-*", "sidecar") as sidecar, stage.follow("load-*", "sidecar", ["stderr"]) as errors:
        stage.install("load", writer_values("Job", "fluent-bit", *options), wait=False)
        stage.kubectl("wait", "--for=condition=Complete", "job", "--all", "--timeout=90s")
        report = sidecar.count(400_000)
    # Waiting files are read in parallel. Files that are renamed while they are opened are reported (docs/loss.md).
    reported = sum(b"was read twice" in line for line in errors.lines())
    assert report.lost == report.duplicated == 80_000 * reported, report
    assert not report.mangled, report


@both_engines
def test_last_lines_of_a_job_arrive(stage: Stage, engine: str) -> None:
    """Ten Jobs write 500 lines in their last millisecond: all arrive, and each ends within 5 s of its application."""
    stage.add_writer()
    values = writer_values("Job", engine, "--last-millisecond", "500")
    values["app"]["job"] = {"completions": 10, "parallelism": 2}
    stage.install("short", values, wait=False)
    stage.kubectl("wait", "--for=condition=Complete", "job", "--all", "--timeout=200s", timeout=210)
    pods = stage.get("pods")
    assert len(pods) == 10
    for pod in pods:
        lines = stage.kubectl("logs", pod["metadata"]["name"], "-c", "sidecar").splitlines()
        report = count([line for line in lines if not OWN_WORDS.match(line)], 500)
        assert report.exact, f"{pod['metadata']['name']}: {report}"
        ended = statuses(pod)
        assert (finished(ended["sidecar"]) - finished(ended["app"])).total_seconds() <= 5


@both_engines
def test_lines_written_while_terminating_arrive(stage: Stage, engine: str) -> None:
    """Ten pods are deleted while they write, and write 300 more lines on SIGTERM: all arrive."""
    stage.add_writer()
    values = writer_values("Deployment", engine, "--forever", "--rate", "200", "--on-term", "300")
    values["app"]["replicas"] = 10
    stage.install("busy", values)
    pods = [pod["metadata"]["name"] for pod in stage.get("pods")]
    assert len(pods) == 10
    followers = {(pod, box): stage.follow(pod, box) for pod in pods for box in ("app", "sidecar")}
    for follower in followers.values():
        follower.start()
    for pod in pods:
        assert followers[pod, "sidecar"].wait(400, timeout=30)
    stage.uninstall("busy")
    for pod in pods:
        assert followers[pod, "app"].wait(1, timeout=30), f"{pod}: the writer did not say how much it wrote"
        written = written_by(followers[pod, "app"].lines())
        report = followers[pod, "sidecar"].count(written)
        assert sum(written.values()) >= 700
        assert report.exact, f"{pod}: {report}"
    for follower in followers.values():
        follower.stop()


@both_engines
def test_plain_container_drains_as_well(stage: Stage, engine: str) -> None:
    """With `native: false`, the application's last lines arrive too."""
    stage.add_writer()
    values = writer_values("Deployment", engine, "--forever", "--rate", "200", "--on-term", "300", native=False)
    stage.install("plain", values)
    [pod] = [pod["metadata"]["name"] for pod in stage.get("pods")]
    with stage.follow(pod, "app") as app, stage.follow(pod, "sidecar") as sidecar:
        assert sidecar.wait(400, timeout=30)
        stage.uninstall("plain")
        assert app.wait(1, timeout=30)
        report = sidecar.count(written_by(app.lines()))
    assert report.exact, report


def test_tail_engine_says_that_a_restart_doubles(stage: Stage) -> None:
    """GNU tail stores no position: after a restart every line arrives, some are duplicated, and NOTES says so."""
    stage.add_writer()
    with stage.follow("load-*", "sidecar") as sidecar:
        options = ["--lines", "20000", "--rate", "2000"]
        stage.install("load", writer_values("Job", "tail", *options), wait=False)
        assert sidecar.wait(5000, timeout=60)
        stage.cluster.kill_container(statuses(stage.get("pods")[0])["sidecar"]["containerID"])
        stage.kubectl("wait", "--for=condition=Complete", "job", "--all", "--timeout=90s")
        time.sleep(1)
        report = count(sidecar.lines(), 20_000)
    assert report.complete, report
    assert report.duplicated >= 5000
