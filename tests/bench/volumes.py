"""Small volumes of a fixed size: tmpfs in a private mount namespace."""

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


def enter() -> None:
    """Restart this program in a private mount namespace, if possible and not done yet."""
    if possible() and not os.environ.get(_INSIDE):
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
