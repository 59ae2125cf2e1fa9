"""The NetworkPolicies of observability-stack where they are enforced: kube-router's firewall on a real node.

The chart's policies decide which clients reach each port of each pod. A program that listens on the same ports replaces
the trace agents and the CloudWatch agent; all other programs are real. The tests use one release, in this order.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from cluster.metrics import CHART, PROBES, apply, until
from cluster.pods import PYTHON
from cluster.stage import Stage, namespace, own_name
from harness import tools
from harness.backends.aws import CREDENTIALS, REGION, CloudWatchLogs
from harness.clusters import LocalCluster
from harness.clusters.local import layout
from harness.images import machine_program, variable_of
from harness.render.helm import Helm

ROUTER = "kube-router"
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.minutes(1.5),
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a local cluster needs Linux and root"),
    pytest.mark.skipif(
        machine_program(ROUTER) is None, reason=f"needs {ROUTER} on PATH (or in ${variable_of(ROUTER)})"
    ),
]
RELEASE = "n"
# The endpoint option has no port; Fluent Bit trusts /etc/ssl/certs/ca-bundle.crt.
HTTPS = 443
# Namespaces of the clients: the release's own, one that the values name, and one that they do not.
OWN, FRIEND, STRANGER = "t-policies", "t-friend", "t-stranger"
FRIENDS = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": FRIEND}}}]
STOOD_IN = ("traces", "container-insights")
EVERYBODY, NOBODY = {OWN, FRIEND, STRANGER}, set[str]()
# By component and port; probes and scrapes are additional.
ANSWERS = {
    "server/http": NOBODY,
    "kube-state-metrics/http": NOBODY,
    "kube-state-metrics/telemetry": NOBODY,
    "node-exporter/http": NOBODY,
    "alertmanager/http": NOBODY,
    "pushgateway/http": EVERYBODY,
    "blackbox-exporter/http": NOBODY,
    "logs/http": NOBODY,
    "events/http": NOBODY,
    "traces/xray-udp": EVERYBODY,
    "traces/xray-tcp": {OWN},
    "traces/otlp-grpc": EVERYBODY,
    "traces/otlp-http": EVERYBODY,
    "traces/health": NOBODY,
    "container-insights/otlp-grpc": EVERYBODY,
    "container-insights/otlp-http": EVERYBODY,
    "container-insights/xray-proxy": {OWN},
    "container-insights/health": NOBODY,
}
# Ports with configurable peers; only the Pushgateway is open without one, and closed to others with one.
NAMED_PARTS = ("server", "alertmanager", "blackbox-exporter", "pushgateway", "logs", "events")
NAMED = {f"{part}/http": {FRIEND} for part in NAMED_PARTS}
NAMED |= {f"{part}/{port}": {OWN, FRIEND} for part, port in zip(STOOD_IN, ("xray-tcp", "xray-proxy"), strict=True)}
STAND_IN = """\
import socket, socketserver, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        self.request[1].sendto(self.request[0], self.client_address)

ThreadingHTTPServer.address_family = socketserver.ThreadingUDPServer.address_family = socket.AF_INET6
makes = {"TCP": (ThreadingHTTPServer, Page), "UDP": (socketserver.ThreadingUDPServer, Echo)}
for place in sys.argv[1].split(","):
    port, protocol = place.split("/")
    server, handler = makes[protocol]
    threading.Thread(target=server(("", int(port)), handler).serve_forever).start()
"""
ASKER = """\
import socket, sys
from concurrent.futures import ThreadPoolExecutor

def answers(place):
    host, port, protocol = place.split("/")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, type={"TCP": socket.SOCK_STREAM, "UDP": socket.SOCK_DGRAM}[protocol]) as asks:
        asks.settimeout(1.5)
        try:
            asks.connect((host, int(port)))
            if protocol == "UDP":
                asks.send(b"?")
                asks.recv(1)
        except OSError:
            return False
    return True

with ThreadPoolExecutor(32) as pool:
    for place, answered in zip(sys.argv[1:], pool.map(answers, sys.argv[1:])):
        if answered:
            print(place)
"""


@dataclass
class World:
    """A release, and client pods that must not reach it.

    Attributes:
        stage: the namespace of the release.
        api: the destination of logs and events.
    """

    stage: Stage
    api: CloudWatchLogs

    def install(self, *, peers: list[dict[str, Any]], enabled: bool = True) -> None:
        """Install or upgrade the release with all parts."""
        registry, _, rest = PYTHON.partition("/")
        repository, _, tag = rest.rpartition(":")
        image = {"registry": registry, "repository": repository, "tag": tag}
        named = {"networkPolicy": {"from": peers}}
        proxied = {"networkPolicy": {"proxyFrom": peers}}
        trusted = {
            "extraEnv": [{"name": name, "value": value} for name, value in CREDENTIALS.items()],
            "extraVolumes": [{"name": "authority", "configMap": {"name": "authority"}}],
            "extraVolumeMounts": [{"name": "authority", "mountPath": "/etc/ssl/certs", "readOnly": True}],
        }
        sends = {"output": {"endpoint": self.api.host}, "metadata": {"insecureSkipVerify": True}}
        values = {
            "cluster": {"name": "shop", "region": REGION},
            "networkPolicy": {"enabled": enabled},
            "server": {"mode": "server", "persistence": {"type": "emptyDir"}, **named},
            "scrape": {"interval": "3s", "timeout": "3s", "kubelet": {"insecureSkipVerify": True}},
            "nodeExporter": {"hostNetwork": False},
            "alertmanager": {"enabled": True, **named},
            "blackboxExporter": {**PROBES, **named},
            "pushgateway": {"enabled": True, **named},
            "logs": {"enabled": True, **sends, **trusted, **named},
            "events": {"enabled": True, **trusted, **named},
            "traces": {"enabled": True, "engine": "otel", "otel": {"image": image}, **proxied},
            "containerInsights": {
                "enabled": True,
                "image": image,
                "applicationSignals": {"enabled": True},
                **proxied,
            },
        }
        self.stage.install(RELEASE, values, chart=CHART, wait=False)

    def stand_in(self, component: str) -> None:
        """Make a DaemonSet run a program that listens on all of its ports."""
        name = f"daemonset/{RELEASE}-{CHART.name}-{component}"
        [box] = json.loads(self.stage.kubectl("get", name, "-o", "json"))["spec"]["template"]["spec"]["containers"]
        ports = ",".join(f"{port['containerPort']}/{port['protocol']}" for port in box["ports"])
        changed = {"name": box["name"], "command": ["python3", "-uBc", STAND_IN, ports]}
        patch = {"spec": {"template": {"spec": {"containers": [changed]}}}}
        self.stage.kubectl("patch", name, "--patch", json.dumps(patch))

    def ports(self) -> dict[str, str]:
        """Return address, port and protocol of every port, by component and name."""
        return {
            f"{pod['metadata']['labels']['app.kubernetes.io/component']}/{port['name']}": "/".join(
                (pod["status"]["podIP"], str(port["containerPort"]), port["protocol"])
            )
            for pod in self.stage.get("pods", f"app.kubernetes.io/instance={RELEASE}")
            for box in pod["spec"]["containers"]
            for port in box["ports"]
        }

    def ask(self, space: str, *places: str) -> set[str]:
        """Return the ports that a pod of a namespace reaches."""
        command = ("exec", "--namespace", space, "asker", "--", "python3", "-c", ASKER)
        return set(self.stage.kubectl(*command, *places).split())

    def answers(self) -> dict[str, set[str]]:
        """Return the namespaces that reach each port."""
        ports = self.ports()
        with ThreadPoolExecutor() as pool:
            got = dict(zip(EVERYBODY, pool.map(lambda space: self.ask(space, *ports.values()), EVERYBODY), strict=True))
        return {name: {space for space in EVERYBODY if place in got[space]} for name, place in ports.items()}

    def query(self, path: str) -> Any:
        """Query Prometheus' API from the node."""
        url = f"/api/v1/namespaces/{OWN}/services/{RELEASE}-{CHART.name}-server:http/proxy/api/v1/{path}"
        return json.loads(self.stage.kubectl("get", "--raw", url))["data"]

    def settled(self, wanted: dict[str, set[str]]) -> dict[str, set[str]]:
        """Return the answers once they are as expected, or after a timeout."""
        deadline = time.monotonic() + 20
        while (found := self.answers()) != wanted and time.monotonic() < deadline:
            time.sleep(0.5)
        return found


def enforce(stage: Stage) -> None:
    """Enforce NetworkPolicies on the node."""
    cluster = stage.cluster
    assert isinstance(cluster, LocalCluster)
    plan = layout.find(cluster.name)
    assert plan is not None, "the cluster is up"
    # It identifies pods by the address range of the node.
    pods = str(plan.first.pods[0])
    stage.kubectl("patch", "node", cluster.name, "--patch", json.dumps({"spec": {"podCIDR": pods, "podCIDRs": [pods]}}))
    tools.install_debian(["ipset"])
    options = ("--run-firewall", "--run-router=false", "--run-service-proxy=false", "--enable-cni=false")
    command = f'"$@" > {cluster.root}/log/{ROUTER}.log 2>&1 &'
    shell = ("sh", "-c", command, "sh", str(machine_program(ROUTER)), f"--hostname-override={cluster.name}")
    done = cluster.exec([*shell, f"--kubeconfig={cluster.kubeconfig}", *options])
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def world(helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The chart with all parts and strict policies, and a client pod in each namespace."""
    folder = tmp_path_factory.mktemp("policies")
    with LocalCluster(own_name("policies")) as cluster:
        stage = Stage(cluster, OWN, helm)
        address = cluster.host_address()
        assert address is not None
        enforce(stage)
        with namespace(stage), CloudWatchLogs(folder / "pki", host=address, port=HTTPS) as api:
            authority = {"ca-bundle.crt": api.ca.read_text(encoding="ascii")}
            config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "authority"}, "data": authority}
            apply(stage, [config])
            made = World(stage, api)
            made.install(peers=[])
            for component in STOOD_IN:
                made.stand_in(component)
            for space in (FRIEND, STRANGER):
                stage.kubectl("create", "namespace", space)
            box = {"name": "asker", "image": PYTHON, "command": ["sleep", "3600"]}
            spec = {"containers": [box], "terminationGracePeriodSeconds": 0}
            for space in EVERYBODY:
                meta = {"name": "asker", "namespace": space}
                apply(
                    Stage(cluster, space, helm), [{"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}]
                )
                stage.kubectl("wait", "--namespace", space, "--for=condition=ready", "pod/asker")
            for item in stage.get("daemonsets,deployments,statefulsets", f"app.kubernetes.io/instance={RELEASE}"):
                stage.kubectl("rollout", "status", f"{item['kind']}/{item['metadata']['name']}", "--timeout=60s")
            yield made


def test_ports_answer_to_whom_they_should(world: World) -> None:
    """Each port admits only its clients; the probes of all pods, from the node, succeed."""
    assert world.settled(ANSWERS) == ANSWERS
    ports = world.ports()
    assert isinstance(world.stage.cluster, LocalCluster)
    node = world.stage.cluster.exec([sys.executable, "-c", ASKER, *ports.values()])
    assert set(node.stdout.split()) == set(ports.values()), "each port is one that listens"


def test_release_does_its_job(world: World) -> None:
    """With strict policies, all targets are scraped, alerts and records are sent, and traces arrive."""
    targets = "targets?state=active"
    until(lambda: {one["health"] for one in world.query(targets)["activeTargets"]} == {"up"}, "all targets to be up")
    jobs = {one["labels"]["job"] for one in world.query(targets)["activeTargets"]}
    assert jobs == {
        *("kubelet", "cadvisor", "apiserver", "node-exporter", "kube-state-metrics"),
        *("prometheus", "alertmanager", "pushgateway", "pods", "probes"),
    }
    assert len(world.query("alertmanagers")["activeAlertmanagers"]) == 1

    def records(group: str) -> list[dict[str, Any]]:
        return [json.loads(message) for message in world.api.messages(f"/aws/containerinsights/shop/{group}")]

    def enriched() -> list[dict[str, Any]]:
        return [one for one in records("application") if "pod_id" in one.get("kubernetes", {})]

    until(enriched, "a record with what the kubelet knows of its pod")
    until(lambda: records("events"), "an event from the API server")
    service = f"{RELEASE}-{CHART.name}-traces.{OWN}"
    places = {f"{service}/{place}" for place in ("2000/UDP", "4317/TCP", "4318/TCP", "2000/TCP")}
    assert world.ask(STRANGER, *places) == places - {f"{service}/2000/TCP"}


def test_peers_that_are_named_are_let_in(world: World) -> None:
    """Values open the named ports to the named peers only, without restarting a pod."""
    started = {pod["metadata"]["uid"] for pod in world.stage.get("pods")}
    world.install(peers=FRIENDS)
    assert world.settled(ANSWERS | NAMED) == ANSWERS | NAMED
    assert {pod["metadata"]["uid"] for pod in world.stage.get("pods")} == started


def test_without_policies_all_is_open(world: World) -> None:
    """`networkPolicy.enabled: false` removes all policies, and the ports are open."""
    world.install(peers=[], enabled=False)
    assert world.settled(dict.fromkeys(ANSWERS, EVERYBODY)) == dict.fromkeys(ANSWERS, EVERYBODY)
