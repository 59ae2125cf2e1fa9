"""A drained node: which DaemonSets Karpenter evicts, in which order, and how long they may run then.

The rules are Karpenter's, read at kubernetes-sigs/karpenter@2266468104f36373ed002241afaee2d3bbc26078. IsDrainable, in
pkg/utils/pod/scheduling.go, leaves out pods that tolerate its taint. groupPodsByPriority, in
pkg/controllers/node/termination/terminator/terminator.go, evicts the others in four groups, each after the previous one
has ended. Nothing waits for a pod that is left out.
"""

from collections.abc import Callable
from typing import Any

import pytest

from harness.render.manifests import Manifests, Object

Install = Callable[..., Manifests]
DISRUPTED = {"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}
CRITICAL = {"system-cluster-critical", "system-node-critical"}
EVERY = [{"operator": "Exists", "effect": "NoSchedule"}]
AGENTS: dict[str, Any] = {
    "containerInsights": {"enabled": True, "windows": {"enabled": True}},
    "logs": {"enabled": True},
    "traces": {"enabled": True},
}
# Taints of nodes on which users expect agents: of EKS, of devices, and of examples in the documentation of both.
WELL_KNOWN = {
    "CriticalAddonsOnly",
    "aws.amazon.com/neuron",
    "dedicated",
    "eks.amazonaws.com/compute-type",
    "nvidia.com/gpu",
    "os",
    "vpc.amazonaws.com/efa",
}
EVICTED = {"container-insights": 3, "container-insights-windows": 3, "logs": 3, "traces": 1}


def tolerates(pod: Object, taint: dict[str, str]) -> bool:
    """Return whether a pod tolerates a taint without a value (Toleration.ToleratesTaint in k8s.io/api/core/v1)."""
    return any(
        toleration.get("key", "") in ("", taint["key"])
        and toleration.get("effect", "") in ("", taint["effect"])
        and toleration.get("operator", "Equal") == "Exists"
        for toleration in pod.get("tolerations", [])
    )


def drained(made: Manifests) -> dict[str, int]:
    """Return the number of the group in which Karpenter evicts each DaemonSet, by component."""
    pods = {
        item["metadata"]["labels"]["app.kubernetes.io/component"]: item["spec"]["template"]["spec"]
        for item in made.select("DaemonSet")
    }
    return {
        name: 3 if pod.get("priorityClassName") in CRITICAL else 1
        for name, pod in pods.items()
        if not tolerates(pod, DISRUPTED)
    }


@pytest.mark.parametrize("engine", ["fluent-bit", "fluentd"])
def test_agents_are_evicted_last(install: Install, engine: str) -> None:
    """Karpenter evicts each agent with a backlog, the log agent in the last group, and leaves node-exporter alone."""
    outputs: dict[str, Any] = {}
    if engine == "fluentd":
        outputs = {"cloudwatch": {"enabled": False}, "search": {"type": "elasticsearch", "host": "search.example.com"}}
    assert drained(install({**AGENTS, "logs": {"enabled": True, "engine": engine}, "outputs": outputs})) == EVICTED


def test_agents_run_on_nodes_with_well_known_taints(install: Install) -> None:
    """Each DaemonSet tolerates the well-known taints, and only node-exporter an unknown one."""
    unknown = set()
    for item in install(AGENTS).select("DaemonSet"):
        pod = item["spec"]["template"]["spec"]
        assert all(tolerates(pod, {"key": key, "effect": "NoSchedule"}) for key in WELL_KNOWN)
        assert not tolerates(pod, {"key": "dedicated", "effect": "NoExecute"})
        if tolerates(pod, {"key": "team", "effect": "NoSchedule"}):
            unknown.add(item["metadata"]["labels"]["app.kubernetes.io/component"])
    assert unknown == {"node-exporter"}


def test_taints_of_a_team(install: Install) -> None:
    """`nodeTaints` replaces the keys of all agents; `tolerations` adds to them, also a toleration by effect."""
    gone = {"key": "gone", "operator": "Exists", "effect": "NoExecute"}
    made = install({**AGENTS, "nodeTaints": ["team"], "logs": {"enabled": True, "tolerations": [gone]}})
    team = {"key": "team", "operator": "Exists", "effect": "NoSchedule"}
    found = {
        item["metadata"]["labels"]["app.kubernetes.io/component"]: item["spec"]["template"]["spec"]["tolerations"]
        for item in made.select("DaemonSet")
    }
    agents = {name: [gone, team] if name == "logs" else [team] for name in EVICTED}
    assert found == {"node-exporter": EVERY, **agents}


@pytest.mark.parametrize("effect", ["NoSchedule", None])
def test_agent_that_is_never_evicted(install: Install, effect: str | None) -> None:
    """A toleration for every taint is the only one of its pods, and keeps an agent until the instance ends."""
    every = {"operator": "Exists", **({"effect": effect} if effect else {})}
    made = install({**AGENTS, "logs": {"enabled": True, "tolerations": [every]}})
    assert drained(made) == {name: group for name, group in EVICTED.items() if name != "logs"}
    [logs] = [item for item in made.select("DaemonSet") if item["metadata"]["name"].endswith("-logs")]
    assert logs["spec"]["template"]["spec"]["tolerations"] == [every]


@pytest.mark.parametrize("engine", ["fluent-bit", "fluentd"])
def test_agent_reads_the_end_of_other_pods(install: Install, engine: str) -> None:
    """Both engines read for 5 s before SIGTERM, at which they stop reading; Kubernetes 1.29 has no such hook."""
    outputs, logs = {}, {"metadata": {"from": "tag"}}  # the kubelet requires 1.33
    if engine == "fluentd":
        outputs = {"cloudwatch": {"enabled": False}, "search": {"type": "elasticsearch", "host": "search.example.com"}}
        logs = {}
    given = {"metrics": {"enabled": False}, "logs": {"enabled": True, "engine": engine, **logs}, "outputs": outputs}
    hook = {"preStop": {"sleep": {"seconds": 5}}}
    for version, expected in {"1.30": hook, "1.29": None}.items():
        [container] = install(given, kubernetes=version).containers()
        assert container.get("lifecycle") == expected
