"""Injection with log files that outlive the pod: no line is duplicated or lost."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml

from cluster.pods import ASKS, mount, pod, workload
from cluster.stage import Stage

pytestmark = pytest.mark.cluster


@pytest.fixture
def volume(stage: Stage) -> Iterator[str]:
    """A persistent volume in a world-writable folder of the node."""
    with _volume(stage, f"{stage.namespace}-volume") as name:
        yield name


def test_next_pod_on_a_claim_goes_on_where_the_last_one_ended(
    apps: Stage, volume: str, eventually: Callable[..., None]
) -> None:
    """A StatefulSet on a persistent volume: its second pod delivers only new lines."""
    writes = "for n in $(seq 300); do echo $(date +%s%N) $n >> /var/log/app/app.log; done; exec sleep 600"
    box = {
        "command": ["sh", "-c", f"umask 077; mkdir -p /var/log/app; {writes}"],
        "mounts": [mount("logs", "/var/log", "shop")],
    }
    item = workload("StatefulSet", pod("claim", ASKS, [box], terminationGracePeriodSeconds=2))
    item["spec"]["volumeClaimTemplates"] = [_claim(volume, name="logs")]
    apps.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(item))
    eventually(lambda: apps.get("pods", "case=claim"))
    with apps.follow("claim-0", "log-sidecar") as first:
        assert first.wait(300, timeout=60)
    uid = apps.get("pods")[0]["metadata"]["uid"]
    apps.kubectl("delete", "pod", "claim-0")
    eventually(lambda: [made["metadata"]["uid"] for made in apps.get("pods", "case=claim")] not in ([], [uid]), 60)
    apps.kubectl("wait", "--for=condition=Ready", "pod/claim-0", "--timeout=60s")
    eventually(lambda: len(apps.kubectl("logs", "claim-0", "-c", "log-sidecar").splitlines()) >= 300)
    second = apps.kubectl("logs", "claim-0", "-c", "log-sidecar").splitlines()
    written = apps.kubectl("exec", "claim-0", "-c", "app", "--", "cat", "/var/log/app/app.log").splitlines()
    delivered = [line.decode() for line in first.lines()] + second
    assert sorted(set(delivered)) == sorted(written)
    assert len(second) == 300


def test_rolling_update_on_one_claim_delivers_each_line_once(
    apps: Stage, volume: str, eventually: Callable[..., None]
) -> None:
    """Two pods of a Deployment write to one claim: one sidecar reads for both, and the other takes over."""
    apps.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(_claim(volume, name="shared")))
    writes = "trap 'exit 0' TERM; n=0; while sleep 0.05; do n=$((n+1)); echo $HOSTNAME $n >> /logs/app.log; done"
    box = {"command": ["sh", "-c", writes], "mounts": [mount("logs", "/logs")]}
    volumes = [{"name": "logs", "persistentVolumeClaim": {"claimName": "shared"}}]
    item = workload("Deployment", pod("roll", ASKS | {"log-sidecar/paths": "/logs/app.log"}, [box], volumes=volumes))
    apps.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(item))
    apps.kubectl("rollout", "status", "deployment/roll", "--timeout=60s")
    [first] = [made["metadata"]["name"] for made in apps.get("pods", "case=roll")]
    with apps.follow(first, "log-sidecar") as before:
        assert before.wait(40, timeout=30)
        apps.kubectl("rollout", "restart", "deployment/roll")
        apps.kubectl("rollout", "status", "deployment/roll", "--timeout=60s")
        apps.kubectl("wait", "--for=delete", f"pod/{first}", "--timeout=60s")
    [second] = [made["metadata"]["name"] for made in apps.get("pods", "case=roll")]
    with apps.follow(second, "log-sidecar") as after:
        written = apps.kubectl("exec", second, "-c", "app", "--", "cat", "/logs/app.log").splitlines()
        eventually(lambda: written[-1] in [line.decode() for line in after.lines()], 60)
    lines = [line.decode() for line in [*before.lines(), *after.lines()]]
    ours = [line for line in lines if line.startswith("roll-")]
    assert len(ours) == len(set(ours))
    assert set(written) <= set(ours)


def _claim(volume: str, **metadata: str) -> dict[str, Any]:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "",
        "volumeName": volume,
        "resources": {"requests": {"storage": "1Gi"}},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


@contextmanager
def _volume(stage: Stage, name: str) -> Iterator[str]:
    """Create a folder on the node with a privileged pod."""
    item = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": f"/tmp/{name}"},
        },
    }
    make = f"mkdir -m 777 /node/{name}; sleep 600"
    keeper = pod(name, {}, [{"command": ["sh", "-c", make]}], terminationGracePeriodSeconds=0)
    keeper["spec"]["securityContext"] = {}
    keeper["spec"]["volumes"] = [{"name": "node", "hostPath": {"path": "/tmp"}}]
    keeper["spec"]["containers"][0] |= {"securityContext": {}, "volumeMounts": [mount("node", "/node")]}
    elsewhere = Stage(stage.cluster, "default", stage.helm)
    elsewhere.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all([item, keeper]))
    try:
        elsewhere.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
        yield name
    finally:
        # Pods that still run may write a file meanwhile.
        elsewhere.kubectl("exec", name, "--", "sh", "-c", f"until rm -rf /node/{name}; do sleep 0.2; done")
        elsewhere.kubectl("delete", f"pod/{name}", f"persistentvolume/{name}", "--wait=false")
