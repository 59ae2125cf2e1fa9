"""A cluster behind a real proxy: logs, metrics and traces arrive through it, and no request within the cluster does."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cluster.metrics import CHART, apply, until
from cluster.pods import PYTHON
from cluster.stage import Stage, namespace
from harness.backends.aws import CREDENTIALS, REGION
from harness.backends.ports import free_port, in_url
from harness.backends.receivers import JsonReceiver
from harness.backends.remote_write import PATH, RemoteWriteReceiver
from harness.backends.xray import XRay
from harness.clusters import Cluster
from harness.images import machine_program, variable_of
from harness.render.helm import Helm

pytestmark = [pytest.mark.cluster]
# Jobs whose targets are the API server, the kubelet, a pod on the node's network, and pods.
JOBS = {"apiserver", "cadvisor", "kubelet", "node-exporter", "kube-state-metrics", "prometheus"}
# Prints a line every second.
WRITER = "import itertools, time\nfor _ in itertools.count():\n    print('hello', flush=True)\n    time.sleep(1)\n"
SENDER = """\
import json, os, socket, sys, time
host, port = sys.argv[1].split(":")
while True:
    now = time.time()
    trace = f"1-{int(now):08x}-{os.urandom(12).hex()}"
    made = {"name": "sender", "id": os.urandom(8).hex(), "trace_id": trace, "start_time": now, "end_time": now}
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as sender:
        sender.sendto(b'{"format": "json", "version": 1}\\n' + json.dumps(made).encode(), address)
    time.sleep(1)
"""


class TinyProxy:
    """A running tinyproxy at an address of this machine.

    Args:
        folder: folder for its configuration and log.
        host: the address.

    Attributes:
        url: its URL.
    """

    def __init__(self, folder: Path, host: str) -> None:
        program = machine_program("tinyproxy")
        if program is None:
            pytest.skip(f"needs tinyproxy on PATH (or in ${variable_of('tinyproxy')})")
        port = free_port(host)
        self.url = f"http://{in_url(host)}:{port}"
        self._log = folder / "tinyproxy.log"
        settings = {"Port": port, "Listen": host, "LogFile": f'"{self._log}"', "LogLevel": "Connect"}
        file = folder / "tinyproxy.conf"
        file.write_text("".join(f"{name} {value}\n" for name, value in settings.items()), encoding="utf-8")
        self._process = subprocess.Popen([str(program), "-d", "-c", str(file)])

    def destinations(self) -> set[str]:
        """Return `host:port` of all requests, with CONNECT or without."""
        found = re.findall(
            r"Request \(file descriptor \d+\): (?:CONNECT|\w+ http://)\s*([^ /]+)", self._log.read_text()
        )
        return set(found)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(timeout=10)


@pytest.fixture(scope="module")
def stage(kube_stage_cluster: Cluster, helm: Helm) -> Iterator[Stage]:
    """A namespace that permits agents on nodes."""
    with namespace(Stage(kube_stage_cluster, "t-proxy", helm)) as made:
        made.load_images([PYTHON])
        yield made


@contextmanager
def proxied(stage: Stage, folder: Path) -> Iterator[tuple[TinyProxy, str]]:
    """Yield a proxy, and the address at which pods and the proxy reach this machine."""
    address = stage.cluster.host_address()
    if address is None:
        pytest.skip("needs a cluster whose pods reach this machine")
    proxy = TinyProxy(folder, address)
    try:
        yield proxy, address
    finally:
        proxy.stop()


def targets(receiver: RemoteWriteReceiver) -> set[str]:
    """Return the jobs with a target that answers."""
    return {dict(labels)["job"] for labels, points in receiver.select("up").items() if 1 in points.values()}


def run(stage: Stage, name: str, *command: str) -> None:
    """Start a Python program in a pod."""
    box = {"name": "app", "image": PYTHON, "command": ["python3", "-c", *command]}
    spec = {"terminationGracePeriodSeconds": 0, "containers": [box]}
    apply(stage, [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}])


@pytest.mark.environment("proxy", "node-logs", "metrics")
def test_logs_and_metrics_arrive_through_the_proxy(stage: Stage, tmp_path: Path) -> None:
    """Requests to the kubelet, the API server and targets do not, although the agents have the proxy."""
    with (
        proxied(stage, tmp_path) as (proxy, address),
        JsonReceiver(host=address) as logs,
        RemoteWriteReceiver(host=address) as metrics,
    ):
        output = {"type": "http", "host": address, "port": logs.port, "tls": {"enabled": False}}
        values: dict[str, Any] = {
            "proxy": {"httpProxy": proxy.url},
            "logs": {"enabled": True, "metadata": {"insecureSkipVerify": True}},
            "outputs": {"cloudwatch": {"enabled": False}, "backend": output},
            "scrape": {"interval": "5s", "timeout": "5s", "kubelet": {"insecureSkipVerify": True}},
            "server": {
                "persistence": {"type": "emptyDir"},
                "remoteWrite": [{"url": f"http://{in_url(address)}:{metrics.port}{PATH}"}],
            },
        }
        stage.install("x", values, chart=CHART)
        run(stage, "writer", WRITER)

        def ours() -> list[dict[str, Any]]:
            return [one for one in [*logs.records] if one.get("kubernetes", {}).get("pod_name") == "writer"]

        until(ours, "a record with metadata of the kubelet")
        until(lambda: targets(metrics) >= JOBS, "samples of each job")
        assert ours()[0]["kubernetes"]["pod_id"]
        assert proxy.destinations() == {f"{in_url(address)}:{port}" for port in (logs.port, metrics.port)}


@pytest.mark.environment("proxy", "traces")
def test_traces_arrive_through_the_proxy(stage: Stage, tmp_path: Path) -> None:
    """Segments of a pod reach X-Ray through the proxy."""
    if machine_program("xray") is None:
        pytest.skip(f"needs xray on PATH (or in ${variable_of('xray')})")
    with proxied(stage, tmp_path) as (proxy, address), XRay(REGION, host=address) as api:
        keys = [{"name": name, "value": text} for name, text in CREDENTIALS.items() if name != "AWS_REGION"]
        values: dict[str, Any] = {
            "metrics": {"enabled": False},
            "cluster": {"region": REGION},
            "proxy": {"httpProxy": proxy.url},
            "traces": {"enabled": True, "endpoint": api.url, "extraEnv": keys},
        }
        stage.install("y", values, chart=CHART)
        run(stage, "sender", SENDER, f"y-{CHART.name}-traces.{stage.namespace}:2000")
        until(api.segments, "a segment")
        assert api.reasons == []
        assert proxy.destinations() == {f"{in_url(address)}:{api.port}"}
