"""Kubernetes events of a real cluster: the reason of an eviction arrives, and a failed collector loses none.

The tests use one release, in this order.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from cluster.metrics import BUSYBOX, CHART, apply, until, volume
from cluster.stage import Stage, namespace
from harness.backends.aws import CREDENTIALS, REGION, CloudWatchLogs
from harness.clusters import Cluster
from harness.render.helm import Helm

pytestmark = [pytest.mark.cluster, pytest.mark.environment("ipv4", "events")]
GROUP = "/aws/containerinsights/shop/events"
POD = "app.kubernetes.io/component=events"
# The endpoint option has no port; Fluent Bit trusts /etc/ssl/certs/ca-bundle.crt.
HTTPS = 443


@dataclass
class Events:
    """A release that collects events, and the received events.

    Attributes:
        stage: the namespace of the release and of the created events.
        api: the destination of the events.
        made: names of the created events.
    """

    stage: Stage
    api: CloudWatchLogs
    made: list[str] = field(default_factory=list)

    def install(self, **events: Any) -> None:
        """Install or upgrade the release."""
        values = {
            "metrics": {"enabled": False},
            "cluster": {"name": "shop", "region": REGION},
            "outputs": {"cloudwatch": {"endpoint": self.api.host}},
            "events": {
                "enabled": True,
                "extraEnv": [{"name": name, "value": value} for name, value in CREDENTIALS.items()],
                "extraVolumes": [{"name": "authority", "configMap": {"name": "authority"}}],
                "extraVolumeMounts": [{"name": "authority", "mountPath": "/etc/ssl/certs", "readOnly": True}],
                **events,
            },
        }
        self.stage.install("e", values, chart=CHART)

    def make(self, count: int) -> None:
        """Create events, as a controller does."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        names = [f"made-{len(self.made) + number}" for number in range(count)]
        involved = {"apiVersion": "v1", "kind": "Pod", "name": "x", "namespace": self.stage.namespace}
        times = {"firstTimestamp": now, "lastTimestamp": now, "count": 1, "type": "Normal"}
        common = {"apiVersion": "v1", "kind": "Event", "involvedObject": involved, **times}
        items = [{**common, "metadata": {"name": name}, "reason": "Made", "message": name} for name in names]
        self.stage.kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        self.made += names

    def records(self) -> list[dict[str, Any]]:
        """Return the received events of this namespace."""
        found = [json.loads(message) for message in self.api.messages(GROUP)]
        return [record for record in found if record["metadata"]["namespace"] == self.stage.namespace]

    def arrived(self) -> Counter[str]:
        """Return the number of deliveries of each created event."""
        return Counter(record["message"] for record in self.records() if record["reason"] == "Made")

    def pod(self) -> dict[str, Any]:
        """Return the collector pod."""
        [pod] = self.stage.get("pods", POD)
        return pod


def greedy() -> dict[str, Any]:
    """A pod that exceeds its ephemeral storage, so that the kubelet evicts it."""
    box = {
        "name": "box",
        "image": BUSYBOX,
        "command": ["sh", "-c", "dd if=/dev/zero of=/scratch/file bs=1M count=8; sleep 600"],
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    }
    spec = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        "containers": [box],
        "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "1Mi"}}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "greedy"}, "spec": spec}


@pytest.fixture(scope="module")
def events(kube_stage_cluster: Cluster, helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Events]:
    """The chart with only the event collector, in its own namespace."""
    address = kube_stage_cluster.host_address()
    if address is None:
        pytest.skip("needs a cluster whose pods reach this machine (local or kind)")
    folder = tmp_path_factory.mktemp("events")
    stage = Stage(kube_stage_cluster, "t-events", helm)
    with namespace(stage), CloudWatchLogs(folder / "pki", host=address, port=HTTPS) as api:
        stage.load_images([BUSYBOX])
        local = kube_stage_cluster.type == "local"
        authority = {"ca-bundle.crt": api.ca.read_text(encoding="ascii")}
        apply(
            stage,
            [
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "authority"}, "data": authority},
                # The kubelet checks at intervals of half a minute and more.
                greedy(),
                *([volume(stage, folder / "claim")] if local else []),
            ],
        )
        made = Events(stage, api)
        made.make(3)
        made.install(persistence={"type": "persistentVolumeClaim"})
        yield made
        stage.uninstall("e")
        if local:
            stage.kubectl("delete", "persistentvolume", stage.namespace, "--wait=false")


def test_events_from_before_the_start_arrive(events: Events) -> None:
    """Events during an absence of the collector are not lost."""
    until(lambda: len(events.arrived()) == len(events.made), "the events that were there before")
    assert events.arrived() == Counter(events.made)


def test_restart_and_outage_lose_and_double_none(events: Events) -> None:
    """The collector is killed during a backend outage, with hundreds of buffered events; each arrives once."""
    events.api.fail("503")
    events.make(150)
    [status] = events.pod()["status"]["containerStatuses"]
    events.stage.cluster.kill_container(status["containerID"])
    events.make(150)
    until(lambda: events.pod()["status"]["containerStatuses"][0]["restartCount"] == 1, "a restart")
    events.api.fail("refuse")
    events.make(10)
    events.api.heal()
    until(lambda: len(events.arrived()) == len(events.made), "all events", 180)
    assert events.arrived() == Counter(events.made)


def test_new_pod_loses_and_doubles_none(events: Events) -> None:
    """With a claim, the next pod knows the delivered events; events in between arrive too."""
    before = events.pod()["metadata"]["name"]
    events.stage.kubectl("delete", "pod", before, "--wait=true")
    events.make(20)
    until(lambda: len(events.arrived()) == len(events.made), "all events", 120)
    events.make(1)
    until(lambda: len(events.arrived()) == len(events.made), "the newest event", 120)
    assert events.arrived() == Counter(events.made)
    assert events.pod()["metadata"]["name"] != before


def test_why_a_pod_was_evicted_arrives(events: Events) -> None:
    """The kubelet's message arrives with the name of the pod, without managed fields."""

    def evicted() -> list[dict[str, Any]]:
        return [record for record in events.records() if record["reason"] == "Evicted"]

    until(evicted, "the eviction of a pod that fills its scratch space", 120)
    [record] = evicted()
    assert "exceeds the limit" in record["message"]
    assert (record["type"], record["involvedObject"]["name"]) == ("Warning", "greedy")
    assert (record["source"]["component"], record["source"]["host"]) == (
        "kubelet",
        events.stage.get("nodes")[0]["metadata"]["name"],
    )
    assert "uid" in record["metadata"] and "managedFields" not in record["metadata"]
