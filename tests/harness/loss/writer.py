"""Writes numbered log lines to a file, like an application under load.

This file uses only the standard library and no other module of the package, because it also runs from a ConfigMap in
a pod with a stock Python image::

    python writer.py --file /var/log/app/app.log --lines 200000 --rate 20000 --rotate rename --rotations 10

Every line contains its stream, number, length and a checksum::

    w 0000000042 101 5d2ab1c0 abcdefghijklmnopqrstuvwxyz...
    |     |       |     |      +- padding to the requested length
    |     |       |     +-------- CRC-32 of the line without this field
    |     |       +-------------- length in bytes, including the newline
    |     +---------------------- number, starting at 0 (or --first)
    +---------------------------- stream: distinguishes writers

so that ``count.py`` can distinguish lines that are lost, duplicated, reordered, truncated or joined. The last line on
stdout is JSON, ``{"stream": "w", "written": 200000, ...}``, the reference of a measurement. A line counts as written
only after the kernel has accepted it.

The writer itself rotates the file (``--rotate``) between two lines, so that only the reader can lose lines:

rename        ``app.log`` becomes ``app.log.1`` (``.1`` becomes ``.2`` and so on), and a new ``app.log`` is created:
              logrotate's ``create``, Python's RotatingFileHandler, log4j2. ``--naming serial`` appends an
              increasing number instead of shifting the older files. With ``--late N``, the next N lines go to
              the renamed file, as from a program that logrotate has not signaled yet.
copytruncate  ``app.log`` is copied to ``app.log.1``, then truncated: same file, same inode. A reader loses lines
              that it has not read by then. ``--pause S`` pauses for S seconds before, to detect a reader that
              loses lines even when it has time to read.
symlink       ``app.log`` is a link to ``app.log-0001``, then atomically to ``app.log-0002``.
none          no rotation.

A full disk ends the writer with status 1. With ``--drop-when-full`` it continues, like Python's logging: lines that the
kernel rejects are dropped and counted as ``failed``, and the next lines reuse their numbers.

SIGTERM ends the writer immediately (process 1 of a container would ignore it by default). With ``--on-term N`` it
first writes N more lines, like an application that logs its shutdown.
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
    """Return the line with a number, `size` bytes long including the newline."""
    head = b"%s %0*d %d" % (stream.encode(), DIGITS, number, size)
    filling = size - len(head) - 11  # two spaces, eight hex digits, a newline
    # The padding starts at a different letter in each line, so that joined halves of two lines never match.
    start = number % len(_ALPHABET)
    body = (_ALPHABET * (filling // len(_ALPHABET) + 2))[start : start + filling]
    return b"%s %08x %s\n" % (head, zlib.crc32(body, zlib.crc32(head)), body)


def decode(line: bytes) -> tuple[str, int] | None:
    """Return stream and number of an intact line (without newline); None for other lines."""
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
    """Return the smallest `size` for a stream, with eleven bytes of padding."""
    return len(stream.encode()) + DIGITS + 5 + 11 + 11


class LogFile:
    """The log file and its rotation."""

    def __init__(self, path: Path, *, rotate: str = "none", naming: str = "shift", keep: int = 0) -> None:
        """`keep` is the number of rotated files to keep (0: all); older files are deleted, read or not."""
        self.path = path
        self.rotations = 0
        self.drop_when_full = False
        self.slowest = 0.0  # duration of the longest write, in seconds
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
        """Write to the kernel; return the number of accepted bytes, fewer only with `drop_when_full`."""
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
        """Rotate the file and continue with an empty one."""
        self.rotations += 1
        self._turn()

    @property
    def late(self) -> bool:
        """Whether the file was renamed and the new one is not open yet."""
        return self._late

    def reopen(self) -> None:
        """Open or reopen the path; create it if missing."""
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
        """Return an unused name for the rotated file."""
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
    """Numbers and appends lines, and rotates the file when due."""

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
        self.per_write = LARGEST_WRITE
        self._in_file = 0
        self._torn = b""  # terminates a partially written line

    def write(self, count: int) -> None:
        """Append `count` lines, with rotations when due."""
        while count > 0:
            if self._due():
                time.sleep(self.pause)
                self.file.rotate()
                self._in_file = 0
            if self.file.late and self._in_file >= self.late:
                self.file.reopen()
                self._in_file = 0
            batch = min(count, max(1, LARGEST_WRITE // self.size), self.per_write)
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
        """Whether to rotate before the next line, so that the last file is never empty."""
        return 0 < self.lines_per_file <= self._in_file and self.file.rotations < self.most_rotations


def batches(lines: int, rate: float, burst: int) -> Iterator[int]:
    """Yield the number of lines to write now, repeatedly; catches up after delays.

    `lines` 0 never ends; `rate` 0 is full speed; `burst` writes in bursts at the same average rate.
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
    """Write lines as the options request; return 0, or 1 if the file cannot be written."""
    writer = Writer(
        LogFile(options.file, rotate=options.rotate, naming=options.naming, keep=options.keep),
        stream=options.stream,
        size=options.size,
        first=options.first,
    )
    writer.per_write = options.per_write
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
        # Raising within a batch would leave its count unknown, so `write` finishes first.
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
    """Report, write, then exit without closing or flushing."""
    start = writer.first + writer.written
    data = b"".join(encode(writer.stream, start + i, writer.size) for i in range(count))
    writer.written += count
    report()
    writer.file.append(data)
    os._exit(0)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Exit with one sentence and status 2, instead of the usage text."""
        print(f"writer: {message} (see --help).", file=sys.stderr)
        raise SystemExit(2)


def parser() -> argparse.ArgumentParser:
    """Return the command line parser."""
    parse = _Parser(prog="writer", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parse.add_argument
    add("--file", type=Path, required=True, help="the log file; its directory is created if missing")
    add("--lines", type=int, default=0, metavar="N", help="total number of lines")
    add("--forever", action="store_true", help="write until SIGTERM, instead of --lines")
    add("--rate", type=float, default=0, metavar="R", help="lines per second (0: full speed)")
    add("--burst", type=int, default=0, metavar="N", help="write N lines at a time, at the same average rate")
    add("--per-write", type=int, default=LARGEST_WRITE, metavar="N", help="at most N lines per write; 1: line by line")
    add("--size", type=int, default=101, metavar="B", help="bytes per line including the newline (default 101)")
    add("--stream", default="w", help="name of the stream (default w)")
    add("--first", type=int, default=0, metavar="N", help="number of the first line (default 0)")
    add("--rotate", choices=["rename", "copytruncate", "symlink", "none"], default="none")
    add("--rotations", type=int, default=0, metavar="K", help="rotate K times, distributed evenly over --lines")
    add("--rotate-bytes", type=int, default=0, metavar="B", help="rotate before the file exceeds B bytes")
    add("--naming", choices=["shift", "serial"], default="shift", help="names of the rotated files")
    add("--keep", type=int, default=0, metavar="N", help="number of rotated files to keep (0: all)")
    add("--late", type=int, default=0, metavar="N", help="number of lines written to a file after its rename")
    add("--pause", type=float, default=0, metavar="S", help="seconds to pause before each rotation")
    add("--drop-when-full", action="store_true", help="drop lines on a full disk and continue")
    add("--delay", type=float, default=0, metavar="S", help="seconds to wait before the first line")
    add("--on-term", type=int, default=0, metavar="N", help="number of lines to write after SIGTERM")
    add("--last-millisecond", type=int, default=0, metavar="N", help="write N last lines at once, then exit")
    add("--stay", action="store_true", help="wait for SIGTERM after the last line")
    return parse


def _complaint(options: argparse.Namespace) -> str:
    """Return an error about contradictory options, or an empty string."""
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
        return "--stream must be a name without spaces"
    if options.size < smallest(options.stream):
        return f"--size {options.size} is too small: a line requires {smallest(options.stream)} bytes"
    if options.forever and options.lines:
        return "--forever and --lines are mutually exclusive"
    if not (options.lines or options.forever or options.last_millisecond > 0):
        return "set --lines N, --forever or --last-millisecond N"
    if options.rotate == "none" and (options.rotations or options.rotate_bytes):
        return "--rotations and --rotate-bytes require --rotate rename, copytruncate or symlink"
    if options.late and options.rotate not in ("rename", "symlink"):
        return "--late requires --rotate rename or symlink"
    if options.rotate != "none" and not (options.rotate_bytes or (options.rotations and options.lines)):
        return f"--rotate {options.rotate} requires --rotations K (with --lines) or --rotate-bytes B"
    return ""


def main(arguments: list[str] | None = None) -> int:
    """Run the writer; return the exit status."""
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
