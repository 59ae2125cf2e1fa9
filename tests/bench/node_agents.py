"""Node agents as processes: this chart's, and those of node_agents.yaml. CloudWatch and the kubelet are stand-ins."""

import contextlib
import dataclasses
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from agents.node import Kubelet
from bench import volumes
from harness import images
from harness.backends.aws import CREDENTIALS, REGION
from harness.backends.ports import free_port
from harness.backends.receivers import HOST, Receiver, Request
from harness.errors import HarnessError
from harness.loss import ProcessFollower, runtime
from harness.render.helm import Helm
from harness.render.manifests import load_yaml

CHART = Path(__file__).parents[2] / "charts" / "observability-stack"
OTHERS: dict[str, Any] = load_yaml(Path(__file__).with_name("node_agents.yaml").read_text(encoding="utf-8"))
DEFAULT = "chart: defaults"
POLLING = "chart: polling"
ADD_ON = "CloudWatch add-on"
# Values of `logs` by column.
OURS: dict[str, dict[str, Any]] = {DEFAULT: {}, POLLING: {"inotifyWatcher": False, "flush": 0.2}}
NAMES = (*OURS, *OTHERS)
DISK = "4G"
MEBIBYTE = 1 << 20
_RESTART_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class Event:
    """A delivered line: times of the line and of the request, in seconds since 1970, and its text."""

    written: float
    arrived: float
    line: bytes


class CloudWatch(Receiver):
    """CloudWatch Logs. It keeps the requests, and reads them after the measurement.

    Attributes:
        events: number of accepted events.
        sent: bytes of the accepted requests.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(tls=folder)
        self.events = 0
        self.sent = 0
        self._requests: list[tuple[float, bytes]] = []

    def take(self, request: Request) -> tuple[int, bytes]:
        # An agent that is killed can leave a part of a request, which CloudWatch does not accept either.
        complete = len(request.raw) == int(request.headers.get("Content-Length", 0))
        if complete and request.headers.get("X-Amz-Target", "").endswith(".PutLogEvents"):
            self._requests.append((time.time(), request.body))
            self.events += request.body.count(b'{"timestamp":')
            self.sent += len(request.raw)
        # Fluent Bit looks for the header anywhere in the response.
        return 200, b'{"x-amzn-RequestId": "1"}'

    def wait(self, events: int, *, quiet: float, seconds: float = 600) -> None:
        """Wait for a number of events, at most for `seconds`, or until none has arrived for `quiet` seconds."""
        until, seen, since = time.monotonic() + seconds, -1, time.monotonic()
        while self.events < events and time.monotonic() < until:
            if self.events != seen:
                seen, since = self.events, time.monotonic()
            if time.monotonic() - since > quiet:
                return
            time.sleep(0.1)

    def delivered(self) -> Iterator[Event]:
        """Yield the events, in order of arrival."""
        for arrived, body in self._requests:
            yield from events_of(body, arrived)


def events_of(body: bytes, arrived: float) -> Iterator[Event]:
    """Yield the events of a PutLogEvents request, whose messages are records of Fluent Bit."""
    for event in json.loads(body)["logEvents"]:
        record = json.loads(event["message"])
        yield Event(event["timestamp"] / 1000, arrived, str(record.get("log", "")).rstrip("\n").encode())


class Agent(ProcessFollower):
    """A node agent.

    Args:
        name: one of NAMES.
        folder: the folder that stands for /var/log.
        backend: where it sends records.
        kubelet: where it asks for metadata of pods.

    Attributes:
        grace: seconds from SIGTERM to SIGKILL.
        memory: limit in bytes; 0: none.
    """

    def __init__(self, name: str, folder: Path, backend: CloudWatch, kubelet: Kubelet) -> None:
        program = images.fluent_bit()
        assert program is not None
        (folder / "journal").mkdir(exist_ok=True)
        (folder / "state").mkdir(exist_ok=True)
        (folder / "token").write_text("token", encoding="ascii")
        config, self.grace, self.memory = configuration(name, folder)
        _connect(config, folder, backend, kubelet)
        file = folder / "fluent-bit.yaml"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        super().__init__(
            [str(program), "-c", str(file)],
            environment={"HOST_NAME": "node-1", "NODE_IP": HOST, "POD_IP": HOST, **CREDENTIALS},
            stderr=folder / "agent.log",
            as_init=sys.platform == "linux" and os.geteuid() == 0,
        )

    def resident(self, field: str = "VmRSS") -> int:
        """Return the agent's memory, or its peak (VmHWM), in bytes; 0 if it is not running."""
        with contextlib.suppress(OSError, IndexError):
            status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
            return int(status.partition(f"{field}:")[2].split()[0]) * 1024
        return 0

    def wakes(self) -> int:
        """Return how often its threads have waited for something (voluntary context switches)."""
        statuses = [task.read_text(encoding="ascii") for task in Path(f"/proc/{self.pid}/task").glob("*/status")]
        return sum(int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0]) for status in statuses)

    @contextlib.contextmanager
    def limited(self) -> Iterator[list[float]]:
        """Kill and restart the agent whenever it exceeds its memory limit; the list gets the times of the kills."""
        killed: list[float] = []
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(0.02):
                if self.memory and self.resident() > self.memory:
                    self.kill()
                    killed.append(time.monotonic())
                    time.sleep(_RESTART_SECONDS)
                    self.restart()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield killed
        finally:
            ended.set()
            thread.join()


def configuration(name: str, folder: Path) -> tuple[dict[str, Any], int, int]:
    """Return the configuration of an agent, its grace period in seconds, and its memory limit in bytes."""
    if name in OURS:
        return _ours(OURS[name], folder)
    other = OTHERS[name]
    text = json.dumps(other["config"]).replace("${FOLDER}", str(folder))
    text = text.replace("${TAG}", str(folder).strip("/").replace("/", "."))
    return json.loads(text), other["grace"], other["memory"] * MEBIBYTE


def _ours(logs: dict[str, Any], folder: Path) -> tuple[dict[str, Any], int, int]:
    values = {"metrics": {"enabled": False}, "cluster": {"region": REGION}, "logs": {"enabled": True, **logs}}
    made = Helm().render(CHART, values=values)
    [pod] = made.pods()
    [container] = pod.containers()
    memory = str(container["resources"]["limits"]["memory"])
    text = made.one("ConfigMap", component="logs")["data"]["fluent-bit.yaml"]
    text = text.replace("/var/log/", f"{folder}/").replace("/var/lib/fluent-bit", f"{folder}/state")
    grace = pod.spec["terminationGracePeriodSeconds"] - container["lifecycle"]["preStop"]["sleep"]["seconds"]
    return load_yaml(text), grace, int(memory.removesuffix("Mi")) * MEBIBYTE


def _connect(config: dict[str, Any], folder: Path, backend: CloudWatch, kubelet: Kubelet) -> None:
    """Set addresses, certificates and ports of this machine."""
    if config["service"].get("http_server"):
        config["service"] |= {"http_listen": HOST, "http_port": free_port()}
    for plugin in config["pipeline"]["filters"]:
        if plugin["name"] == "kubernetes":
            plugin |= {"kube_url": f"https://{HOST}:{kubelet.port}", "kubelet_port": kubelet.port}
            plugin |= {"kube_ca_file": str(folder / "kubelet" / "ca.crt")}
            plugin |= {"kube_token_file": str(folder / "token"), "kube_namespace_file": str(folder / "token")}
    for plugin in config["pipeline"]["outputs"]:
        plugin |= {"region": REGION, "endpoint": HOST, "port": backend.port, "tls.ca_file": str(backend.ca)}


@dataclasses.dataclass(frozen=True)
class Node:
    """A folder with the logs of containers, an agent that is not started yet, and its backend."""

    folder: Path
    agent: Agent
    backend: CloudWatch
    disk: volumes.Disk | None

    def write(self, options: Sequence[str]) -> "subprocess.Popen[str]":
        """Start ``harness.loss.runtime``."""
        command = [sys.executable, "-m", runtime.__name__, "--root", str(self.folder), *options]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def wait_for_files(self, containers: int) -> None:
        """Wait until the logs of that many containers exist."""
        while len([*self.folder.glob("containers/*.log")]) < containers:
            time.sleep(0.05)


@contextlib.contextmanager
def node(name: str, *, containers: int) -> Iterator[Node]:
    """Prepare a node with an agent, one of NAMES; in a private mount namespace, with a disk of its own."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="bench") as temporary, contextlib.ExitStack() as stack:
        folder = Path(temporary) / "log"
        folder.mkdir()
        disk = stack.enter_context(volumes.disk(folder, DISK)) if volumes.entered() else None
        backend = stack.enter_context(CloudWatch(Path(temporary) / "pki"))
        kubelet = stack.enter_context(Kubelet(folder / "kubelet", {"kind": "PodList", "items": pods(containers)}))
        agent = Agent(name, folder, backend, kubelet)
        try:
            yield Node(folder, agent, backend, disk)
        finally:
            agent.stop()


def pods(number: int) -> list[dict[str, Any]]:
    """Return the pods of `harness.loss.runtime`, with the fields that agents read."""
    return [
        {
            "metadata": {"name": f"web-{at:03}", "namespace": runtime.NAMESPACE, "uid": f"uid-{at:03}"},
            "spec": {"nodeName": "node-1", "containers": [{"name": runtime.CONTAINER, "image": "shop/web:1"}]},
            "status": {
                "podIP": f"10.0.0.{at + 1}",
                "containerStatuses": [
                    {
                        "name": runtime.CONTAINER,
                        "containerID": f"containerd://{at:064x}",
                        "image": "shop/web:1",
                        "imageID": f"shop/web@sha256:{at:064x}",
                    }
                ],
            },
        }
        for at in range(number)
    ]


def written_by(writer: "subprocess.Popen[str]") -> dict[str, int]:
    """Wait for the writer to end; return the number of lines of each pod.

    Raises:
        HarnessError: the writer fails.
    """
    output, _ = writer.communicate()
    if writer.returncode != 0:
        raise HarnessError(f"The writer ended with status {writer.returncode}.")
    written: dict[str, int] = json.loads(output.splitlines()[-1])["written"]
    return written
