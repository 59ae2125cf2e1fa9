"""Traces on a real node, from the demo's request to X-Ray's API; two other nodes, simulated, would take them as well.

Where a machine has no `xray` or `aws-otel-collector`, what takes traces there cannot run, and the way ends at the
Service's endpoint on the application's node: a pod that prints what it is sent.
"""

import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.stage import Stage, namespace, own_name
from harness.aws import CREDENTIALS
from harness.clusters import LocalCluster
from harness.helm import Helm
from harness.image_recipe import machine_program, variable_of
from harness.xray import XRay

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a local cluster needs Linux and root"),
]
CHART = Path("charts/observability-stack")
REGION = "eu-west-1"
NAME = "x-observability-stack-traces"
ELSEWHERE = {"traces": "elsewhere"}
KEYS = [{"name": key, "value": value} for key, value in CREDENTIALS.items() if key != "AWS_REGION"]
ENGINES = {"xray-daemon": "xray", "otel": "aws-otel-collector"}
PRINTER = """\
import socket, sys
taker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
taker.bind(("", 2000))
while True:
    print(taker.recv(65536).decode().partition("\\n")[2], flush=True)
"""
# Each from a socket of its own: a Service chooses an endpoint for a socket, not for a datagram.
SENDER = """\
import json, os, socket, sys, time
host, port = sys.argv[1].split(":")
for _ in range(int(sys.argv[2])):
    now = time.time()
    trace = f"1-{int(now):08x}-{os.urandom(12).hex()}"
    made = {"name": "sender", "id": os.urandom(8).hex(), "trace_id": trace, "start_time": now, "end_time": now}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b'{"format": "json", "version": 1}\\n' + json.dumps(made).encode(), (host, int(port)))
    print(trace, flush=True)
    time.sleep(float(sys.argv[3]))
"""
ASKER = """\
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], b"{}", timeout=10).read().decode())
"""


@dataclass
class World:
    """A release that takes traces, an application in another namespace, and X-Ray.

    Attributes:
        release: the namespace of the release.
        apps: the namespace of the application.
        xray: what the release sends to.
    """

    release: Stage
    apps: Stage
    xray: XRay

    @property
    def address(self) -> str:
        return f"{NAME}.{self.release.namespace}:2000"

    def install(self, engine: str, **traces: Any) -> None:
        """Install the chart with an engine, or change the engine of its release."""
        chosen = {"enabled": True, "engine": engine, "endpoint": self.xray.url, "extraEnv": KEYS, **traces}
        values = {"metrics": {"enabled": False}, "cluster": {"name": "shop", "region": REGION}, "traces": chosen}
        if "nodeSelector" in traces:
            # Its pods pretend to run: their image is never asked for.
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
        """Let the application send its traces so, and wait until it does."""
        traces = {"protocol": protocol, "endpoint": endpoint, "service": "shop"}
        self.apps.install("x", {"app": {"demo": {"traces": traces}}, "sidecar": {"enabled": False}})

    def print_what_arrives(self) -> None:
        """Run a pod on the real node that the Service takes for one of the release."""
        image = yaml.safe_load(Path("charts/log-sidecar/values.yaml").read_text(encoding="utf-8"))["app"]["image"]
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
        # A pod without an owner would be taken, and deleted, by the DaemonSet whose labels it has.
        deployment = {
            "selector": {"matchLabels": {"app": "printer"}},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        }
        meta = {"name": "printer"}
        item = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": deployment}
        self.release.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(item))

    def printed(self) -> Counter[str]:
        """Return how often each trace arrived at that pod."""
        lines = self.release.kubectl("logs", "deploy/printer", "--tail=-1").splitlines()
        return Counter(json.loads(line)["trace_id"] for line in lines)

    def stored(self) -> Counter[str]:
        """Return how many segments of each trace X-Ray has, without the steps below them."""
        return Counter(
            {
                trace: sum(document.get("type") != "subsegment" for document in documents)
                for trace, documents in self.xray.segments().items()
            }
        )

    def ask(self, requests: int) -> dict[str, int]:
        """Ask the application for lines; return how many of them name each trace."""
        url = f"/api/v1/namespaces/{self.apps.namespace}/services/x-log-sidecar:http/proxy/log?lines=3"
        lines = [line for _ in range(requests) for line in self.apps.kubectl("get", "--raw", url).splitlines()]
        return Counter(re.findall(r" trace_id=(\S+)$", "\n".join(lines), re.MULTILINE))

    def send(self, count: int, pause: float = 0.0) -> list[str]:
        """Send segments from the application's pod; return their traces."""
        sender = ("exec", "deploy/x-log-sidecar", "--", "python3", "-c", SENDER, self.address, str(count), str(pause))
        return self.apps.kubectl(*sender).split()

    def pods(self) -> dict[str, str]:
        """Return the addresses of the ready endpoints by their node."""
        slices = self.release.get("endpointslices", f"kubernetes.io/service-name={NAME}")
        return {
            point["nodeName"]: point["addresses"][0]
            for part in slices
            for point in part["endpoints"]
            if point["conditions"]["ready"]
        }

    def rules(self) -> set[str]:
        """Return where the node's rules send what comes for UDP 2000."""
        assert isinstance(self.release.cluster, LocalCluster)
        saved = self.release.cluster.exec(["iptables-save", "-t", "nat"]).stdout
        chain = re.search(rf"{self.release.namespace}/{NAME}:xray-udp cluster IP.* -j (KUBE-SV\S+)", saved)
        return set(re.findall(rf"^-A {chain[1]} .*:xray-udp -> (\S+):2000", saved, re.MULTILINE)) if chain else set()


@pytest.fixture(scope="module")
def world(helm: Helm) -> Iterator[World]:
    """Three nodes, of which one is real, and on it the demo of log-sidecar, which is traced."""
    with ExitStack() as stack:
        cluster = stack.enter_context(LocalCluster(own_name("traces")))
        cluster.add_fake_nodes(2, ELSEWHERE, prefix="other")
        address = cluster.host_address()
        assert address is not None
        stages = [Stage(cluster, f"t-traces-{name}", helm) for name in ("release", "apps")]
        labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
        for stage in stages:
            stack.enter_context(namespace(stage, labels))
        made = World(*stages, stack.enter_context(XRay(REGION, host=address)))
        made.trace("xray", made.address)
        yield made


def until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.3)


def test_traces_stay_on_their_node(world: World) -> None:
    """What an application sends arrives at the endpoint of its own node, all of it; without the policy, a third."""
    world.install("xray-daemon", nodeSelector=ELSEWHERE)
    world.print_what_arrives()
    until(lambda: len(world.pods()) == 3, "an endpoint on each node")
    here = world.pods()[world.release.cluster.name]
    until(lambda: world.rules() == {here}, "the node's rules to know its endpoint")
    asked, sent = world.ask(10), world.send(60)
    assert set(asked.values()) == {3}
    expected = Counter([*asked, *sent])
    until(lambda: world.printed() >= expected, "the traces")
    assert world.printed() == expected
    service = ("patch", "service", NAME, "--type=merge", "-p")
    world.release.kubectl(*service, '{"spec": {"internalTrafficPolicy": "Cluster"}}')
    until(lambda: world.rules() == set(world.pods().values()), "the rules to know all endpoints")
    strayed = world.send(60)
    world.release.kubectl(*service, '{"spec": {"internalTrafficPolicy": "Local"}}')
    until(lambda: world.rules() == {here}, "the rules to be as they were")
    last = world.send(1)
    until(lambda: world.printed()[last[0]], "the last trace")
    assert 0 < sum(world.printed()[trace] for trace in strayed) < 45
    world.release.kubectl("delete", "deployment", "printer", "--wait=false")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_request_leads_to_x_ray(world: World, engine: str) -> None:
    """Each trace that a line names is in X-Ray, once, signed for; the application, not touched, outlives the engine."""
    if machine_program(ENGINES[engine]) is None:
        pytest.skip(f"needs {ENGINES[engine]} on PATH (or in ${variable_of(ENGINES[engine])})")
    started = [pod["metadata"]["name"] for pod in world.apps.get("pods")]
    world.install(engine)
    until(lambda: len(world.pods()) == 3, "an endpoint on each node")
    here = world.pods()[world.release.cluster.name]
    until(lambda: world.rules() == {here}, "the node's rules to know its endpoint")
    asked, sent = world.ask(10), world.send(100)
    expected = Counter([*asked, *sent])
    until(lambda: world.stored() >= expected, "the traces")
    assert {trace: world.stored()[trace] for trace in expected} == expected
    assert world.xray.reasons == []
    names = {document["name"] for trace in asked for document in world.xray.segments()[trace]}
    assert names == {"shop", "write"} if engine == "otel" else {"shop"}
    rules = world.apps.kubectl(
        "exec", "deploy/x-log-sidecar", "--", "python3", "-c", ASKER, f"http://{world.address}/GetSamplingRules"
    )
    assert json.loads(rules)["SamplingRuleRecords"][0]["SamplingRule"]["RuleName"] == "Default"
    assert world.xray.reasons == []
    assert [pod["metadata"]["name"] for pod in world.apps.get("pods")] == started


def test_spans_lead_to_x_ray(world: World) -> None:
    """By OTLP the demo's traces are in X-Ray under the ids that its lines name."""
    world.install("otel")
    world.trace("otlp", f"http://{world.address.replace(':2000', ':4318')}")
    asked = world.ask(10)
    assert asked
    until(lambda: world.stored().keys() >= asked.keys(), "the traces")
    assert world.xray.reasons == []
