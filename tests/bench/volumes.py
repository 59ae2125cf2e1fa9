"""Volumes of a fixed size in a private mount namespace: tmpfs, and disks that count their writes."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from harness.errors import HarnessError

_INSIDE = "BENCH_MOUNT_NAMESPACE"


def possible() -> bool:
    """Whether this process can mount: root on Linux."""
    return sys.platform == "linux" and os.geteuid() == 0 and shutil.which("unshare") is not None


def entered() -> bool:
    """Whether this process is in a private mount namespace, so that it may mount."""
    return bool(os.environ.get(_INSIDE))


def enter() -> None:
    """Restart this program in a private mount namespace, if possible and not done yet."""
    if possible() and not entered():
        command = ["unshare", "--mount", "--propagation", "private", "--", sys.executable, "-m", "bench", *sys.argv[1:]]
        os.execvpe(command[0], command, {**os.environ, _INSIDE: "yes"})


@contextlib.contextmanager
def mounted(folder: Path, size: str) -> Iterator[None]:
    """Mount a tmpfs of a size, for example ``8m``, on a folder; without a size, mount nothing.

    Raises:
        HarnessError: the mount fails, or this process is not in a private mount namespace.
    """
    if not size:
        yield
        return
    _require_namespace()
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield
    finally:
        # Lazy unmount: a reader that was just killed may still have a file open.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Keep a volume full within a `with` statement."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 16, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
    try:
        yield
    finally:
        ballast.unlink()


class Disk:
    """A block device.

    Args:
        device: its path, for example ``/dev/loop0``.
    """

    def __init__(self, device: str) -> None:
        self._stat = Path("/sys/block") / Path(device).name / "stat"

    def writes(self) -> int:
        """Return the number of completed writes (field 5, see Documentation/block/stat.rst of Linux)."""
        return int(self._stat.read_text(encoding="ascii").split()[4])


@contextlib.contextmanager
def disk(folder: Path, size: str) -> Iterator[Disk]:
    """Mount an ext4 disk of its own, for example of ``4G``, on an empty folder.

    Raises:
        HarnessError: the mount fails, or this process is not in a private mount namespace.
    """
    _require_namespace()
    image = folder.with_name(f"{folder.name}.img")
    _run("truncate", "--size", size, str(image))
    _run("mkfs.ext4", "-q", "-F", str(image))
    _run("mount", "-o", "loop", str(image), str(folder))
    try:
        yield Disk(_run("findmnt", "--noheadings", "--output", "SOURCE", str(folder)).strip())
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        image.unlink()


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise HarnessError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return done.stdout


def _require_namespace() -> None:
    if not entered():
        raise HarnessError("Volumes are mounted in a mount namespace only: run `.venv/bin/python -m bench` as root.")
