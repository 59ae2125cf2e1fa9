"""The cases of the loss matrix: its rows."""

import dataclasses
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from bench import volumes
from harness.loss import ProcessFollower

TWO_SECONDS = 2.0
SMALL_LOGS = "8m"  # 83,000 lines: full after 4 s at 20,000 lines/s
SMALL_STATE = "64m"
EVERYBODY: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Case:
    """A way to write, and what happens to the reader at the same time.

    Attributes:
        name: name of the row.
        writer: options of ``python -m harness.loss.writer``.
        full: options for a full measurement, if they differ.
        kills: number of SIGKILLs, distributed evenly over the writing.
        drain: send SIGTERM to the reader as soon as the writer has ended.
        ended_after: seconds until the writer gets SIGTERM.
        blocked: seconds for which nobody reads the output of the reader.
        copytruncate: set `rotation: copytruncate` in the values of the chart.
        new_file: the file does not exist when the reader starts.
        logs, state: size of the volume for the logs or the reader's state; empty: a plain folder.
        filled: another process fills the reader's state volume for two seconds.
        only: readers to measure; empty: all.
        lucky: readers for which a loss depends on chance, and is not a regression.
        priced: show CPU and memory.
        limits: largest ratio of CPU to Fluent Bit with defaults, by reader.
    """

    name: str
    writer: str
    full: str = ""
    kills: int = 0
    drain: bool = False
    ended_after: float = 0
    blocked: float = 0
    copytruncate: bool = False
    new_file: bool = False
    logs: str = ""
    state: str = ""
    filled: bool = False
    only: tuple[str, ...] = EVERYBODY
    lucky: tuple[str, ...] = ()
    priced: bool = False
    limits: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def mounts(self) -> bool:
        """Whether the case needs volumes of a fixed size."""
        return bool(self.logs or self.state)

    def meanwhile(self, folder: Path) -> Callable[[ProcessFollower, "subprocess.Popen[str]"], None]:
        """Return a function that runs while the writer writes; the reader's volumes are below `folder`."""

        def happen(reader: ProcessFollower, writer: "subprocess.Popen[str]") -> None:
            if self.ended_after:
                time.sleep(self.ended_after)
                writer.terminate()
            if self.blocked:
                reader.hold()
                time.sleep(self.blocked)
                reader.release()
            if self.filled:
                time.sleep(1)
                with volumes.filled(folder / "state"):
                    time.sleep(TWO_SECONDS)

        return happen


LOAD = "--lines 120000 --rate 20000"
RENAMES = f"{LOAD} --rotate rename --rotations 10"
LINE_BY_LINE = Case(
    "steady 10,000/s, line by line",
    "--lines 60000 --rate 10000 --per-write 1",
    "--lines 600000 --rate 10000 --per-write 1",
    priced=True,
    limits={"chart: fluent-bit": 2.0},
)
CASES = (
    Case("steady 10,000/s", "--lines 60000 --rate 10000", "--lines 600000 --rate 10000", priced=True),
    LINE_BY_LINE,
    Case("steady 20,000/s", LOAD, "--lines 1200000 --rate 20000", priced=True),
    Case("burst 100,000/s, 3 s", "--lines 300000 --rate 100000", priced=True),
    Case("10 renames", RENAMES, priced=True),
    Case("10 renames, 50 late lines each", f"{RENAMES} --late 50"),
    Case("4 renames a second", "--lines 100000 --rate 20000 --rotate rename --rotations 19"),
    Case("10 link swaps", f"{LOAD} --rotate symlink --rotations 10", new_file=True, priced=True),
    Case(
        "10 copytruncates",
        f"{LOAD} --rotate copytruncate --rotations 10",
        copytruncate=True,
        lucky=("chart: tail", "chart: fluent-bit"),
    ),
    Case(
        "10 copytruncates, 0.2 s pause",
        f"{LOAD} --rotate copytruncate --rotations 10 --pause 0.2",
        copytruncate=True,
        priced=True,
    ),
    Case("file created 3 s late, 10 renames", f"--delay 3 {RENAMES}", new_file=True),
    Case("2 x SIGKILL, 10 renames", RENAMES, kills=2),
    Case(
        "pod deleted, 300 last lines",
        "--forever --rate 20000 --rotate rename --rotate-bytes 2000000 --on-term 300",
        ended_after=4,
        drain=True,
    ),
    Case("Job ends, 500 last lines", "--delay 1 --last-millisecond 500", drain=True, new_file=True),
    Case(
        "Job at full speed, 5 renames",
        "--lines 1000000 --rotate rename --rotations 5",
        drain=True,
        lucky=("chart: tail",),
    ),
    Case("stdout blocked for 4 s, 10 renames", RENAMES, blocked=4, state=SMALL_STATE),
    Case("log volume full", f"{LOAD} --drop-when-full", logs=SMALL_LOGS),
    Case("state volume full (on disk)", RENAMES, state=SMALL_STATE, filled=True, only=("chart: fluent-bit",)),
)
