"""Volumes of a size of their own: small tmpfs, in a mount namespace that nobody else sees."""

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
    """Mounting needs root on Linux."""
    return sys.platform == "linux" and os.geteuid() == 0 and shutil.which("unshare") is not None


def enter() -> None:
    """Run this program again in a mount namespace of its own, if it is not in one and can be."""
    if possible() and not os.environ.get(_INSIDE):
        command = ["unshare", "--mount", "--propagation", "private", "--", sys.executable, "-m", "bench", *sys.argv[1:]]
        os.execvpe(command[0], command, {**os.environ, _INSIDE: "yes"})


@contextlib.contextmanager
def mounted(folder: Path, size: str) -> Iterator[None]:
    """A tmpfs of that size, such as ``8m``, on a folder; without a size nothing is mounted.

    Raises:
        HarnessError: it cannot be mounted, or this process is in no mount namespace of its own.
    """
    if not size:
        yield
        return
    if not os.environ.get(_INSIDE):
        raise HarnessError(
            "Small volumes are mounted in a mount namespace only: run `.venv/bin/python -m bench` as root."
        )
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if done.returncode != 0:
        raise HarnessError(f"Cannot mount a volume of {size}: {done.stderr.strip()}")
    try:
        yield
    finally:
        # Lazily: a reader that was killed a moment ago may still have a file open.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[None]:
    """A volume without any room left, until the end."""
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
