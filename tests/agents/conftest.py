"""Runs the rendered sidecar as a process on this machine, with the real Fluent Bit and without a cluster."""

import contextlib
import copy
import itertools
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from bench import volumes
from harness import images
from harness.backends.aws import CREDENTIALS
from harness.backends.ports import free_port
from harness.backends.receivers import JsonReceiver, Trouble
from harness.backends.samples import total
from harness.loss.follow import ProcessFollower
from harness.loss.measure import finish_writer, run_writer
from harness.render.helm import Helm

from .node import Node

CHART = Path(__file__).parents[2] / "charts" / "log-sidecar"
# Content that the kubelet would write.
POD = {"OUTPUT_POD": "shop-0", "OUTPUT_NAMESPACE": "prd", "OUTPUT_NODE": "node-1", "POD_IP": "127.0.0.1"}
OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS") or 30)


class Sidecar(ProcessFollower):
    """The rendered script and configuration, with local folders as volumes."""

    def __init__(
        self,
        folder: Path,
        values: Mapping[str, Any],
        *,
        agent: Path,
        secrets: Mapping[str, str],
        ca: Path | None,
        state_size: str,
        engine: str,
    ) -> None:
        self.folder = folder
        self._probe = "/api/plugins.json" if engine == "fluentd" else "/api/v2/metrics/prometheus"
        self.file = folder / "logs" / "app.log"
        self.port = free_port()
        rendered = Helm().render(CHART, values=_local(values, self.port, engine))
        [container] = rendered.containers("sidecar")
        # Folders have the names of volumes.
        self._places = {
            mount["mountPath"]: folder / mount["name"] / mount.get("subPath", "") for mount in container["volumeMounts"]
        }
        for place in self._places.values():
            place.mkdir(parents=True, exist_ok=True)
        for item in rendered.select("ConfigMap", component="sidecar"):
            for name, text in item["data"].items():
                (folder / "config" / name).write_text(self._moved(text, ca))
        # Credentials come from Secrets; here the test sets them.
        environment = {entry["name"]: self._moved(entry["value"], ca) for entry in container["env"] if "value" in entry}
        environment |= {**POD, **CREDENTIALS, **secrets, "AGENT": str(agent)}
        mounting = ["/bin/sh", "-c", 'mount -t tmpfs -o size="$0" tmpfs "$1" && shift && exec "$@"']
        small = [*mounting, state_size, str(folder / "state")] if state_size else []
        super().__init__(
            [*small, *container["command"], self._moved(container["args"][0], ca)],
            environment=environment,
            stderr=folder / "stderr",
            as_init=sys.platform == "linux" and os.geteuid() == 0,
        )

    def start(self) -> Self:
        """Start the sidecar, and wait until it responds."""
        super().start()
        self.wait_for(lambda: self._get(self._probe) is not None)
        return self

    def write(self, options: str) -> int:
        """Run the writer (``python -m harness.loss.writer --help``) to its end; return the number of written lines."""
        return finish_writer(self.begin(options)).written

    def begin(self, options: str) -> "subprocess.Popen[str]":
        """Start the writer; `finish_writer` waits for its end."""
        return run_writer(self.file, options.split())

    def terminating(self) -> Callable[[], int]:
        """Send SIGTERM as the kubelet does; return a function that waits for the end and returns the exit status."""
        os.kill(self.pid, signal.SIGTERM)
        assert self._process is not None
        return self._process.wait

    def metric(self, metric: str, /, **labels: str) -> float:
        """Return the sum of a Fluent Bit metric; 0 if it does not exist, or the agent does not answer."""
        return total(self._get("/api/v2/metrics/prometheus") or "", metric, **labels)

    @property
    def state(self) -> Path:
        """Folder of positions and buffers, in the sidecar's mount namespace."""
        return Path(f"/proc/{self.pid}/root{self.folder}/state")

    def errors(self) -> str:
        """Return the output on stderr."""
        return (self.folder / "stderr").read_text(errors="replace")

    def wait_for(self, ready: Callable[[], bool], *, seconds: float = 60) -> None:
        """Wait until a condition holds.

        Raises:
            TimeoutError: it does not hold within that many seconds, or the sidecar exited; with the end of its stderr.
        """
        until = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > until or not self.running:
                raise TimeoutError(f"not within {seconds:.0f} s:\n{self.errors()[-2000:]}")
            time.sleep(0.1)

    def _get(self, path: str) -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                text: str = answer.read().decode()
                return text
        except OSError:
            return None

    def _moved(self, text: str, ca: Path | None) -> str:
        text = re.sub(r"/etc/(log-sidecar-ca/[a-z0-9-]+|ca-bundle)/ca\.crt", str(ca), text)
        for inside, outside in self._places.items():
            text = text.replace(inside, str(outside))
        return text


@contextlib.contextmanager
def sidecars(folder: Path) -> Iterator[Callable[..., Sidecar]]:
    """Start sidecars with values, secrets (by environment variable), a CA certificate, a size of the state, an engine.

    The returned function is thread-safe.
    """
    numbers = itertools.count()
    started: list[Sidecar] = []

    def start(
        values: Mapping[str, Any] | None = None,
        *,
        secrets: Mapping[str, str] | None = None,
        ca: Path | None = None,
        state_size: str = "",
        engine: str = "fluent-bit",
    ) -> Sidecar:
        agent = images.fluent_bit() if engine == "fluent-bit" else images.machine_program(engine)
        if agent is None:
            pytest.skip(f"needs {engine} on PATH (or in ${images.variable_of(engine)})")
        if state_size and not volumes.possible():
            pytest.skip("needs root on Linux, to mount a volume of a size of its own")
        own = folder / f"sidecar-{next(numbers)}"
        own.mkdir()
        made = Sidecar(
            own, values or {}, agent=agent, secrets=secrets or {}, ca=ca, state_size=state_size, engine=engine
        )
        started.append(made)
        return made.start()

    try:
        yield start
    finally:
        for one in started:
            one.stop()


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[Callable[..., Sidecar]]:
    """Start a sidecar as `sidecars` does."""
    with sidecars(tmp_path) as start:
        yield start


@pytest.fixture
def backend() -> Iterator[JsonReceiver]:
    """The receiver of the records."""
    with JsonReceiver() as receiver:
        yield receiver


@pytest.fixture
def node(tmp_path: Path, backend: JsonReceiver) -> Iterator[Callable[..., Node]]:
    """Start an agent with values of `logs`."""
    with contextlib.ExitStack() as stack:

        def start(**options: Any) -> Node:
            made = Node(tmp_path, backend.port, **options)
            stack.callback(made.stop)
            return made

        yield start


def outage(backend: Trouble, kinds: Sequence[str]) -> None:
    """Let a backend fail in each of these ways, for OUTAGE_SECONDS in total, then return."""
    backend.suffer(kinds, seconds=OUTAGE_SECONDS)


def _local(values: Mapping[str, Any], port: int, engine: str) -> dict[str, Any]:
    made: dict[str, Any] = copy.deepcopy(dict(values))
    made.setdefault("app", {}).update({"demo": {"enabled": False}, "command": ["serve"]})
    sidecar = made.setdefault("sidecar", {})
    sidecar["engine"] = engine
    settings = sidecar.setdefault("fluentd" if engine == "fluentd" else "fluentBit", {})
    settings.setdefault("httpServer", {"listen": "127.0.0.1", "port": port})
    return made
