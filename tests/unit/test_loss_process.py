"""Measuring a reader that runs as a plain process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.loss import ProcessFollower, measure_process
from harness.loss.writer import encode

# These tests measure real processes: they wait rather than compute.
pytestmark = pytest.mark.slow

# A reader without faults: it never rotates, so it may simply poll. Run with -u, it prints at once.
READER = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: globals().update(end=True))
end, path = False, sys.argv[1]
while not os.path.exists(path):
    time.sleep(0.01)
with open(path, "rb") as file:
    while True:
        last = end
        sys.stdout.buffer.write({change})
        sys.stdout.flush()
        if last:
            break
        time.sleep(0.02)
"""


def reader(change: str = "file.read()") -> list[str]:
    return [sys.executable, "-c", READER.replace("{change}", change), "{file}"]


def test_a_faultless_reader_is_exact(tmp_path: Path) -> None:
    """All lines, at a known cost, ending by itself on SIGTERM."""
    options = ["--lines", "5000", "--rate", "10000"]
    measured = measure_process(reader(), tmp_path / "app.log", options, lead=0.2, drain=True)
    assert measured.report.exact, measured
    assert measured.exit.status == 0 and measured.exit.seconds < 2
    assert measured.usage.cpu_seconds > 0 and measured.usage.peak_bytes > 1_000_000
    assert "lost 0" in str(measured) and "MB" in str(measured)


def test_a_reader_that_drops_and_doubles_is_found_out(tmp_path: Path) -> None:
    """A reader that drops and duplicates lines is reported."""
    change = "b''.join(l * (i % 3) for i, l in enumerate(file))"
    options = ["--lines", "300"]
    report = measure_process(reader(change), tmp_path / "app.log", options, lead=0.2, quiet=0.5).report
    assert report.lost >= 100 and report.duplicated >= 50


def test_kills_make_a_forgetful_reader_double_its_lines(tmp_path: Path) -> None:
    """A reader that stores no position starts from the beginning after each SIGKILL."""
    options = ["--lines", "4000", "--rate", "4000"]
    measured = measure_process(reader(), tmp_path / "app.log", options, kills=2, lead=0.2, quiet=1)
    assert measured.report.lost == 0
    assert measured.report.duplicated > 1000
    assert measured.kills == 2


def test_a_reader_whose_output_is_held_is_blocked(tmp_path: Path) -> None:
    """Nothing arrives while it is held, and everything afterwards."""
    seen: list[int] = []

    def hold(follower: ProcessFollower, writing: "subprocess.Popen[str]") -> None:
        follower.hold()
        writing.wait()
        seen.append(len(follower))
        follower.release()

    options = ["--lines", "4000", "--rate", "8000"]
    measured = measure_process(reader(), tmp_path / "app.log", options, meanwhile=hold, lead=0.2)
    assert measured.report.exact, measured
    assert seen[0] < 4000


def test_a_reader_that_will_not_end_is_killed(tmp_path: Path) -> None:
    """SIGKILL follows, and the status says so."""
    with ProcessFollower(["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"]) as follower:
        time.sleep(0.2)
        ended = follower.terminate(timeout=0.3)
    assert ended.status == 128 + signal.SIGKILL
    assert 0.3 <= ended.seconds < 3


def test_output_before_the_death_is_not_lost() -> None:
    """What the process managed to write counts, its last half line too."""
    with ProcessFollower(["sh", "-c", "echo one; printf two; kill -9 $$"]) as follower:
        follower.wait(2, timeout=0.5)
    assert follower.lines() == [b"one", b"two"]


def test_nothing_stays_behind(tmp_path: Path) -> None:
    """Children of a killed reader die with it."""
    with ProcessFollower(["sh", "-c", f"sleep 300 & echo $! > {tmp_path}/pid; wait"]) as follower:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
            time.sleep(0.01)
        child = int((tmp_path / "pid").read_text())
        follower.kill()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and Path(f"/proc/{child}").exists():
        time.sleep(0.05)
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


@pytest.mark.skipif(os.geteuid() != 0, reason="a PID namespace needs root")
def test_as_init_the_reader_is_process_1(tmp_path: Path) -> None:
    """As in a container: a signal without a handler is ignored."""
    with ProcessFollower(["sh", "-c", "echo $$; while :; do sleep 0.1; done"], as_init=True) as follower:
        assert follower.wait(1, timeout=5)
        assert follower.lines() == [b"1"]
        assert follower.terminate(timeout=0.5).status == 137


def test_a_command_that_does_not_exist_is_named() -> None:
    """A sentence instead of a traceback."""
    with pytest.raises(HarnessError, match="Cannot run no-such-reader"):
        ProcessFollower(["no-such-reader"]).start()


def test_a_reader_that_ends_at_once_is_not_measured(tmp_path: Path) -> None:
    """`false` loses every line, but that says nothing about log reading."""
    with pytest.raises(HarnessError, match="exited before the first line was written"):
        measure_process(["false"], tmp_path / "app.log", ["--lines", "1"], lead=0.2)


def test_a_wrong_writer_option_reaches_the_user(tmp_path: Path) -> None:
    """The writer's own sentence is passed on."""
    with pytest.raises(HarnessError, match="--size 3 is too small"):
        measure_process(reader(), tmp_path / "app.log", ["--lines", "1", "--size", "3"], lead=0)


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "harness.loss", *arguments]
    tests = Path(__file__).parents[1]
    return subprocess.run(command, input=stdin, capture_output=True, cwd=tests, timeout=60)


def test_the_command_line_measures_and_says_so() -> None:
    """One readable report; the status tells success."""
    done = run("process", "--lines", "1000", "--rate", "5000", "--", *reader())
    assert done.returncode == 0, done.stderr
    assert b"written 1,000  delivered 1,000  lost 0" in done.stdout


def test_the_command_line_fails_when_lines_are_missing(tmp_path: Path) -> None:
    """Counting collected lines returns status 1 and the missing numbers."""
    lines = b"".join(encode("w", number, 60) for number in range(10) if number != 4)
    done = run("count", "--written", "10", stdin=lines)
    assert done.returncode == 1
    assert b"first missing: w:4" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["process", "--", "no-such-reader"], b"Cannot run no-such-reader"),
        (["process", "--lines", "1", "--size", "3", "--", "sleep", "9"], b"--size 3 is too small"),
        (["count"], b"Give either --written N or --report FILE"),
        (["count", "--written", "1", "/nonexistent"], b"Cannot read /nonexistent"),
        (["nonsense"], b"invalid choice: 'nonsense'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence_and_status_2(arguments: list[str], complaint: bytes) -> None:
    """No traceback, no page of usage."""
    done = run(*arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert done.stderr.count(b"\n") == 1
