"""The ends of a node: the log agent of observability-stack with a backlog, and CloudWatch as its backend.

The directory of positions and buffers ends with the instance, so records that were not sent by then are lost.
"""

import contextlib
import dataclasses
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from harness import images
from harness.backends.aws import CREDENTIALS, REGION
from harness.backends.ports import free_port
from harness.backends.receivers import HOST, Receiver, Request
from harness.backends.samples import total
from harness.loss import Exit, Measurement, Report, Usage
from harness.render.helm import Helm

CHART = Path(__file__).parents[2] / "charts" / "observability-stack"
AGENT = "chart: node agent"
NOTICE_SECONDS = 120.0
PATIENCE_SECONDS = 600.0  # to write and buffer the backlog on a busy machine
RATE = 1000  # lines of 1 KB per second
LATENCY_SECONDS = 0.1
_LINE = re.compile(rb"line (\d{8}) ")
_NOW = "2026-11-21T10:00:00.000000001Z"


@dataclasses.dataclass(frozen=True)
class End:
    """An end of a node.

    Attributes:
        name: name of the row.
        backlog: megabytes that wait when the backend answers again, in lines of 1 KB.
        writing: seconds for which applications still write; then the agent gets SIGTERM.
        notice: seconds until the instance is gone; 0: only the grace period of the pod limits the agent.
        restarted: the agent is killed and restarted while the backend does not answer.
        lost: the instance fails while the backend does not answer, without SIGTERM.
    """

    name: str
    backlog: int
    writing: float = 0
    notice: float = 0
    restarted: bool = False
    lost: bool = False


ENDS = (
    End("node drained, 200 MB waiting", backlog=200),
    End("node drained after a restart, 200 MB waiting", backlog=200, restarted=True),
    End("spot notice, 2 minutes, 100 MB waiting", backlog=100, writing=30, notice=NOTICE_SECONDS),
    End("node lost, 20 MB waiting", backlog=20, lost=True),
)


class _CloudWatch(Receiver):
    """CloudWatch Logs with a latency; it counts the copies of each line."""

    def __init__(self, folder: Path) -> None:
        super().__init__(tls=folder)
        self.copies: Counter[bytes] = Counter()

    def answer(self, request: Request) -> tuple[int, bytes] | None:
        if not self.kind:
            time.sleep(LATENCY_SECONDS)
        return super().answer(request)

    def take(self, request: Request) -> tuple[int, bytes]:
        self.copies.update(_LINE.findall(request.body))
        # Fluent Bit looks for the header anywhere in the response.
        return 200, b'{"x-amzn-RequestId": "1"}'


class _Agent:
    """The rendered agent, with the paths of the node below a folder."""

    def __init__(self, program: Path, folder: Path, backend: _CloudWatch) -> None:
        self._port = free_port()
        self._file = folder / "pods" / "shop_web_uid" / "app" / "0.log"
        self._file.parent.mkdir(parents=True)
        (folder / "journal").mkdir()
        made = Helm().render(
            CHART,
            values={
                "metrics": {"enabled": False},
                "cluster": {"region": REGION},
                "logs": {
                    "enabled": True,
                    "metadata": {"from": "tag"},
                    "httpServer": {"listen": HOST, "port": self._port},
                },
                "outputs": {"cloudwatch": {"endpoint": HOST, "port": backend.port, "tls": {"caFile": str(backend.ca)}}},
            },
        )
        [pod] = made.pods()
        self.grace: int = pod.spec["terminationGracePeriodSeconds"]
        self.pre_stop: int = pod.containers()[0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        text = made.one("ConfigMap", component="logs")["data"]["fluent-bit.yaml"]
        for inside, outside in {"/var/log/": f"{folder}/", "/var/lib/fluent-bit": f"{folder}/state"}.items():
            text = text.replace(inside, outside)
        (folder / "state").mkdir()
        (folder / "fluent-bit.yaml").write_text(text, encoding="utf-8")
        self._folder = folder
        self._program = program
        self.written = 0
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        with open(self._folder / "agent.log", "ab") as log:
            return subprocess.Popen(
                [str(self._program), "-q", "-c", str(self._folder / "fluent-bit.yaml")],
                env={**os.environ, "HOST_NAME": "node-1", "NODE_IP": HOST, "POD_IP": HOST, **CREDENTIALS},
                stdout=log,
                stderr=log,
            )

    def restart(self) -> None:
        """Kill the agent, start it again, and wait until it has found its chunks."""
        self.process.kill()
        self.process.wait()
        self.process = self._start()
        until = time.monotonic() + PATIENCE_SECONDS
        while not self.metric("fluentbit_storage_chunks") and time.monotonic() < until:
            time.sleep(0.5)
        time.sleep(5)

    def write(self, lines: int) -> None:
        """Write lines as containerd does."""
        with self._file.open("a", encoding="ascii") as log:
            for number in range(self.written, self.written + lines):
                log.write(f"{_NOW} stdout F line {number:08} {'x' * 985}\n")
        self.written += lines

    def metric(self, metric: str) -> int:
        """Return the sum of a metric of the agent, 0 before it answers."""
        try:
            url = f"http://{HOST}:{self._port}/api/v2/metrics/prometheus"
            with urllib.request.urlopen(url, timeout=20) as answer:
                return int(total(answer.read().decode(), metric))
        except OSError:
            return 0

    def wait_until_read(self) -> None:
        """Wait until the agent has read all written lines.

        Raises:
            TimeoutError: it has not within PATIENCE_SECONDS.
        """
        until = time.monotonic() + PATIENCE_SECONDS
        while self.metric("fluentbit_input_records_total") < self.written:
            if time.monotonic() > until or self.process.poll() is not None:
                raise TimeoutError("the agent does not read all lines")
            time.sleep(0.5)

    def usage(self) -> Usage:
        """Return the resources that the agent has used."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        ticks = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
        cpu = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
        return Usage(cpu, int(status.partition("VmHWM:")[2].split()[0]) * 1024)

    def end(self, sign: signal.Signals, *, seconds: float) -> Exit:
        """Send a signal, and SIGKILL after that many seconds; return the end of the process."""
        began = time.monotonic()
        self.process.send_signal(sign)
        try:
            status = self.process.wait(timeout=max(0.0, seconds))
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        return Exit(status if status >= 0 else 128 - status, time.monotonic() - began)


def measure(end: End) -> Measurement | None:
    """Let a backlog grow, then end the node; return None without Fluent Bit or Linux."""
    program = images.fluent_bit()
    if program is None or sys.platform != "linux":
        return None
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as temporary,
        _CloudWatch(Path(temporary) / "pki") as backend,
        _running(program, Path(temporary), backend) as agent,
    ):
        return _measure(end, agent, backend)


def _measure(end: End, agent: _Agent, backend: _CloudWatch) -> Measurement:
    began = time.monotonic()
    backend.fail("503")
    agent.write(end.backlog * 1000)
    agent.wait_until_read()
    counted = None
    if end.restarted:
        agent.restart()
    if end.lost:
        sent = agent.metric("fluentbit_output_proc_records_total")
        counted = agent.metric("fluentbit_input_records_total") - sent
    else:
        backend.heal()
    noticed = time.monotonic()
    for _ in range(int(end.writing)):
        agent.write(RATE)
        time.sleep(1)
    if not end.lost:
        time.sleep(agent.pre_stop)
    seconds = time.monotonic() - began
    usage = agent.usage()
    left = noticed + end.notice - time.monotonic() if end.notice else agent.grace - agent.pre_stop
    ended = agent.end(signal.SIGKILL if end.lost else signal.SIGTERM, seconds=min(agent.grace - agent.pre_stop, left))
    delivered = len(backend.copies)
    report = Report(
        written=agent.written,
        delivered=delivered,
        lost=agent.written - delivered,
        duplicated=backend.copies.total() - delivered,
        reordered=0,
        mangled=0,
    )
    return Measurement(report, usage, ended, seconds, kills=0, counted=counted)


@contextlib.contextmanager
def _running(program: Path, folder: Path, backend: _CloudWatch) -> Iterator[_Agent]:
    agent = _Agent(program, folder, backend)
    try:
        yield agent
    finally:
        agent.process.kill()
        agent.process.wait()
