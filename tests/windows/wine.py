"""Windows programs under Wine: a drive C, the programs that run in it, and their output."""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path, PureWindowsPath
from types import TracebackType
from typing import IO, Self

import pytest

PATIENCE_SECONDS = 60.0


def program(variable: str, name: str) -> Path:
    """Return a Windows program; skip the test without it, or without Wine.

    Args:
        variable: environment variable with the path of the program.
        name: name of the program, for the message.
    """
    given = os.environ.get(variable)
    if wine() is None or not given:
        pytest.skip(f"needs wine on PATH, and {name} for Windows in ${variable}")
    found = Path(given).resolve()
    assert found.is_file(), f"{variable}={given}: no such file"
    return found


def wine() -> str | None:
    """Return `wine` or `wine64` on PATH, or `None`."""
    return shutil.which("wine") or shutil.which("wine64")


class Windows:
    """A Wine prefix without a display. Programs that still run at its end are killed.

    Args:
        folder: where the prefix is created; removed at the end.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._drive = folder / "prefix" / "drive_c"
        self._given: set[str] = set()
        inherited = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
        self._environment = {
            **inherited,
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "WINEDEBUG": "-all",
            # Wine would ask to install Mono and Gecko.
            "WINEDLLOVERRIDES": "mscoree,mshtml=",
            "WINEPREFIX": str(folder / "prefix"),
        }

    def __enter__(self) -> Self:
        self.run("wineboot", "--init")
        self._given = set(os.listdir(self._drive))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for option in ("--kill", "--wait"):
            subprocess.run(["wineserver", option], env=self._environment, check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def path(self, windows: str) -> Path:
        r"""Return where a file of drive C, such as `C:\logs\app.log`, is on this machine."""
        drive, *parts = PureWindowsPath(windows).parts
        assert drive.lower() == "c:\\", windows
        return self._drive.joinpath(*parts)

    def clear(self) -> None:
        """Remove every file and folder of drive C that Windows did not have at first."""
        for name in set(os.listdir(self._drive)) - self._given:
            path = self._drive / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def start(
        self, *command: str, output: IO[bytes], environment: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        """Start a program with a pipe as stdin.

        Args:
            *command: the program, by its name or Windows path, and its arguments.
            output: where stdout and stderr go.
            environment: more environment variables.
        """
        return subprocess.Popen(
            [str(wine()), *command],
            env={**self._environment, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        )

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a program to its end; return its exit status and what it printed."""
        return subprocess.run(
            [str(wine()), *command],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=2 * PATIENCE_SECONDS,
        )


def stop(process: "subprocess.Popen[bytes]", *, patience: float = PATIENCE_SECONDS) -> int:
    """Close a program's stdin, and return its exit status; kill it if it does not end."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def wait_for(condition: Callable[[], object], told: Callable[[], str]) -> None:
    """Wait until a condition holds; fail with the text of `told` if it never does."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, told()
        time.sleep(0.1)
