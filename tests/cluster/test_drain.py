"""Nodes that are cordoned and drained, and then stop: the log agent ends last and delivers what they wrote.

Karpenter itself does not run here. The test does to pods what it does: it adds its taint, and deletes the pods of each
group with their grace period after the previous group is gone.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cluster.metrics import CHART, apply, until
from cluster.pods import PYTHON
from cluster.stage import Stage, namespace, own_name
from harness.backends.receivers import JsonReceiver
from harness.clusters import LocalCluster
from harness.clusters.local.config import Options
from harness.render.helm import Helm

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.minutes(2),
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a local cluster needs Linux and root"),
]
DISRUPTED = "karpenter.sh/disrupted"
AGENT = "app.kubernetes.io/component=logs"
LINES = 20_000
LAST = 300
# Prints lines, and more at SIGTERM, as an application does that is evicted.
WRITER = f"""\
import signal, sys
def end(*_):
    for number in range({LINES}, {LINES + LAST}):
        print(f"line {{number:06}} " + "x" * 500, flush=True)
    sys.exit()
signal.signal(signal.SIGTERM, end)
for number in range({LINES}):
    print(f"line {{number:06}} " + "x" * 500, flush=True)
open("/tmp/written", "w").close()
signal.pause()
"""


@dataclass
class Nodes:
    """A release that collects logs from two nodes, and its backend."""

    stage: Stage
    backend: JsonReceiver

    def run(self, name: str, node: str) -> None:
        """Start an application on a node; it is ready when it has written its lines."""
        written = {"exec": {"command": ["test", "-e", "/tmp/written"]}, "periodSeconds": 1}
        box = {"name": "app", "image": PYTHON, "command": ["python3", "-c", WRITER], "readinessProbe": written}
        spec = {"nodeName": node, "terminationGracePeriodSeconds": 10, "containers": [box]}
        apply(self.stage, [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}])

    def arrived(self, name: str) -> Counter[str]:
        """Return the copies of each line of an application."""
        records = [one for one in [*self.backend.records] if one.get("kubernetes", {}).get("pod_name") == name]
        return Counter(record["log"][:11] for record in records)

    def agents(self) -> dict[str, dict[str, Any]]:
        """Return the agents by node."""
        return {pod["spec"]["nodeName"]: pod for pod in self.stage.get("pods", AGENT)}

    def drain(self, node: str, application: str) -> None:
        """Cordon a node, add Karpenter's taint, and evict the application, then the agent."""
        self.stage.kubectl("cordon", node)
        self.stage.kubectl("taint", "node", node, f"{DISRUPTED}:NoSchedule")
        agent = self.agents()[node]["metadata"]["name"]
        self.stage.kubectl("delete", "pod", application, "--wait=true")
        self.backend.heal()
        self.stage.kubectl("delete", "pod", agent, "--wait=true")


@pytest.fixture(scope="module")
def nodes(helm: Helm) -> Iterator[Nodes]:
    """Two real nodes, each with an agent."""
    with LocalCluster(own_name("drain"), Options(workers=1)) as cluster:
        stage = Stage(cluster, "t-drain", helm)
        address = cluster.host_address()
        assert address is not None
        with namespace(stage), JsonReceiver(host=address) as backend:
            stage.load_images([PYTHON])
            output = {"type": "http", "host": address, "port": backend.port, "tls": {"enabled": False}}
            values: dict[str, Any] = {
                "metrics": {"enabled": False},
                "logs": {
                    "enabled": True,
                    "metadata": {"from": "tag"},
                    "dataplane": {"enabled": False},
                    "host": {"enabled": False},
                },
                "outputs": {"cloudwatch": {"enabled": False}, "backend": output},
            }
            stage.install("l", values, chart=CHART)
            yield Nodes(stage, backend)


def test_node_is_drained_and_returns(nodes: Nodes) -> None:
    """Each line arrives once: those of a drained node, also the last of a pod, and those after the node returned."""
    names = [item["metadata"]["name"] for item in nodes.stage.get("nodes")]
    assert sorted(nodes.agents()) == sorted(names) and len(names) == 2
    worker = next(name for name in names if name != nodes.stage.cluster.name)
    nodes.backend.fail("503")
    nodes.run("web-1", worker)
    until(lambda: nodes.backend.failed.get("503"), "a failed request")
    nodes.stage.kubectl("wait", "--for=condition=Ready", "pod/web-1", "--timeout=100s")
    nodes.drain(worker, "web-1")
    assert nodes.arrived("web-1") == Counter(f"line {number:06}" for number in range(LINES + LAST))
    # The taint keeps the DaemonSet from starting another agent, and the other node keeps its own.
    assert [*nodes.agents()] == [nodes.stage.cluster.name]
    [desired] = [item["status"]["desiredNumberScheduled"] for item in nodes.stage.get("daemonsets")]
    assert desired == 1
    nodes.stage.kubectl("taint", "node", worker, f"{DISRUPTED}:NoSchedule-")
    nodes.stage.kubectl("uncordon", worker)
    nodes.run("web-2", worker)
    until(lambda: len(nodes.arrived("web-2")) == LINES, "the lines of the next application")
    arrived = {name: nodes.arrived(name).total() for name in ("web-1", "web-2")}
    log = nodes.stage.kubectl("logs", nodes.agents()[worker]["metadata"]["name"])
    assert arrived == {"web-1": LINES + LAST, "web-2": LINES}, log
