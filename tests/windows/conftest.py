"""A Windows for the tests of this folder, and workloads that run in it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from .logmonitor import Workload, rendered
from .wine import Windows, program, wine


@pytest.fixture(scope="session")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Windows]:
    """A Windows of this test session."""
    if wine() is None:
        pytest.skip("needs wine on PATH")
    with Windows(tmp_path_factory.mktemp("windows")) as made:
        yield made


@pytest.fixture(scope="session")
def logmonitor_exe() -> Path:
    """LogMonitor, for Windows."""
    return program("LOGMONITOR_EXE", "LogMonitor")


@pytest.fixture
def start(logmonitor_exe: Path, windows: Windows, tmp_path: Path) -> Iterator[Callable[..., Workload]]:
    """Render and start a workload; the arguments are those of `rendered` and `Workload`."""
    with ExitStack() as stack:
        stack.callback(windows.clear)

        def started(
            *sources: Any, config: bytes | None = None, folder: str = "C:\\LogMonitor", **fields: Any
        ) -> Workload:
            pod, data = rendered(*sources, **fields)
            made = Workload(windows, logmonitor_exe, tmp_path / "output", pod, data, config=config, folder=folder)
            stack.callback(made.end)
            return made

        yield started
