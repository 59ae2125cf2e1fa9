"""A Windows for the tests of this folder, with workloads and the log agent that run in it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from harness.render.helm import Helm
from harness.render.manifests import Manifests

from .logmonitor import CHART, Workload, rendered
from .node import Node
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


@pytest.fixture
def installed(helm: Helm) -> Callable[..., Manifests]:
    """Render the Windows chart as `helm install x` would, in its namespace, with values files and values."""

    def made(*files: Path, **values: Any) -> Manifests:
        return helm.render(CHART, release="x", namespace="amazon-cloudwatch", values=values, value_files=files)

    return made


@pytest.fixture(scope="session")
def fluent_bit_exe() -> Path:
    """Fluent Bit, for Windows."""
    return program("FLUENT_BIT_EXE", "Fluent Bit")


@pytest.fixture
def node(fluent_bit_exe: Path, windows: Windows) -> Iterator[Callable[..., Node]]:
    """Make a node for a rendered chart, whose agent the test starts; the other arguments are those of `Node`."""
    with ExitStack() as stack:
        stack.callback(windows.clear)

        def made(manifests: Manifests, **options: Any) -> Node:
            one = Node(windows, fluent_bit_exe, manifests, **options)
            stack.callback(one.kill)
            return one

        yield made
