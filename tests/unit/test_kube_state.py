"""What stands in for kube-state-metrics: names, labels and values as the real one has them."""

from typing import Any

import pytest

from cluster.stand_ins import kube_state


def told(kind: str, item: dict[str, Any]) -> list[str]:
    lines = kube_state.text_of(kube_state.COLLECTORS[kind][1](item)).splitlines()
    return [line for line in lines if not line.startswith("#")]


@pytest.mark.parametrize(
    ("text", "number"), [("250m", 0.25), ("2", 2), ("1Ki", 1024), ("1.5Gi", 1.5 * 2**30), ("1e3", 1000), ("3k", 3000)]
)
def test_quantity_is_a_number(text: str, number: float) -> None:
    """Kubernetes' suffixes are understood, binary and decimal."""
    assert kube_state.quantity(text) == number


def test_pod_is_told_by_phase_owner_and_container() -> None:
    """A pod yields one series for each phase, its owner, and what its containers ask for and went through."""
    running = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    last = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
    container = {"name": "c", "image": "i", "restartCount": 3, "ready": True, "state": running, "lastState": last}
    pod = {
        "metadata": {
            "name": "p",
            "namespace": "n",
            "uid": "u",
            "ownerReferences": [{"kind": "ReplicaSet", "name": "r", "controller": True}],
        },
        "spec": {
            "nodeName": "node-1",
            "containers": [{"name": "c", "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "1Mi"}}}],
        },
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [container],
        },
    }
    pod_labels = 'namespace="n",pod="p",uid="u"'
    own = f'{pod_labels},container="c"'
    assert {
        f'kube_pod_owner{{{pod_labels},owner_kind="ReplicaSet",owner_name="r",owner_is_controller="true"}} 1',
        f'kube_pod_status_phase{{{pod_labels},phase="Running"}} 1',
        f'kube_pod_status_phase{{{pod_labels},phase="Failed"}} 0',
        f'kube_pod_status_ready{{{pod_labels},condition="true"}} 1',
        f'kube_pod_container_resource_requests{{{own},node="node-1",resource="cpu",unit="core"}} 0.1',
        f'kube_pod_container_resource_limits{{{own},node="node-1",resource="memory",unit="byte"}} 1048576',
        f"kube_pod_container_status_restarts_total{{{own}}} 3",
        f'kube_pod_container_status_last_terminated_reason{{{own},reason="OOMKilled"}} 1',
    } <= set(told("pods", pod))


def test_node_is_told_by_condition_and_capacity() -> None:
    """A node yields each condition thrice, one of them true, and its resources under their metric names."""
    info = dict.fromkeys(("kernelVersion", "osImage", "kubeletVersion", "containerRuntimeVersion"), "v")
    node = {
        "metadata": {"name": "a"},
        "spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]},
        "status": {
            "nodeInfo": info,
            "capacity": {"ephemeral-storage": "1Ki", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "Unknown"}],
        },
    }
    lines = told("nodes", node)
    assert 'kube_node_status_capacity{node="a",resource="ephemeral_storage",unit="byte"} 1024' in lines
    assert 'kube_node_status_capacity{node="a",resource="pods",unit="integer"} 110' in lines
    assert 'kube_node_spec_taint{node="a",key="k",value="",effect="NoSchedule"} 1' in lines
    ready = [line for line in lines if line.startswith("kube_node_status_condition")]
    assert [line[-1] for line in ready] == ["0", "0", "1"]


def test_counter_is_declared_as_one() -> None:
    """Each family is declared once, before its samples, with its type."""
    text = kube_state.text_of([("a_total", {"x": 'q"'}, 1), ("b", {}, 0.5), ("a_total", {"x": "r"}, 2)])
    assert text == '# TYPE a_total counter\na_total{x="q\\""} 1\na_total{x="r"} 2\n# TYPE b gauge\nb{} 0.5\n'
