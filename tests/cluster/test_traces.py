"""Traces on two real nodes, with an application on each, from the demo's request to X-Ray's API.

Without `xray` or `aws-otel-collector` on the machine, the agents cannot run. The path then ends at the Service's
endpoint on the application's node: a pod that prints the received traces.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Set
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.metrics import until
from cluster.stage import Stage, namespace, own_name
from harness.backends.aws import CREDENTIALS
from harness.backends.xray import XRay
from harness.clusters import Cluster, LocalCluster
from harness.images import machine_program, variable_of
from harness.render.helm import Helm
from harness.render.manifests import Object, load_yaml

pytestmark = [pytest.mark.cluster, pytest.mark.minutes(2), pytest.mark.environment("ipv4", "traces")]
CHART = Path("charts/observability-stack")
REGION = "eu-west-1"
NAME = "x-observability-stack-traces"
NOWHERE = {"traces": "nowhere"}
KEYS = [{"name": key, "value": value} for key, value in CREDENTIALS.items() if key != "AWS_REGION"]
ENGINES = {"xray-daemon": "xray", "otel": "aws-otel-collector"}
PRINTER = """\
import socket, sys
taker = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
taker.bind(("", 2000))
while True:
    print(taker.recv(65536).decode().partition("\\n")[2], flush=True)
"""
# One socket each: a Service selects an endpoint per socket, not per datagram.
SENDER = """\
import json, os, socket, sys, time
host, port = sys.argv[1].split(":")
for _ in range(int(sys.argv[2])):
    now = time.time()
    trace = f"1-{int(now):08x}-{os.urandom(12).hex()}"
    made = {"name": "sender", "id": os.urandom(8).hex(), "trace_id": trace, "start_time": now, "end_time": now}
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as sender:
        sender.sendto(b'{"format": "json", "version": 1}\\n' + json.dumps(made).encode(), address)
    print(trace, flush=True)
"""
ASKER = """\
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], b"{}", timeout=10).read().decode())
"""


@dataclass
class World:
    """A release with trace agents, and an application in another namespace, on every node.

    Attributes:
        release: the namespace of the release.
        apps: the namespace of the application.
    """

    release: Stage
    apps: Stage

    @property
    def address(self) -> str:
        return f"{NAME}.{self.release.namespace}:2000"

    def install(self, engine: str, **traces: Any) -> None:
        """Install the chart with an engine, or change the engine of the release."""
        chosen = {"enabled": True, "engine": engine, "extraEnv": KEYS, **traces}
        values = {"metrics": {"enabled": False}, "cluster": {"name": "shop", "region": REGION}, "traces": chosen}
        if "nodeSelector" in traces:
            # Without pods, so that their image is not needed.
            self.release.releases.append("x")
            self.release.helm.install(
                "x",
                CHART,
                namespace=self.release.namespace,
                kubeconfig=self.release.cluster.kubeconfig,
                values=values,
                wait=False,
            )
        else:
            self.release.install("x", values, chart=CHART)

    def trace(self, protocol: str, endpoint: str) -> None:
        """Configure the traces of the application, and wait until it sends them."""
        traces = {"protocol": protocol, "endpoint": endpoint, "service": "shop"}
        app = {"kind": "DaemonSet", "demo": {"traces": traces}}
        self.apps.install("x", {"app": app, "sidecar": {"enabled": False}})

    @contextmanager
    def printers(self) -> Iterator[None]:
        """Run a pod on each node that the Service selects, and that prints the received traces."""
        image = load_yaml(Path("charts/log-sidecar/values.yaml").read_text(encoding="utf-8"))["app"]["image"]
        name = f"{image['registry']}/{image['repository']}:{image['tag']}"
        self.release.load_images([name])
        [service] = self.release.get("services")
        box = {
            "name": "printer",
            "image": name,
            "command": ["python3", "-uBc", PRINTER],
            "ports": [{"name": "xray-udp", "containerPort": 2000, "protocol": "UDP"}],
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
        }
        user = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
        spec = {"containers": [box], "securityContext": user, "terminationGracePeriodSeconds": 0}
        labels = {**service["spec"]["selector"], "app": "printer"}
        daemonset = {
            "selector": {"matchLabels": {"app": "printer"}},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        }
        meta = {"name": "printer"}
        item = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": meta, "spec": daemonset}
        self.release.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(item))
        self.release.kubectl("rollout", "status", "daemonset/printer", "--timeout=90s")
        try:
            yield
        finally:
            self.release.kubectl("delete", "daemonset", "printer", "--wait=false")

    def printed(self) -> dict[str, Counter[str]]:
        """Return the number of deliveries of each trace at these pods, by node."""
        found = {}
        for node, [pod] in running(self.release, "app=printer").items():
            lines = self.release.kubectl("logs", pod["metadata"]["name"], "--tail=-1").splitlines()
            found[node] = Counter(json.loads(line)["trace_id"] for line in lines)
        return found

    def apps_by_node(self) -> dict[str, str]:
        """Return the names of the application's pods, by node."""
        return {node: pod["metadata"]["name"] for node, [pod] in running(self.apps).items()}

    def ask(self, node: str, requests: int) -> Counter[str]:
        """Request lines from the application on a node; return the number of lines per trace ID."""
        pod = self.apps_by_node()[node]
        url = f"/api/v1/namespaces/{self.apps.namespace}/pods/{pod}:5000/proxy/log?lines=3"
        lines = [line for _ in range(requests) for line in self.apps.kubectl("get", "--raw", url).splitlines()]
        return Counter(re.findall(r" trace_id=(\S+)$", "\n".join(lines), re.MULTILINE))

    def send(self, node: str, count: int) -> list[str]:
        """Send segments from the application's pod on a node; return their trace IDs."""
        sender = ("exec", self.apps_by_node()[node], "--", "python3", "-c", SENDER, self.address, str(count))
        return self.apps.kubectl(*sender).split()

    def send_until_one_is_printed(self, node: str, *, at: Set[str]) -> None:
        """Send traces from a node until one arrives at one of these nodes."""
        sent: set[str] = set()

        def arrived() -> bool:
            sent.update(self.send(node, 10))
            return any(sent & traces.keys() for there, traces in self.printed().items() if there in at)

        until(arrived, f"a trace of {node} on {', '.join(at)}")

    def use(self) -> dict[str, Counter[str]]:
        """Send traces of requests and others from every node; return them by node."""
        used = {}
        for node in self.apps_by_node():
            asked = self.ask(node, 5)
            assert set(asked.values()) == {3}
            used[node] = Counter([*asked, *self.send(node, 60)])
        return used

    def takers(self) -> dict[str, set[str]]:
        """Return the addresses of the trace agents, by node."""
        return {node: {pod["status"]["podIP"] for pod in pods} for node, pods in running(self.release).items()}

    def is_settled(self) -> bool:
        """Return whether each node has one trace agent, and its rules lead only to this one."""
        takers = {node: self.rules(node) for node in self.apps_by_node()}
        return takers == self.takers() and all(len(addresses) == 1 for addresses in takers.values())

    def rules(self, node: str) -> set[str]:
        """Return the endpoints in a node's rules for UDP 2000."""
        assert isinstance(self.release.cluster, LocalCluster)
        # The rules of the cluster's IP family; the other program prints none of this Service.
        saved = "".join(
            self.release.cluster.exec([program, "-t", "nat"], node=node).stdout
            for program in ("iptables-save", "ip6tables-save")
        )
        chain = re.search(rf"{self.release.namespace}/{NAME}:xray-udp cluster IP.* -j (KUBE-SV\S+)", saved)
        if not chain:
            return set()
        return set(re.findall(rf"^-A {chain[1]} .*:xray-udp -> \[?([^\s\]]+)\]?:2000", saved, re.MULTILINE))


def running(stage: Stage, selector: str = "") -> dict[str, list[Object]]:
    """Return the running pods of a namespace by node, without terminating pods."""
    found: dict[str, list[Object]] = {}
    for pod in stage.get("pods", selector):
        if pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]:
            found.setdefault(pod["spec"]["nodeName"], []).append(pod)
    return found


@pytest.fixture(scope="module")
def world(helm: Helm, chosen_cluster: Callable[..., Cluster]) -> Iterator[World]:
    """Two nodes, with the traced demo of log-sidecar on each."""
    with ExitStack() as stack:
        cluster = stack.enter_context(chosen_cluster(own_name("traces"), workers=1))
        stages = [Stage(cluster, f"t-traces-{name}", helm) for name in ("release", "apps")]
        labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
        for stage in stages:
            stack.enter_context(namespace(stage, labels))
        made = World(*stages)
        made.trace("xray", made.address)
        if len(made.apps_by_node()) < 2:
            pytest.skip("needs a cluster of two nodes")
        yield made


@pytest.fixture(scope="module")
def xray(world: World) -> Iterator[XRay]:
    """The destination of the release."""
    if not isinstance(world.release.cluster, LocalCluster):
        pytest.skip("needs CLUSTER=local, where X-Ray's stand-in sees which pod sends")
    address = world.release.cluster.host_address()
    assert address is not None
    with XRay(REGION, host=address) as made:
        yield made


def stored(xray: XRay) -> Counter[str]:
    """Return the number of segments of each trace in X-Ray, without subsegments."""
    return Counter(
        {
            trace: sum(document.get("type") != "subsegment" for document in documents)
            for trace, documents in xray.segments().items()
        }
    )


def test_traces_stay_on_their_node(world: World) -> None:
    """All traces of a node arrive at its own endpoint and none at another; without the traffic policy, some do."""
    world.install("xray-daemon", nodeSelector=NOWHERE)
    nodes = set(world.apps_by_node())
    with world.printers():
        for node in nodes:  # rules are updated a moment after the API
            world.send_until_one_is_printed(node, at={node})
        used = world.use()
        everything = sum(used.values(), Counter[str]())

        def arrived() -> dict[str, Counter[str]]:
            return {
                node: Counter({trace: times for trace, times in printed.items() if trace in everything})
                for node, printed in world.printed().items()
            }

        until(lambda: sum(arrived().values(), Counter[str]()) >= everything, "the traces")
        assert arrived() == used
        service = ("patch", "service", NAME, "--type=merge", "-p")
        world.release.kubectl(*service, '{"spec": {"internalTrafficPolicy": "Cluster"}}')
        for node in nodes:
            world.send_until_one_is_printed(node, at=nodes - {node})
        world.release.kubectl(*service, '{"spec": {"internalTrafficPolicy": "Local"}}')


@pytest.mark.parametrize("engine", ENGINES)
def test_a_request_leads_to_x_ray(world: World, xray: XRay, engine: str) -> None:
    """Each trace ID in a line is in X-Ray once, sent and signed by the agent on its node; the application continues."""
    if machine_program(ENGINES[engine]) is None:
        pytest.skip(f"needs {ENGINES[engine]} on PATH (or in ${variable_of(ENGINES[engine])})")
    started = world.apps_by_node()
    world.install(engine, endpoint=xray.url)
    until(world.is_settled, "one pod on each node, and rules that lead there")
    used = world.use()
    everything = sum(used.values(), Counter[str]())
    until(lambda: stored(xray) >= everything, "the traces")
    assert {trace: stored(xray)[trace] for trace in everything} == everything
    senders = {node: {sender for trace in traces for sender in xray.senders[trace]} for node, traces in used.items()}
    assert senders == world.takers()
    assert xray.reasons == []
    names = {document["name"] for documents in xray.segments().values() for document in documents}
    assert names == {"sender", "shop", *(["write"] if engine == "otel" else [])}
    asker = ("python3", "-c", ASKER, f"http://{world.address}/GetSamplingRules")
    for pod in started.values():
        rules = json.loads(world.apps.kubectl("exec", pod, "--", *asker))["SamplingRuleRecords"]
        assert [rule["SamplingRule"]["RuleName"] for rule in rules] == ["Default"]
    assert xray.reasons == []
    assert world.apps_by_node() == started


def test_spans_lead_to_x_ray(world: World, xray: XRay) -> None:
    """With OTLP, the demo's traces are in X-Ray with the IDs in its lines, sent by the agent on their node."""
    world.install("otel", endpoint=xray.url)
    world.trace("otlp", f"http://{world.address.replace(':2000', ':4318')}")
    until(world.is_settled, "one pod on each node, and rules that lead there")
    asked = {node: world.ask(node, 5) for node in world.apps_by_node()}
    everything = sum(asked.values(), Counter[str]())
    until(lambda: stored(xray).keys() >= everything.keys(), "the traces")
    assert {
        node: {sender for trace in asked[node] for sender in xray.senders[trace]} for node in asked
    } == world.takers()
    assert xray.reasons == []
