"""Programs behind a proxy: data arrives through it, and requests within the cluster bypass it."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import images, tools
from harness.backends.ports import free_port
from harness.backends.proxy import Proxy
from harness.backends.receivers import HOST, JsonReceiver
from harness.backends.remote_write import PATH, RemoteWriteReceiver
from harness.render.helm import Helm

from .conftest import expanded
from .test_node_logs import Kubelet, Node

pytestmark = pytest.mark.slow
CHART = Path(__file__).parents[2] / "charts" / "observability-stack"
# Another address of this machine, which is in no NO_PROXY by itself.
ELSEWHERE = "127.0.0.9"
POD = {
    "metadata": {"name": "web-1", "namespace": "shop", "uid": "uid"},
    "spec": {"nodeName": "node-1"},
    "status": {"podIP": "10.0.0.9", "containerStatuses": [{"name": "app", "containerID": f"containerd://{'a' * 64}"}]},
}


@contextlib.contextmanager
def running(command: list[str], log: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Run a program while the context is open."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=dict(environment), stdout=output, stderr=output)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


def wait(ready: Callable[[], object], log: Path) -> None:
    """Wait until a condition holds."""
    until = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < until, log.read_text(encoding="utf-8")[-2000:]
        time.sleep(0.1)


@pytest.mark.environment("proxy", "node-logs")
def test_logs_arrive_through_the_proxy(tmp_path: Path) -> None:
    """With the rendered environment, only the backend outside is a destination of the proxy.

    The kubelet, a backend in `noProxy`, and instance metadata, which Fluent Bit asks at its start, are not.
    """
    outside: dict[str, tuple[str, int]] = {}
    with (
        Proxy(outside) as proxy,
        JsonReceiver() as far,
        JsonReceiver(host=ELSEWHERE) as near,
        Kubelet(tmp_path / "pki", {"kind": "PodList", "items": [POD]}, host="127.0.0.8") as kubelet,
    ):
        outside["logs.example.com"] = (HOST, far.port)
        (tmp_path / "token").write_text("token", encoding="ascii")
        asks = {"kubelet_port": kubelet.port, "kube_ca_file": str(tmp_path / "pki" / "ca.crt")}
        asks |= {"kube_token_file": str(tmp_path / "token"), "kube_namespace_file": str(tmp_path / "token")}
        plain = {"type": "http", "tls": {"enabled": False}}
        outputs = {
            "far": {**plain, "host": "logs.example.com", "port": 8080},
            "near": {**plain, "host": ELSEWHERE, "port": near.port},
        }
        egress = {"proxy": {"httpProxy": proxy.url, "noProxy": [ELSEWHERE]}}
        node = Node(tmp_path, 0, changed=asks, outputs=outputs, values=egress, node_ip="127.0.0.8")
        try:
            node.write("web-1", "hello")
            node.wait(lambda: far.records and near.records)
        finally:
            node.stop()
        assert kubelet.log
    assert [record["kubernetes"]["pod_id"] for record in (*far.records, *near.records)] == ["uid", "uid"]
    assert proxy.hosts() == {"logs.example.com"}


@pytest.mark.parametrize(
    ("listed", "proxied"),
    [(ELSEWHERE, False), ("127.0.0.0/8", True), (".0.0.9", True), (f"[{ELSEWHERE}]", True), ("", True)],
    ids=["address", "network", "suffix", "brackets", "empty"],
)
def test_fluent_bit_compares_whole_entries(tmp_path: Path, listed: str, proxied: bool) -> None:
    """Fluent Bit 5.1.1 compares each entry of NO_PROXY with strcmp (flb_upstream_needs_proxy)."""
    agent = images.fluent_bit()
    if agent is None:
        pytest.skip("needs fluent-bit on PATH (or in $FLUENT_BIT)")
    with JsonReceiver(host=ELSEWHERE) as backend, Proxy({ELSEWHERE: (ELSEWHERE, backend.port)}) as proxy:
        target = ["-o", "http", "-p", f"host={ELSEWHERE}", "-p", f"port={backend.port}", "-p", "format=json"]
        command = [str(agent), "-q", "-i", "dummy", *target, "-f", "1"]
        log = tmp_path / "log"
        with running(command, log, {"HTTP_PROXY": proxy.url, "HTTPS_PROXY": "http://192.0.2.1", "NO_PROXY": listed}):
            wait(lambda: backend.records, log)
        assert bool(proxy.destinations) is proxied


@pytest.mark.environment("proxy", "metrics")
def test_metrics_arrive_through_the_proxy(tmp_path: Path) -> None:
    """Prometheus sends to the remote outside through the proxy, and to one in `noProxy` and its targets directly."""
    binary = tools.find("prometheus").path
    if binary is None:
        pytest.skip("needs prometheus")
    outside: dict[str, tuple[str, int]] = {}
    with (
        Proxy(outside) as proxy,
        RemoteWriteReceiver() as far,
        RemoteWriteReceiver(host=ELSEWHERE) as near,
    ):
        outside["metrics.example.com"] = (HOST, far.port)
        remotes = [{"url": f"http://metrics.example.com{PATH}"}, {"url": f"http://{ELSEWHERE}:{near.port}{PATH}"}]
        values = {
            "proxy": {"httpProxy": proxy.url, "noProxy": ["127.0.0.9/32"]},
            "scrape": {"interval": "1s", "timeout": "1s", "allowList": {"enabled": False}},
            "server": {"remoteWrite": remotes},
        }
        log = tmp_path / "log"
        with prometheus(tmp_path, str(binary), values):
            wait(lambda: far.samples and near.samples, log)
    assert proxy.hosts() == {"metrics.example.com"}


@contextlib.contextmanager
def prometheus(folder: Path, binary: str, values: dict[str, Any]) -> Iterator[None]:
    """Run the rendered Prometheus, which scrapes only itself, on an address that is in no NO_PROXY by itself."""
    made = Helm().render(CHART, values=values)
    config = yaml.safe_load(made.one("ConfigMap", "test-observability-stack-server")["data"]["prometheus-0-0.yaml"])
    listen = f"127.0.0.7:{free_port('127.0.0.7')}"
    config["scrape_configs"] = [{"job_name": "self", "static_configs": [{"targets": [listen]}]}]
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    [pod] = [pod for pod in made.pods() if str(pod).startswith("StatefulSet/")]
    [container] = pod.spec["containers"]
    command = [binary, f"--config.file={folder / 'prometheus.yaml'}", "--agent", f"--web.listen-address={listen}"]
    environment = expanded(container["env"], {"KUBERNETES_SERVICE_HOST": "10.100.0.1"})
    with running([*command, f"--storage.agent.path={folder / 'data'}"], folder / "log", environment):
        yield
