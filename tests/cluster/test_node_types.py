"""DaemonSets on the types of nodes that EKS has, simulated with their labels and taints."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.stage import Stage, namespace, own_name
from harness.clusters import LocalCluster
from harness.render.helm import Helm, HelmError

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a local cluster needs Linux and root"),
]
CHARTS = Path("charts")
COMPUTE = "eks.amazonaws.com/compute-type"
# Only simulated nodes have this label: no program runs, and no image is needed.
POOL = {"pool": "simulated"}
# Labels and the key, value and effect of taints, by type.
TYPES: dict[str, tuple[dict[str, str], list[tuple[str, str, str]]]] = {
    "ec2": ({}, []),
    "spot": ({"karpenter.sh/capacity-type": "spot"}, [("team", "a", "NoSchedule")]),
    "hybrid": ({COMPUTE: "hybrid"}, []),
    "auto": ({COMPUTE: "auto"}, [("CriticalAddonsOnly", "true", "NoSchedule")]),
    "fargate": ({COMPUTE: "fargate"}, [(COMPUTE, "fargate", "NoSchedule")]),
    "windows": ({"kubernetes.io/os": "windows"}, [("os", "windows", "NoSchedule")]),
    "virtual": ({"type": "virtual-kubelet"}, [("virtual-kubelet.io/provider", "x", "NoSchedule")]),
}
WITH_AGENTS = {"ec2", "spot", "hybrid", "auto"}


@pytest.fixture(scope="module")
def stage(helm: Helm) -> Iterator[Stage]:
    """A namespace of a cluster with two nodes of each type."""
    with LocalCluster(own_name("types")) as cluster:
        for name, (labels, taints) in TYPES.items():
            listed = [dict(zip(("key", "value", "effect"), taint, strict=True)) for taint in taints]
            cluster.add_fake_nodes(2, {**POOL, **labels}, prefix=name, taints=listed)
        made = Stage(cluster, "t-types", helm)
        with namespace(made):
            yield made


def types_of(stage: Stage, selector: str) -> list[str]:
    """Return the types of the nodes on which pods run."""
    return sorted(pod["spec"]["nodeName"].rpartition("-")[0] for pod in stage.get("pods", selector))


@pytest.mark.environment("mixed", "metrics")
def test_node_agents_avoid_fargate(stage: Stage) -> None:
    """`helm install --wait` returns, and each agent runs once on every node that can run it."""
    anywhere = {"nodeSelector": POOL, "tolerations": [{"operator": "Exists"}]}
    values: dict[str, Any] = {
        "nodeTaints": ["CriticalAddonsOnly", "kwok.x-k8s.io/node", "team"],
        "server": {**anywhere, "persistence": {"type": "emptyDir"}},
        "kubeStateMetrics": anywhere,
        "nodeExporter": {"nodeSelector": POOL},
        "windowsExporter": {"enabled": True, "nodeSelector": POOL},
        "logs": {"enabled": True, "nodeSelector": POOL},
        "traces": {"enabled": True, "nodeSelector": POOL},
        "containerInsights": {"enabled": True, "nodeSelector": POOL},
    }
    chart = CHARTS / "observability-stack"
    stage.helm.install(
        "o", chart, namespace=stage.namespace, kubeconfig=stage.cluster.kubeconfig, values=values, timeout=120
    )
    stage.releases.append("o")
    sets = {item["metadata"]["name"]: item for item in stage.get("daemonsets")}
    assert len(sets) == 5
    for item in sets.values():
        component = item["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"]
        expected = {"windows"} if component == "windows-exporter" else WITH_AGENTS
        assert types_of(stage, f"app.kubernetes.io/component={component}") == sorted([*expected] * 2)
        assert item["status"]["desiredNumberScheduled"] == item["status"]["numberAvailable"] == 2 * len(expected)


def test_only_one_release_configures_the_log_router(stage: Stage) -> None:
    """A second release with the log router fails to install, with or without the namespace; an uninstall deletes it."""
    place: dict[str, Any] = {"namespace": stage.namespace, "kubeconfig": stage.cluster.kubeconfig}
    chart = CHARTS / "observability-stack"
    logging = {"metrics": {"enabled": False}, "fargate": {"logging": {"enabled": True}}}
    stage.helm.install("router", chart, values=logging, **place)
    stage.releases.append("router")
    made = json.loads(stage.kubectl("get", "namespace", "aws-observability", "-o", "json"))
    assert made["metadata"]["labels"]["aws-observability"] == "enabled"
    for own in (True, False):
        logging["fargate"]["logging"]["createNamespace"] = own
        with pytest.raises(HelmError, match=r'"aws-(observability|logging)".*exists and cannot be imported'):
            stage.helm.install(f"second-{own}".lower(), chart, values=logging, **place)
    stage.helm.uninstall("router", **place)
    stage.releases.remove("router")
    assert "aws-observability" not in stage.kubectl("get", "namespaces", "-o", "name")


@pytest.mark.environment("fargate", "sidecar")
def test_pod_for_fargate_is_guaranteed(stage: Stage) -> None:
    """The pod of the values for Fargate runs on a Fargate node, with requests that equal limits in every container."""
    places = {"nodeSelector": {**POOL, COMPUTE: "fargate"}, "tolerations": [{"operator": "Exists"}]}
    chart = CHARTS / "log-sidecar"
    stage.helm.install(
        "f",
        chart,
        namespace=stage.namespace,
        kubeconfig=stage.cluster.kubeconfig,
        values=places,
        value_files=[chart / "ci" / "fargate-values.yaml"],
        timeout=120,
    )
    stage.releases.append("f")
    [pod] = stage.get("pods", "app.kubernetes.io/instance=f")
    assert pod["spec"]["nodeName"].startswith("fargate-")
    assert pod["status"]["qosClass"] == "Guaranteed"


def test_application_with_a_sidecar_avoids_fargate(stage: Stage) -> None:
    """An application that runs as a DaemonSet runs on nodes of the other types, with a toleration for every taint."""
    values = {"app": {"kind": "DaemonSet"}, "nodeSelector": POOL, "tolerations": [{"operator": "Exists"}]}
    chart = CHARTS / "log-sidecar"
    stage.helm.install(
        "a", chart, namespace=stage.namespace, kubeconfig=stage.cluster.kubeconfig, values=values, timeout=120
    )
    stage.releases.append("a")
    assert types_of(stage, "app.kubernetes.io/instance=a") == sorted([*WITH_AGENTS] * 2)
