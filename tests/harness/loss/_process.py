"""Follows the standard output of a plain process."""

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from harness.errors import HarnessError
from harness.loss._follower import POLL_SECONDS, Follower

CHUNK = 1 << 20
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """Resource use of a process and its descendants: CPU seconds, and the peak of their total resident memory in
    bytes (shared pages count for each process)."""

    cpu_seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Exit:
    """The end of a process: status as in a shell (137: SIGKILL), and seconds since SIGTERM."""

    status: int
    seconds: float


class ProcessFollower(Follower):
    """Runs a command and collects the lines of its stdout, across `kill` and `restart`.

    With `as_init`, the command is process 1 of its own PID namespace, as in a container: signals without a handler are
    ignored, and its death ends all its children. It also has its own /proc, which Fluent Bit requires to find rotated
    files. This requires root on Linux.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        stderr: Path | None = None,
        as_init: bool = False,
    ) -> None:
        """`stderr` is a file to append errors to; default: the stderr of this process."""
        super().__init__()
        namespace = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]
        self._command = [*namespace, *command] if as_init else command
        self._as_init = as_init
        self._environment = {**os.environ, **environment} if environment else None
        self._stderr = stderr
        self._process: subprocess.Popen[bytes] | None = None
        self._outputs: list[IO[bytes]] = []
        self._ended: set[int] = set()  # descriptors at end of file; they stay open, so no number is reused
        self._held = threading.Event()
        self._spent = 0.0
        self._peak = 0

    def start(self) -> Self:
        self.restart()
        super().start()
        return self

    def restart(self) -> None:
        """Start or restart the command; its output continues the same list of lines."""
        errors = self._stderr.open("ab") if self._stderr else None
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=self._environment,
                start_new_session=True,
            )
        except OSError as error:
            raise HarnessError(f"Cannot run {self._command[0]}: {error.strerror}.") from error
        finally:
            if errors:
                errors.close()
        assert self._process.stdout is not None
        self._outputs.append(self._process.stdout)
        self._remember_usage()

    def hold(self) -> None:
        """Stop reading until `release`: when the pipe is full, writes of the command block."""
        self._held.set()

    def release(self) -> None:
        """Resume reading."""
        self._held.clear()

    @property
    def pid(self) -> int:
        """The process to signal: with `as_init`, process 1 of the namespace."""
        assert self._process is not None, "not started"
        until = time.monotonic() + 5
        while self._as_init and time.monotonic() < until:
            children = _children(self._process.pid)
            if children:
                return children[0]
            time.sleep(0.01)
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def usage(self) -> Usage:
        """Return the resource use since `start`; a killed process counts up to the last sample."""
        spent = self._remember_usage()
        return Usage(cpu_seconds=self._spent + spent, peak_bytes=self._peak)

    def kill(self) -> Exit:
        """Send SIGKILL to the command and its process group, as when a container is killed."""
        self._spent += self._remember_usage()
        return self._end(signal.SIGKILL, timeout=10)

    def terminate(self, *, timeout: float = 30) -> Exit:
        """Send SIGTERM to the command only, as the kubelet does, and SIGKILL to all after `timeout` seconds."""
        self._spent += self._remember_usage()
        return self._end(signal.SIGTERM, timeout=timeout)

    def stop(self) -> None:
        if self.running:
            self.kill()
        super().stop()
        for output in self._outputs:
            output.close()

    def _end(self, number: signal.Signals, timeout: float) -> Exit:
        assert self._process is not None, "not started"
        begin = time.monotonic()
        try:
            if number is signal.SIGKILL:
                os.killpg(self._process.pid, number)
            else:
                os.kill(self.pid, number)
        except ProcessLookupError:
            pass
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            status = self._process.wait()
        return Exit(status=status if status >= 0 else 128 - status, seconds=time.monotonic() - begin)

    def _collect(self) -> Iterator[list[bytes]]:
        """Reads output immediately: a slow reader would block the process in its writes."""
        rests: dict[int, bytes] = {}
        looked = 0.0
        while True:
            last_pass = self._stopping.is_set()
            held = self._held.is_set() and not last_pass
            outputs = [] if held else [output for output in self._outputs if output.fileno() not in self._ended]
            ready = select.select(outputs, [], [], 0 if last_pass else POLL_SECONDS)[0]
            for output in ready:
                number = output.fileno()
                chunk = os.read(number, CHUNK)
                if not chunk:
                    self._ended.add(number)
                *lines, rests[number] = (rests.get(number, b"") + chunk).split(b"\n")
                yield lines
            if last_pass and not ready:
                break
            if not outputs:
                time.sleep(POLL_SECONDS)
            if time.monotonic() - looked > POLL_SECONDS:
                looked = time.monotonic()
                self._remember_usage()
        yield [rest for rest in rests.values() if rest]

    def _remember_usage(self) -> float:
        """Return the CPU seconds of the running process tree; record the memory peak."""
        if self._process is None or self._process.poll() is not None:
            return 0.0
        spent, resident = 0.0, 0
        for pid in _tree(self._process.pid):
            cpu, memory = _usage(pid)
            spent += cpu
            resident += memory
        self._peak = max(self._peak, resident)
        return spent


def _children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


def _tree(pid: int) -> list[int]:
    return [pid, *(below for child in _children(pid) for below in _tree(child))]


def _usage(pid: int) -> tuple[float, int]:
    """Return CPU seconds (including threads and ended children) and resident bytes; see proc(5)."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        resident = Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()
        # The scheduler counts nanoseconds; `stat` samples ticks of 10 ms.
        threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
        nanoseconds = sum(int(thread.read_text().split()[0]) for thread in threads)
    except OSError:
        return 0.0, 0
    children = sum(int(ticks) for ticks in after_name[13:15]) / _TICKS
    return nanoseconds / 1e9 + children, int(resident[0]) * 1024 if resident else 0
