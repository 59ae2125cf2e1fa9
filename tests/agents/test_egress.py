"""Programs behind a proxy and a private CA: data arrives, and requests within the cluster bypass the proxy."""

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.backends.aws import CREDENTIALS, REGION, CloudWatchLogs
from harness.backends.otlp import OtlpGrpcReceiver, OtlpReceiver
from harness.backends.ports import free_port
from harness.backends.proxy import Proxy
from harness.backends.receivers import HOST, JsonReceiver, Receiver
from harness.backends.remote_write import PATH, RemoteWriteReceiver
from harness.backends.vendors import DatadogReceiver, LokiReceiver, NewRelicReceiver, SplunkReceiver
from harness.backends.xray import XRay
from harness.images import machine_program, variable_of
from harness.render.helm import Helm
from harness.render.manifests import load_yaml

from .conftest import Sidecar
from .node import BUNDLE, Kubelet, Node, expanded
from .prometheus import built

pytestmark = pytest.mark.slow
CHART = Path(__file__).parents[2] / "charts" / "observability-stack"
# Another address of this machine, which is in no NO_PROXY by itself.
ELSEWHERE = "127.0.0.9"
KEY = {"name": "ca", "key": "ca.crt"}
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
        # Prometheus would try to deliver for a minute.
        process.kill()
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

    The kubelet and a backend in `noProxy` are not.
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
def test_fluent_bit_compares_whole_entries(tmp_path: Path, listed: str, proxied: bool, fluent_bit: Path) -> None:
    """Fluent Bit 5.1.1 compares each entry of NO_PROXY with strcmp (flb_upstream_needs_proxy)."""
    with JsonReceiver(host=ELSEWHERE) as backend, Proxy({ELSEWHERE: (ELSEWHERE, backend.port)}) as proxy:
        target = ["-o", "http", "-p", f"host={ELSEWHERE}", "-p", f"port={backend.port}", "-p", "format=json"]
        command = [str(fluent_bit), "-q", "-i", "dummy", *target, "-f", "1"]
        log = tmp_path / "log"
        with running(command, log, {"HTTP_PROXY": proxy.url, "HTTPS_PROXY": "http://192.0.2.1", "NO_PROXY": listed}):
            wait(lambda: backend.records, log)
        assert bool(proxy.destinations) is proxied


@pytest.mark.environment("proxy", "metrics")
@pytest.mark.parametrize("engine", ["prometheus", "vmagent"])
def test_metrics_arrive_through_the_proxy(tmp_path: Path, engine: str) -> None:
    """Prometheus sends to the remote outside through the proxy, and to one in `noProxy` and its targets directly."""
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
            "server": {"engine": engine, "remoteWrite": remotes},
        }
        log = tmp_path / "log"
        with prometheus(tmp_path, values):
            wait(lambda: far.samples and near.samples, log)
    assert proxy.hosts() == {"metrics.example.com"}


@pytest.mark.environment("private-ca", "node-logs")
@pytest.mark.parametrize("trusted", [True, False], ids=["ca-bundle", "public-cas"])
def test_cloudwatch_logs_behind_a_private_ca(tmp_path: Path, trusted: bool) -> None:
    """A proxy that inspects TLS has certificates of a private CA: the agent trusts them with `caBundle` only.

    No other request does. Without 169.254.169.254 in NO_PROXY, Fluent Bit would exit (flb_aws_imds_create of 5.1.1).
    """
    name = f"logs.{REGION}.amazonaws.com"
    group = "/aws/containerinsights/eks/application"
    with CloudWatchLogs(tmp_path / "pki", names=[name]) as api, Proxy({name: (HOST, api.port)}) as proxy:
        values: dict[str, Any] = {"proxy": {"httpProxy": proxy.url}}
        if trusted:
            values["caBundle"] = {"configMap": KEY}
        outputs = {"cloudwatch": {"enabled": True}}
        node = Node(tmp_path, 0, metadata={"from": "tag"}, outputs=outputs, values=values, ca=api.ca)
        try:
            node.write("web-1", "hello")
            node.wait(lambda: api.groups() if trusted else node.metric("fluentbit_output_retries_total"))
            if trusted:
                node.wait(lambda: api.messages(group))
            assert set(map(log_of, api.messages(group))) == ({"hello"} if trusted else set())
        finally:
            node.stop()
    assert proxy.hosts() == {name}


@pytest.mark.environment("proxy", "sidecar")
@pytest.mark.environment("private-ca", "sidecar")
def test_sidecar_behind_a_proxy_and_a_private_ca(sidecar: Callable[..., Sidecar], tmp_path: Path) -> None:
    """Lines reach a backend through the proxy, whose CA an output without one of its own trusts."""
    name = "logs.example.com"
    with JsonReceiver(tls=tmp_path / "pki", names=[name]) as far, JsonReceiver(host=ELSEWHERE) as near:
        routes = {name: (HOST, far.port)}
        with Proxy(routes) as proxy:
            outputs = {
                "stdout": {"enabled": False},
                "far": {"type": "http", "host": name},
                "near": {"type": "http", "host": ELSEWHERE, "port": near.port, "tls": {"enabled": False}},
            }
            egress = {"proxy": {"httpProxy": proxy.url, "noProxy": [ELSEWHERE]}, "caBundle": {"secret": KEY}}
            state = {"state": {"sizeLimit": "1Gi"}}
            started = sidecar({"outputs": outputs, "sidecar": state, **egress}, ca=far.ca)
            started.file.write_text("hello\n", encoding="utf-8")
            started.wait_for(lambda: bool(far.records and near.records))
        assert [record["log"] for record in (*far.records, *near.records)] == ["hello", "hello"]
        assert set(proxy.destinations) == {f"{name}:443"}


VENDORS: dict[str, tuple[Callable[..., Receiver], dict[str, Any]]] = {
    "datadog": (DatadogReceiver, {"apikey": KEY}),
    "loki": (LokiReceiver, {"port": 443}),
    "newrelic": (NewRelicReceiver, {"licenseKey": KEY}),
    "otlp": (OtlpReceiver, {"port": 443}),
    "otlp over gRPC": (OtlpGrpcReceiver, {"port": 443, "grpc": True}),
    "splunk": (SplunkReceiver, {"port": 443, "splunkToken": KEY}),
}


@pytest.mark.environment("proxy", "sidecar")
@pytest.mark.environment("private-ca", "sidecar")
@pytest.mark.parametrize("kind", VENDORS)
def test_vendors_behind_a_proxy_and_a_private_ca(sidecar: Callable[..., Sidecar], tmp_path: Path, kind: str) -> None:
    """Every plugin connects through the proxy, and trusts the CA of `caBundle`."""
    name = "logs.example.com"
    receiver, options = VENDORS[kind]
    place = {"baseUri": f"https://{name}/log/v1"} if kind == "newrelic" else {"host": name}
    keys = {f"OUTPUT_FAR__{option}": "key" for option in ("APIKEY", "LICENSE_KEY", "SPLUNK_TOKEN")}
    with receiver(tls=tmp_path / "pki", names=[name]) as far, Proxy({name: (HOST, far.port)}) as proxy:
        outputs = {"stdout": {"enabled": False}, "far": {"type": kind.split()[0], **place, **options}}
        egress = {"proxy": {"httpProxy": proxy.url}, "caBundle": {"secret": KEY}}
        started = sidecar({"outputs": outputs, **egress}, secrets=keys, ca=far.ca)
        started.file.write_text("hello\n", encoding="utf-8")
        started.wait_for(lambda: bool(far.records))
    assert [record["log"] for record in far.records] == ["hello"]
    assert set(proxy.destinations) == {f"{name}:443"}


@pytest.mark.parametrize(
    "output",
    [
        {"type": "forward", "host": "logs.example.com"},
        {"type": "custom", "plugin": "tcp", "options": {"host": "logs.example.com"}},
    ],
    ids=["forward", "tcp"],
)
def test_other_protocols_use_the_proxy(sidecar: Callable[..., Sidecar], output: dict[str, Any]) -> None:
    """Fluent Bit opens a tunnel for every TCP connection, whatever its protocol (flb_io_net_connect of 5.1.1)."""
    with socket.create_server((HOST, 0)) as backend:
        backend.settimeout(60)
        routes = {"logs.example.com": (HOST, backend.getsockname()[1])}
        with Proxy(routes) as proxy:
            outputs = {"stdout": {"enabled": False}, "far": {**output, "tls": {"enabled": False}}}
            started = sidecar({"outputs": outputs, "proxy": {"httpProxy": proxy.url}})
            started.file.write_text("hello\n", encoding="utf-8")
            connection, _ = backend.accept()
            with connection:
                connection.settimeout(60)
                received = b""
                while b"hello" not in received:
                    received += connection.recv(65536)
        assert proxy.hosts() == {"logs.example.com"}


@pytest.mark.environment("private-ca", "metrics")
@pytest.mark.parametrize("trusted", [True, False], ids=["ca-bundle", "public-cas"])
@pytest.mark.parametrize("engine", ["prometheus", "vmagent"])
def test_amp_behind_a_private_ca(tmp_path: Path, engine: str, trusted: bool) -> None:
    """Signed samples reach a workspace through a proxy that inspects TLS, with `caBundle` only."""
    name = f"aps-workspaces.{REGION}.amazonaws.com"
    with (
        RemoteWriteReceiver(region=REGION, tls=tmp_path / "pki", names=[name]) as amp,
        Proxy({name: (HOST, amp.port)}) as proxy,
    ):
        values: dict[str, Any] = {
            "proxy": {"httpProxy": proxy.url},
            "scrape": {"interval": "1s", "timeout": "1s", "allowList": {"enabled": False}},
            "server": {"engine": engine, "remoteWrite": [{"url": f"https://{name}{PATH}", "sigv4": {}}]},
        }
        if trusted:
            values["caBundle"] = {"configMap": KEY}
        log = tmp_path / "log"
        with prometheus(tmp_path, values, ca=amp.ca):
            wait(lambda: amp.samples if trusted else b"certificate signed by unknown" in log.read_bytes(), log)
        assert bool(amp.samples) is trusted and amp.unauthorized == 0
    assert proxy.hosts() == {name}


@pytest.mark.environment("proxy", "traces")
@pytest.mark.environment("private-ca", "traces")
@pytest.mark.parametrize("trusted", [True, False], ids=["ca-bundle", "public-cas"])
@pytest.mark.parametrize(("engine", "program"), [("xray-daemon", "xray"), ("otel", "aws-otel-collector")])
def test_traces_behind_a_proxy_and_a_private_ca(tmp_path: Path, engine: str, program: str, trusted: bool) -> None:
    """A signed segment reaches X-Ray through a proxy that inspects TLS, with `caBundle` only."""
    binary = machine_program(program)
    if binary is None:
        pytest.skip(f"needs {program} on PATH (or in ${variable_of(program)})")
    name = f"xray.{REGION}.amazonaws.com"
    with XRay(REGION, tls=tmp_path / "pki", names=[name]) as api, Proxy({name: (HOST, api.port)}) as proxy:
        values: dict[str, Any] = {
            "metrics": {"enabled": False},
            "cluster": {"region": REGION},
            "traces": {"enabled": True, "engine": engine},
            "proxy": {"httpProxy": proxy.url},
        }
        if trusted:
            values["caBundle"] = {"configMap": KEY}
        log, port = tmp_path / "log", free_port()
        with trace_agent(tmp_path, str(binary), values, port, ca=api.ca):
            trace = f"1-{int(time.time()):08x}-{'a' * 24}"

            def arrives() -> bool:
                send_segment(port, trace)
                return trace in api.segments() if trusted else b"x509" in log.read_bytes()

            wait(arrives, log)
        assert [*api.segments()] == ([trace] if trusted else []) and api.reasons == []
    assert proxy.hosts() == {name}


@pytest.mark.environment("proxy", "traces")
@pytest.mark.parametrize(("engine", "program"), [("xray-daemon", "xray"), ("otel", "aws-otel-collector")])
def test_traces_bypass_the_proxy_for_a_host_in_no_proxy(tmp_path: Path, engine: str, program: str) -> None:
    """With the VPC endpoint of X-Ray in `noProxy`, segments arrive without a request to the proxy.

    The chart leaves the proxy out of the pods of the X-Ray daemon, which ignores NO_PROXY. The ADOT Collector honors it
    (GetProxyFunc in internal/aws/awsutil/conn.go of opentelemetry-collector-contrib 0.156).
    """
    binary = machine_program(program)
    if binary is None:
        pytest.skip(f"needs {program} on PATH (or in ${variable_of(program)})")
    with XRay(REGION, host=ELSEWHERE, tls=tmp_path / "pki") as api, Proxy({}) as proxy:
        values: dict[str, Any] = {
            "metrics": {"enabled": False},
            "cluster": {"region": REGION},
            "traces": {"enabled": True, "engine": engine, "endpoint": api.url},
            "proxy": {"httpProxy": proxy.url, "noProxy": [ELSEWHERE, f"sts.{REGION}.amazonaws.com"]},
            "caBundle": {"configMap": KEY},
        }
        log, port = tmp_path / "log", free_port()
        with trace_agent(tmp_path, str(binary), values, port, ca=api.ca):
            trace = f"1-{int(time.time()):08x}-{'a' * 24}"

            def arrives() -> bool:
                send_segment(port, trace)
                return trace in api.segments()

            wait(arrives, log)
        assert api.reasons == [] and proxy.destinations == []


def send_segment(port: int, trace: str) -> None:
    """Send a segment to the UDP port of a trace agent, as an SDK of X-Ray does."""
    now = time.time()
    segment = {"name": "shop", "id": "b" * 16, "trace_id": trace, "start_time": now, "end_time": now}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b'{"format": "json", "version": 1}\n' + json.dumps(segment).encode(), (HOST, port))


@contextlib.contextmanager
def trace_agent(
    folder: Path,
    binary: str,
    values: dict[str, Any],
    port: int,
    *,
    ca: Path | None,
    credentials: Mapping[str, str] = CREDENTIALS,
) -> Iterator[None]:
    """Run the rendered trace agent with this port instead of 2000."""
    made = Helm().render(CHART, values=values)
    text = made.one("ConfigMap", component="traces")["data"]["config.yaml"]
    ports = {number: free_port() for number in (4317, 4318, 13133)} | {2000: port}
    for usual, own in ports.items():
        text = text.replace(f":{usual}", f":{own}")
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    [container] = made.containers("traces")
    arguments = [argument.replace(":2000", f":{port}") for argument in container["args"]]
    command = [binary, *(argument.replace("/etc/traces", str(folder)) for argument in arguments)]
    given = {"KUBERNETES_SERVICE_HOST": "10.100.0.1", **credentials}
    environment = {name: text.replace(BUNDLE, str(ca)) for name, text in expanded(container["env"], given).items()}
    with running(command, folder / "log", environment):
        yield


def log_of(message: str) -> str:
    """Return the line in a record."""
    line: str = json.loads(message)["log"]
    return line


@contextlib.contextmanager
def prometheus(
    folder: Path,
    values: dict[str, Any],
    *,
    ca: Path | None = None,
    credentials: Mapping[str, str] = CREDENTIALS,
) -> Iterator[None]:
    """Run the rendered Prometheus or vmagent, which scrapes itself, on an address that is in no NO_PROXY by itself."""
    engine = values["server"].get("engine", "prometheus")
    binary = built(engine)
    made = Helm().render(CHART, values=values)
    listen = f"127.0.0.7:{free_port('127.0.0.7')}"
    for name, text in made.texts("test-observability-stack-server").items():
        config = load_yaml(text)
        if name == "prometheus-0-0.yaml":
            config["scrape_configs"] = [{"job_name": "self", "static_configs": [{"targets": [listen]}]}]
        (folder / name).write_text(yaml.safe_dump(config), encoding="utf-8")
    [pod] = [pod for pod in made.pods() if str(pod).startswith("StatefulSet/")]
    [container] = pod.spec["containers"]
    places = {"/etc/prometheus/": f"{folder}/", "=/prometheus": f"={folder}/data", "=:9090": f"={listen}"}
    args = list(container["args"])
    for inside, outside in places.items():
        args = [one.replace(inside, outside) for one in args]
    given = {"KUBERNETES_SERVICE_HOST": "10.100.0.1", **credentials}
    env = expanded(container.get("env", []), given)
    environment = {name: text.replace(BUNDLE, str(ca)) for name, text in env.items()}
    with running([str(binary), *args], folder / "log", environment):
        yield
