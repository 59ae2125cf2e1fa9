"""Write numbered log lines to a file, the way an application under load does.

Nothing but the standard library and no other module of this package is used: the text of this very
file also goes into a ConfigMap and runs in a pod, under a stock Python image::

    python writer.py --file /var/log/app/app.log --lines 200000 --rate 20000 --rotate rename --rotations 10

Every line says who wrote it, its number, how long it is and a checksum of all that::

    w 0000000042 101 5d2ab1c0 abcdefghijklmnopqrstuvwxyz...
    |     |       |     |      +- filling, up to the length asked for
    |     |       |     +-------- CRC-32 of the line without this field
    |     |       +-------------- length in bytes, the newline included
    |     +---------------------- number, from 0 (or --first) upwards
    +---------------------------- stream: tells two writers apart

so that a reader (``count.py``) can tell a line that is missing from one that came twice, late, cut or
glued to its neighbour. The last line on stdout is JSON, ``{"stream": "w", "written": 200000, ...}``: the
truth that a measurement starts from. A line is counted only after the kernel has taken it.

How the file is rotated (``--rotate``), always by the writer itself, between two lines, so that whatever
is lost was lost by the reader:

rename        ``app.log`` becomes ``app.log.1`` (``.1`` becomes ``.2`` and so on), a new ``app.log`` is made:
              logrotate's ``create``, Python's RotatingFileHandler, log4j2. ``--naming serial`` appends an
              ever growing number instead of moving the older files up. With ``--late N`` the next N
              lines still go to the renamed file, as from a program that logrotate has yet to signal.
copytruncate  ``app.log`` is copied to ``app.log.1``, then cut to nothing: same file, same inode. A reader that
              did not get to the last lines by then has lost them; ``--pause S`` writes nothing for S
              seconds before, to tell a reader that keeps up on a busy machine from one that cannot.
symlink       ``app.log`` is a link to ``app.log-0001``, then, in one step, to ``app.log-0002``.
none          one file for ever.

A full disk ends the writer with status 1. With ``--drop-when-full`` it goes on, as Python's logging does: what the
kernel does not take is dropped and counted as ``failed``, and its numbers go to the lines that come after.

SIGTERM ends the writer at once (as process 1 of a container it would otherwise be ignored); with
``--on-term N`` it first writes N more lines, as an application that logs its own shutdown.
"""

import argparse
import contextlib
import errno
import json
import os
import shutil
import signal
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

DIGITS = 10
TICK_SECONDS = 0.005
LARGEST_WRITE = 1 << 20
_ALPHABET = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def encode(stream: str, number: int, size: int) -> bytes:
    """The line of that number, newline included, `size` bytes long."""
    head = b"%s %0*d %d" % (stream.encode(), DIGITS, number, size)
    filling = size - len(head) - 11  # two blanks, eight hex digits, a newline
    # The filling starts at another letter in each line: gluing halves of two lines never fits.
    start = number % len(_ALPHABET)
    body = (_ALPHABET * (filling // len(_ALPHABET) + 2))[start : start + filling]
    return b"%s %08x %s\n" % (head, zlib.crc32(body, zlib.crc32(head)), body)


def decode(line: bytes) -> tuple[str, int] | None:
    """Stream and number of an intact line (without its newline); None if it is not one."""
    fields = line.split(b" ", 4)
    if len(fields) != 5:
        return None
    stream, number, size, checksum, body = fields
    try:
        if len(line) + 1 != int(size) or len(number) < DIGITS:
            return None
        head = line[: len(stream) + len(number) + len(size) + 2]
        if zlib.crc32(body, zlib.crc32(head)) != int(checksum, 16):
            return None
        return stream.decode(), int(number)
    except ValueError:
        return None


def smallest(stream: str) -> int:
    """The shortest `size` that holds the fields of a line: eleven bytes of filling keep it readable."""
    return len(stream.encode()) + DIGITS + 5 + 11 + 11


class LogFile:
    """The file that lines are appended to, and how it is rotated."""

    def __init__(self, path: Path, *, rotate: str = "none", naming: str = "shift", keep: int = 0) -> None:
        """`keep` is how many rotated files stay (0: all); older ones are deleted, read or not."""
        self.path = path
        self.rotations = 0
        self.drop_when_full = False
        self.slowest = 0.0  # seconds that the longest call of the kernel took
        self._keep = keep
        self._naming = naming
        self._turn: Callable[[], None] = {
            "none": lambda: None,
            "rename": self._rename,
            "copytruncate": self._copytruncate,
            "symlink": self._swap_link,
        }[rotate]
        path.parent.mkdir(parents=True, exist_ok=True)
        if rotate == "symlink":
            self._point_link(self._target())
        self._descriptor = self._open()
        self._late = False

    def append(self, data: bytes) -> int:
        """Hand it to the kernel; returns how many bytes were taken, fewer only with `drop_when_full`."""
        view = memoryview(data)
        while view:
            begin = time.monotonic()
            try:
                view = view[os.write(self._descriptor, view) :]
            except OSError as error:
                if error.errno != errno.ENOSPC or not self.drop_when_full:
                    raise
                break
            finally:
                self.slowest = max(self.slowest, time.monotonic() - begin)
        return len(data) - len(view)

    def rotate(self) -> None:
        """Set the written part aside and go on with an empty file."""
        self.rotations += 1
        self._turn()

    @property
    def late(self) -> bool:
        """The file was renamed, and the new one is not open yet."""
        return self._late

    def reopen(self) -> None:
        """Open the path (again), making it if missing."""
        os.close(self._descriptor)
        self._descriptor = self._open()
        self._late = False

    def close(self) -> None:
        os.close(self._descriptor)

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _set_aside(self) -> Path:
        """A free name for what has been written so far."""
        if self._naming == "serial":
            if self._keep and self.rotations > self._keep:
                self._numbered(self.rotations - self._keep).unlink(missing_ok=True)
            return self._numbered(self.rotations)
        newest = self.rotations - 1
        for number in range(newest, 0, -1):
            if self._keep and number >= self._keep:
                self._numbered(number).unlink(missing_ok=True)
            else:
                with contextlib.suppress(FileNotFoundError):
                    os.rename(self._numbered(number), self._numbered(number + 1))
        return self._numbered(1)

    def _rename(self) -> None:
        os.rename(self.path, self._set_aside())
        self._late = True

    def _copytruncate(self) -> None:
        shutil.copyfile(self.path, self._set_aside())
        os.ftruncate(self._descriptor, 0)

    def _target(self) -> Path:
        return self.path.with_name(f"{self.path.name}-{self.rotations + 1:04d}")

    def _point_link(self, target: Path) -> None:
        target.touch()
        fresh = self.path.with_name(f".{self.path.name}.link")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target.name)
        os.replace(fresh, self.path)

    def _swap_link(self) -> None:
        self._point_link(self._target())
        self._late = True
        if self._keep and self.rotations > self._keep:
            old = self.path.with_name(f"{self.path.name}-{self.rotations - self._keep:04d}")
            old.unlink(missing_ok=True)


class Stopped(Exception):
    """SIGTERM arrived."""


class Writer:
    """Numbers lines and appends them; knows when the file is due for rotation."""

    def __init__(self, file: LogFile, *, stream: str, size: int, first: int = 0) -> None:
        self.file = file
        self.stream = stream
        self.size = size
        self.first = first
        self.written = 0
        self.failed = 0
        self.lines_per_file = 0
        self.most_rotations = 0
        self.late = 0
        self.pause = 0.0
        self._in_file = 0
        self._torn = b""  # ends a line of which the disk took only a part

    def write(self, count: int) -> None:
        """Append `count` lines, rotating wherever one is due."""
        while count > 0:
            if self._due():
                time.sleep(self.pause)
                self.file.rotate()
                self._in_file = 0
            if self.file.late and self._in_file >= self.late:
                self.file.reopen()
                self._in_file = 0
            batch = min(count, max(1, LARGEST_WRITE // self.size))
            if self.lines_per_file and self.file.rotations < self.most_rotations:
                batch = min(batch, self.lines_per_file - self._in_file)
            if self.file.late:
                batch = min(batch, self.late - self._in_file)
            start = self.first + self.written
            data = self._torn + b"".join(encode(self.stream, start + i, self.size) for i in range(batch))
            taken = self.file.append(data) - len(self._torn)
            if taken >= 0:
                self._torn = b"\n" if taken % self.size else b""
            whole = max(0, taken) // self.size
            self.written += whole
            self.failed += batch - whole
            self._in_file += whole
            count -= batch

    def _due(self) -> bool:
        """Rotation waits for the next line: the last file is never an empty one."""
        return 0 < self.lines_per_file <= self._in_file and self.file.rotations < self.most_rotations


def batches(lines: int, rate: float, burst: int) -> Iterator[int]:
    """How many lines to write now, now, now...: a clock that catches up after every delay.

    `lines` 0 never ends; `rate` 0 is as fast as possible; `burst` keeps the mean rate, but in bunches.
    """
    done = 0
    begin = time.monotonic()
    while not lines or done < lines:
        left = lines - done if lines else LARGEST_WRITE
        due = int((time.monotonic() - begin) * rate) - done if rate else max(burst, 1000)
        if burst:
            due = due // burst * burst
            left_over = rate and lines and left < burst
            if left_over and (time.monotonic() - begin) * rate >= lines:
                due = left
        if due > 0:
            due = min(due, left)
            yield due
            done += due
        if rate:
            time.sleep(TICK_SECONDS)


def run(options: argparse.Namespace) -> int:
    """Write what the options ask for; 0, or 1 if the file could not be written."""
    writer = Writer(
        LogFile(options.file, rotate=options.rotate, naming=options.naming, keep=options.keep),
        stream=options.stream,
        size=options.size,
        first=options.first,
    )
    if options.rotate != "none":
        writer.late = options.late
        writer.pause = options.pause
        writer.most_rotations = options.rotations or sys.maxsize
        writer.lines_per_file = (
            max(1, options.rotate_bytes // options.size)
            if options.rotate_bytes
            else -(-options.lines // (options.rotations + 1))
        )
    stop_requested = False

    def on_term(_signal: int, _frame: FrameType | None) -> None:
        # Raising while a batch is half way through would leave its count unknown: `write` is let finish.
        nonlocal stop_requested
        stop_requested = True

    signal.signal(signal.SIGTERM, on_term)
    writer.file.drop_when_full = options.drop_when_full
    begin = time.monotonic()

    def check() -> None:
        if stop_requested:
            raise Stopped

    def report() -> None:
        summary = {
            "stream": writer.stream,
            "first": writer.first,
            "written": writer.written,
            "rotations": writer.file.rotations,
            "failed": writer.failed,
            "slowest": round(writer.file.slowest, 3),
            "seconds": round(time.monotonic() - begin, 3),
        }
        print(json.dumps(summary), flush=True)

    def pause(seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            check()
            time.sleep(min(TICK_SECONDS, seconds))

    try:
        pause(options.delay)
        begin = time.monotonic()
        if options.lines or options.forever:
            for batch in batches(0 if options.forever else options.lines, options.rate, options.burst):
                check()
                writer.write(batch)
        if options.last_millisecond:
            _write_and_vanish(writer, options.last_millisecond, report)
        if options.stay:
            report()
            pause(sys.maxsize)
    except Stopped:
        writer.write(options.on_term)
    writer.file.close()
    report()
    return 0


def _write_and_vanish(writer: Writer, count: int, report: Callable[[], None]) -> NoReturn:
    """Write, then leave without closing, flushing or reporting: the report comes first."""
    start = writer.first + writer.written
    data = b"".join(encode(writer.stream, start + i, writer.size) for i in range(count))
    writer.written += count
    report()
    writer.file.append(data)
    os._exit(0)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence and status 2, instead of a page of usage."""
        print(f"writer: {message} (--help explains the options).", file=sys.stderr)
        raise SystemExit(2)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parse = _Parser(prog="writer", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parse.add_argument
    add("--file", type=Path, required=True, help="the log file; its directory is made if missing")
    add("--lines", type=int, default=0, metavar="N", help="how many lines in all")
    add("--forever", action="store_true", help="go on until SIGTERM, instead of --lines")
    add("--rate", type=float, default=0, metavar="R", help="lines per second (0: as fast as possible)")
    add("--burst", type=int, default=0, metavar="N", help="N lines at a time, at the same mean rate")
    add("--size", type=int, default=101, metavar="B", help="bytes per line with its newline (default 101)")
    add("--stream", default="w", help="name that tells this writer's lines from another's (default w)")
    add("--first", type=int, default=0, metavar="N", help="number of the first line (default 0)")
    add("--rotate", choices=["rename", "copytruncate", "symlink", "none"], default="none")
    add("--rotations", type=int, default=0, metavar="K", help="rotate K times, evenly over --lines")
    add("--rotate-bytes", type=int, default=0, metavar="B", help="rotate when the file would exceed B bytes")
    add("--naming", choices=["shift", "serial"], default="shift", help="names of the rotated files")
    add("--keep", type=int, default=0, metavar="N", help="rotated files kept, older are deleted (0: all)")
    add("--late", type=int, default=0, metavar="N", help="lines still written to a file after its rename")
    add("--pause", type=float, default=0, metavar="S", help="seconds without a line before each rotation")
    add("--drop-when-full", action="store_true", help="drop lines on a full disk and go on")
    add("--delay", type=float, default=0, metavar="S", help="seconds to wait before the first line")
    add("--on-term", type=int, default=0, metavar="N", help="lines to write after SIGTERM")
    add("--last-millisecond", type=int, default=0, metavar="N", help="N last lines at once, then exit")
    add("--stay", action="store_true", help="after the last line wait for SIGTERM")
    return parse


def _complaint(options: argparse.Namespace) -> str:
    """What makes these options senseless, or nothing."""
    numbers = (
        "lines",
        "rate",
        "burst",
        "first",
        "rotations",
        "rotate_bytes",
        "keep",
        "late",
        "pause",
        "delay",
        "on_term",
    )
    for name in numbers:
        if getattr(options, name) < 0:
            return f"--{name.replace('_', '-')} cannot be negative"
    if not options.stream or " " in options.stream or "\n" in options.stream:
        return "--stream must be a name without blanks"
    if options.size < smallest(options.stream):
        return f"--size {options.size} is too small: a line needs {smallest(options.stream)} bytes"
    if options.forever and options.lines:
        return "--forever and --lines exclude each other"
    if not (options.lines or options.forever or options.last_millisecond > 0):
        return "give --lines N, --forever or --last-millisecond N"
    if options.rotate == "none" and (options.rotations or options.rotate_bytes):
        return "--rotations and --rotate-bytes need --rotate rename, copytruncate or symlink"
    if options.late and options.rotate not in ("rename", "symlink"):
        return "--late needs --rotate rename or symlink"
    if options.rotate != "none" and not (options.rotate_bytes or (options.rotations and options.lines)):
        return f"--rotate {options.rotate} needs --rotations K (with --lines) or --rotate-bytes B"
    return ""


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parse = parser()
    options = parse.parse_args(arguments)
    complaint = _complaint(options)
    if complaint:
        parse.error(complaint)
    try:
        return run(options)
    except OSError as error:
        print(f"writer: cannot write {options.file}: {error.strerror}.", file=sys.stderr)
        return 2 if isinstance(error, (PermissionError, NotADirectoryError, IsADirectoryError)) else 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
