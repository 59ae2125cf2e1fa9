"""Writes numbered lines of several containers as a container runtime does, and rotates their files as the kubelet does.

Each container has a pod of its own. Below ``--root``, as below /var/log of a node::

    pods/shop_web-000_uid-000/app/0.log                   2026-11-28T10:00:00.123456789Z stdout F <line of writer.py>
    pods/shop_web-000_uid-000/app/0.log.20261128-100003   the newest rotated file, and older ones with .gz
    containers/web-000_shop_app-<64 digits>.log           link to the current file

Each line is one write. The name of its stream is that of the pod, so that `count` recognizes lines of one pod that
arrive as another's. The last line on stdout is JSON: ``{"written": {"web-000": 1000, ...}, "seconds": 10.0}``.
"""

import argparse
import gzip
import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path

from harness.loss.writer import encode

NAMESPACE = "shop"
CONTAINER = "app"
TICK_SECONDS = 0.001
LONGEST_PART = 16384  # containerd's max_container_log_line_size
KEPT_FILES = 5  # the kubelet's containerLogMaxFiles
_NANOSECONDS = 1_000_000_000


class Container:
    """The log of a container.

    Args:
        root: the folder that stands for /var/log.
        name: name of the pod.
        size: bytes of a line, including the newline.

    Attributes:
        written: number of lines.
    """

    def __init__(self, root: Path, name: str, *, size: int) -> None:
        number = name.rpartition("-")[2]
        self.name = name
        self.written = 0
        self._size = size
        self._file = root / "pods" / f"{NAMESPACE}_{name}_uid-{number}" / CONTAINER / "0.log"
        self._file.parent.mkdir(parents=True)
        self._link = root / "containers" / f"{name}_{NAMESPACE}_{CONTAINER}-{int(number):064x}.log"
        self._link.parent.mkdir(exist_ok=True)
        self._descriptor = self._open()
        self._link.symlink_to(self._file)

    def write(self) -> None:
        """Write the next line."""
        self._append(b"F", self._line())

    def write_parts(self, megabytes: int) -> None:
        """Write a line of that many megabytes, with its end, in the largest parts of the runtime. It is not counted."""
        for _ in range(megabytes * 1_000_000 // LONGEST_PART):
            self._append(b"P", b"x" * LONGEST_PART)
        self._append(b"F", b"end")

    def rotate(self, *, split: bool = False, late: int = 0) -> None:
        """Rotate the file.

        Args:
            split: the runtime splits the line that it is writing: one part is in each file.
            late: number of lines that the runtime writes before it opens the new file.
        """
        for old in sorted(self._file.parent.glob("0.log.*")):
            if not old.name.endswith((".gz", ".tmp")):
                _compress(old)
        kept = sorted(self._file.parent.glob("0.log.*.gz"))
        for old in kept[: max(0, len(kept) - (KEPT_FILES - 2))]:
            old.unlink()
        os.rename(self._file, f"{self._file}.{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}")
        for _ in range(late):
            self.write()
        rest = b""
        if split:
            line = self._line()
            rest = line[self._size // 2 :]
            self._append(b"P", line[: self._size // 2])
        os.close(self._descriptor)
        self._descriptor = self._open()
        if rest:
            self._append(b"F", rest)

    def delete(self) -> None:
        """Delete the log, as the kubelet does after the end of the pod."""
        self._link.unlink()
        shutil.rmtree(self._file.parents[1])

    def _line(self) -> bytes:
        line = encode(self.name, self.written, self._size)[:-1]
        self.written += 1
        return line

    def _append(self, flag: bytes, text: bytes) -> None:
        seconds, nanoseconds = divmod(time.time_ns(), _NANOSECONDS)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)).encode()
        os.write(self._descriptor, b"%s.%09dZ stdout %s %s\n" % (stamp, nanoseconds, flag, text))

    def _open(self) -> int:
        return os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)


def _compress(file: Path) -> None:
    """Compress a file as the kubelet does: under a temporary name, and the original is deleted last."""
    temporary = file.with_name(f"{file.name}.tmp")
    with file.open("rb") as source, gzip.open(temporary, "wb", compresslevel=1) as target:
        shutil.copyfileobj(source, target)
    temporary.rename(file.with_name(f"{file.name}.gz"))
    file.unlink()


class _Rotation(threading.Thread):
    """Rotates the files of all containers regularly; the lock is held while one file changes."""

    def __init__(self, containers: list[Container], options: argparse.Namespace, lock: threading.Lock) -> None:
        super().__init__(daemon=True)
        self._containers, self._options, self._lock = containers, options, lock
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(self._options.rotate_seconds):
            for container in self._containers:
                with self._lock:
                    container.rotate(split=self._options.split, late=self._options.late)


def run(options: argparse.Namespace) -> None:
    """Write the lines that the options describe."""
    names = [f"web-{number:03}" for number in range(options.containers)]
    containers = [Container(options.root, name, size=options.size) for name in names]
    time.sleep(options.lead)
    lock = threading.Lock()
    rotation = _Rotation(containers, options, lock)
    if options.rotate_seconds:
        rotation.start()
    begin = time.monotonic()
    done = 0
    while done < options.lines:
        # Without a rate, all lines are due.
        elapsed = time.monotonic() - begin
        due = min(options.lines, int(elapsed * options.rate) if options.rate else options.lines)
        with lock:
            for number in range(done, due):
                containers[number % len(containers)].write()
        if options.long_line and done <= options.lines // 2 < due:
            containers[0].write_parts(options.long_line)
        done = due
        time.sleep(TICK_SECONDS)
    seconds = time.monotonic() - begin
    rotation.ended.set()
    if options.rotate_seconds:
        rotation.join()
    if options.delete_after is not None:
        time.sleep(options.delete_after)
        for container in containers:
            container.delete()
    written = {container.name: container.written for container in containers}
    print(json.dumps({"written": written, "seconds": round(seconds, 3)}), flush=True)


def parser() -> argparse.ArgumentParser:
    """Return the command line parser."""
    parse = argparse.ArgumentParser(
        prog="runtime", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parse.add_argument
    add("--root", type=Path, required=True, help="folder that stands for /var/log of a node")
    add("--containers", type=int, default=10, metavar="N", help="number of containers (default 10)")
    add("--lines", type=int, required=True, metavar="N", help="lines of all containers")
    add("--rate", type=float, default=0, metavar="R", help="lines per second of all containers (0: full speed)")
    add("--size", type=int, default=101, metavar="B", help="bytes per line including the newline (default 101)")
    add("--lead", type=float, default=0, metavar="S", help="seconds from the creation of the files to the first line")
    add("--rotate-seconds", type=float, default=0, metavar="S", help="seconds between two rotations (0: none)")
    add("--split", action="store_true", help="split a line at each rotation, in both files")
    add("--late", type=int, default=0, metavar="N", help="lines that are written to the renamed file")
    add("--long-line", type=int, default=0, metavar="MB", help="length of an additional line in the first container")
    add("--delete-after", type=float, metavar="S", help="delete the files that many seconds after the last line")
    return parse


if __name__ == "__main__":
    run(parser().parse_args(sys.argv[1:]))
