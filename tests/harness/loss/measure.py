"""Runs a log reader as a plain process, and counts the lines that it delivers."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.loss import writer
from harness.loss._process import Exit, ProcessFollower, Usage
from harness.loss.count import Report

PLACEHOLDER = "{file}"


@dataclass(frozen=True)
class Measurement:
    """A report with the resource use.

    Attributes:
        seconds: duration of the writer.
        failed: lines that the writer could not write to a full disk; not in the report.
        slowest: duration of the writer's longest write, in seconds.
        counted: lost lines by the reader's own count, if available.
    """

    report: Report
    usage: Usage
    exit: Exit
    seconds: float
    kills: int
    failed: int = 0
    slowest: float = 0.0
    counted: int | None = None

    @property
    def cores(self) -> float:
        """CPU seconds of the reader per second of writing."""
        return self.usage.cpu_seconds / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        text = f"{self.report}\n  writer {self.seconds:.1f} s"
        text += f"  reader {self.cores:.3f} core, {self.usage.peak_bytes / 1e6:.1f} MB"
        text += f", ended with {self.exit.status} {self.exit.seconds:.2f} s after SIGTERM"
        if self.failed:
            text += f"\n  {self.failed:,} lines not written, the disk was full; longest write {self.slowest:.3f} s"
        if self.counted is not None:
            text += f"\n  the reader counted {self.counted:,} as lost"
        return text + (f"  killed {self.kills} times" if self.kills else "")


def measure_process(
    command: Sequence[str],
    file: Path,
    options: Sequence[str],
    *,
    kills: int = 0,
    meanwhile: Callable[[ProcessFollower, "subprocess.Popen[str]"], None] | None = None,
    lead: float = 1.0,
    drain: bool = False,
    timeout: float = 60,
    quiet: float = 5,
    grace: float = 30,
    environment: Mapping[str, str] | None = None,
    stderr: Path | None = None,
    as_init: bool = False,
    counted: Callable[[], int] | None = None,
) -> Measurement:
    """Run a writer on `file` while `command` reads it, and count the lines on the command's stdout.

    Args:
        command: the reader; ``{file}`` is replaced by the file.
        options: options of the writer, see ``python -m harness.loss.writer --help``.
        kills: number of times to SIGKILL and restart the reader, distributed evenly over the writing.
        meanwhile: function to run while the writer, its second argument, is running.
        lead: seconds between the starts of the reader and the writer.
        drain: send SIGTERM as soon as the writer has ended. Otherwise wait first, until all lines have arrived, for
            `timeout` seconds, or until `quiet` seconds without a line.
        grace: seconds from SIGTERM to SIGKILL at the end.
        as_init: run the reader as process 1; see `ProcessFollower`.
        counted: function that returns the reader's own count of lost lines before it ends.

    Raises:
        HarnessError: the reader does not start, or the writer fails.
    """
    reader = ProcessFollower(
        [part.replace(PLACEHOLDER, str(file)) for part in command],
        environment=environment,
        stderr=stderr,
        as_init=as_init,
    )
    with reader:
        time.sleep(lead)
        if not reader.running:
            raise HarnessError(
                f"{command[0]} exited before the first line was written: run it alone to see the reason."
            )
        process = run_writer(file, options)
        try:
            if meanwhile:
                meanwhile(reader, process)
            _kill_evenly(reader, process, _duration(options), kills)
            summary = finish_writer(process)
        finally:
            process.kill()
        if not drain:
            reader.wait(summary.written, timeout=timeout, quiet=quiet)
        usage = reader.usage()
        told = counted() if counted else None
        ended = reader.terminate(timeout=grace)
        reader.stop()
        report = reader.count({summary.stream: summary.written}, timeout=0)
    return Measurement(report, usage, ended, summary.seconds, kills, summary.failed, summary.slowest, told)


def run_writer(file: Path, options: Sequence[str]) -> "subprocess.Popen[str]":
    """Start ``writer.py`` as a separate process, so that it does not share this interpreter's lock."""
    command = [sys.executable, writer.__file__, "--file", str(file), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@dataclass(frozen=True)
class Summary:
    """The report of a writer."""

    stream: str
    written: int
    seconds: float
    failed: int
    slowest: float


def finish_writer(process: "subprocess.Popen[str]") -> Summary:
    """Wait for the writer to end; return its last JSON report."""
    output, errors = process.communicate()
    if process.returncode != 0:
        raise HarnessError(errors.strip() or f"The writer ended with status {process.returncode}.")
    last = json.loads(output.splitlines()[-1])
    return Summary(**{name: last[name] for name in ("stream", "written", "seconds", "failed", "slowest")})


def _duration(options: Sequence[str]) -> float:
    """Return the expected duration of the writer in seconds; 0 without a rate."""
    parsed = writer.parser().parse_args(["--file", "-", *options])
    return float(parsed.lines / parsed.rate) if parsed.rate else 0.0


def _kill_evenly(reader: ProcessFollower, process: "subprocess.Popen[str]", seconds: float, kills: int) -> None:
    for _ in range(kills):
        try:
            process.wait(seconds / (kills + 1))
        except subprocess.TimeoutExpired:
            # On a busy machine the reader may not have read anything yet: such a kill would show nothing.
            read = len(reader)
            while len(reader) == read and process.poll() is None:
                time.sleep(0.02)
            reader.kill()
            reader.restart()
