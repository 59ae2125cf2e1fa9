"""Readiness: what counts as ready, what does not yet, and what the wait says when it gives up."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from harness.clusters import kube
from harness.clusters.kube import NotReadyError, why_not_ready
from harness.errors import HarnessError

READY = {
    "Deployment": (
        {"replicas": 2},
        {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2},
    ),
    "StatefulSet": (
        {"replicas": 2},
        {"observedGeneration": 3, "currentRevision": "b", "updateRevision": "b", "readyReplicas": 2}
        | {"availableReplicas": 2},
    ),
    "DaemonSet": (
        {},
        {"observedGeneration": 3, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberReady": 2}
        | {"numberAvailable": 2},
    ),
    "Job": ({"completions": 2}, {"succeeded": 2, "conditions": [{"type": "Complete", "status": "True"}]}),
    "Pod": ({}, {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}),
    "PersistentVolumeClaim": ({}, {"phase": "Bound"}),
}


def item(kind: str, spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    """A ready object of a kind, but for what is given."""
    ready_spec, ready_status = READY[kind]
    return {
        "kind": kind,
        "metadata": {"name": "web", "generation": 3},
        "spec": {**ready_spec, **(spec or {})},
        "status": {**ready_status, **status},
    }


@pytest.mark.parametrize("kind", READY)
def test_ready_objects_are_ready(kind: str) -> None:
    """Each kind has a state in which nothing is lacking."""
    assert why_not_ready(item(kind)) == ""


@pytest.mark.parametrize("kind", READY)
def test_objects_without_status_are_not_ready(kind: str) -> None:
    """What no controller has looked at yet is not ready."""
    assert why_not_ready({**item(kind), "status": {}}) != ""


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_status_of_before_an_update_does_not_count(kind: str) -> None:
    """Full figures that describe an older generation are not ready."""
    expected = "its controller has observed generation 2, not 3"
    assert why_not_ready(item(kind, observedGeneration=2)) == expected


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_nothing_wanted_is_ready_only_when_allowed(kind: str) -> None:
    """0 of 0 is what a wrong node selector looks like: not ready, unless the test says so."""
    zeros = {key: 0 for key, value in READY[kind][1].items() if key != "observedGeneration" and isinstance(value, int)}
    empty = item(kind, {"replicas": 0}, **zeros)
    assert why_not_ready(empty) == "it requires no pods (0 of 0)"
    assert why_not_ready(empty, allow_empty=True) == ""


@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [
        ("Deployment", {"updatedReplicas": 1}, "updatedReplicas is 1 of 2"),
        ("Deployment", {"readyReplicas": 0}, "readyReplicas is 0 of 2"),
        ("Deployment", {"availableReplicas": 1}, "availableReplicas is 1 of 2"),
        ("Deployment", {"replicas": 3}, "pods of an older revision are still running"),
        ("StatefulSet", {"updateRevision": "c"}, "pods of an older revision are still running"),
        ("StatefulSet", {"readyReplicas": 1}, "readyReplicas is 1 of 2"),
        ("DaemonSet", {"updatedNumberScheduled": 1}, "updatedNumberScheduled is 1 of 2"),
        ("DaemonSet", {"numberAvailable": 1}, "numberAvailable is 1 of 2"),
        ("DaemonSet", {"numberMisscheduled": 1}, "1 pods run on nodes that its selector does not match"),
        ("Job", {"conditions": [], "succeeded": 1}, "1 of 2 are done"),
        ("Job", {"conditions": [{"type": "Failed", "status": "True", "message": "late"}]}, "it failed: late"),
        ("Job", {"conditions": [{"type": "Complete", "status": "False"}]}, "2 of 2 are done"),
        ("Pod", {"conditions": [], "phase": "Pending"}, "it is Pending"),
        ("PersistentVolumeClaim", {"phase": "Pending"}, "it is Pending"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_lacking_is_said(kind: str, status: dict[str, Any], reason: str) -> None:
    """Each figure that is not there yet is named."""
    assert why_not_ready(item(kind, **status)) == reason


def test_stuck_deployment_says_why() -> None:
    """A deadline that the controller gave up at is reported with its message."""
    conditions = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "slow"}]
    assert why_not_ready(item("Deployment", conditions=conditions)) == "its rollout makes no progress: slow"


def test_pods_replaced_by_hand_need_not_be_updated() -> None:
    """With `OnDelete` older pods stay until somebody deletes them."""
    on_delete = {"updateStrategy": {"type": "OnDelete"}}
    assert why_not_ready(item("DaemonSet", on_delete, updatedNumberScheduled=0)) == ""
    assert why_not_ready(item("StatefulSet", on_delete, updateRevision="c")) == ""


def test_pending_pod_names_its_containers_trouble() -> None:
    """The container that holds a pod up is named, with the kubelet's reason."""
    waiting = {"name": "app", "state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}}
    ended = {"name": "setup", "state": {"terminated": {"exitCode": 3, "reason": "Error"}}}
    pod = item("Pod", phase="Pending", conditions=[], containerStatuses=[waiting], initContainerStatuses=[ended])
    assert why_not_ready(pod) == (
        "it is Pending: setup exited with status 3 (Error); app is waiting (ErrImagePull) no such image"
    )


def test_unknown_kinds_are_rejected() -> None:
    """Readiness of a kind that nobody thought about is not guessed."""
    with pytest.raises(HarnessError, match="readiness of a Service is not supported; use one of Deployment"):
        why_not_ready({"kind": "Service", "metadata": {"name": "web"}})


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of objects that stand in for a cluster: KIND.json is what `kubectl get KIND` prints."""
    script = tmp_path / "kubectl"
    script.write_text(f'#!/bin/sh\ncat "{tmp_path}/$4.json" 2>/dev/null; exit 0\n', encoding="utf-8")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(kube.tools, "path", lambda name: tmp_path / name)
    return tmp_path


def test_wait_returns_the_ready_object(answers: Path) -> None:
    """The object is returned as the cluster has it."""
    (answers / "Deployment.json").write_text(json.dumps(item("Deployment")), encoding="utf-8")
    assert kube.wait_ready(answers, "Deployment", "web", timeout=1)["status"]["readyReplicas"] == 2


def test_wait_gives_up_with_reason_and_pods(answers: Path) -> None:
    """After the time is up the error says what was lacking and which container is in trouble."""
    selector = {"selector": {"matchLabels": {"app": "web"}}}
    text = json.dumps(item("Deployment", selector, readyReplicas=1))
    (answers / "Deployment.json").write_text(text, encoding="utf-8")
    waiting = {"name": "app", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    pods = {"items": [{"metadata": {"name": "web-1"}, "status": {"containerStatuses": [waiting]}}]}
    (answers / "pods.json").write_text(json.dumps(pods), encoding="utf-8")
    with pytest.raises(NotReadyError) as error:
        kube.wait_ready(answers, "Deployment", "web", namespace="prd", timeout=0)
    assert str(error.value) == (
        "Deployment prd/web is not ready after 0 s: readyReplicas is 1 of 2\n  web-1: app is waiting (CrashLoopBackOff)"
    )


def test_wait_for_nothing_says_so(answers: Path) -> None:
    """An object that does not exist is not ready."""
    with pytest.raises(NotReadyError, match="Pod default/web is not ready after 0 s: it does not exist"):
        kube.wait_ready(answers, "Pod", "web", timeout=0)


def test_wait_ends_early_where_waiting_is_of_no_use(answers: Path) -> None:
    """A failed Job ends the wait at once."""
    failed = item("Job", conditions=[{"type": "Failed", "status": "True", "message": "late"}])
    (answers / "Job.json").write_text(json.dumps(failed), encoding="utf-8")
    with pytest.raises(NotReadyError, match="Job default/web has failed: it failed: late"):
        kube.wait_ready(answers, "Job", "web", timeout=3600)


def test_wait_for_all_passes_over_hooks_and_other_kinds(answers: Path) -> None:
    """Workloads are waited for; hooks, which are gone when they have run, and Services are not."""
    (answers / "Deployment.json").write_text(json.dumps(item("Deployment")), encoding="utf-8")
    hook = {"kind": "Pod", "metadata": {"name": "test", "annotations": {"helm.sh/hook": "test"}}}
    service = {"kind": "Service", "metadata": {"name": "web"}}
    deployment = {"kind": "Deployment", "metadata": {"name": "web"}}
    kube.wait_all_ready(answers, [service, hook, deployment], timeout=1)
    with pytest.raises(NotReadyError, match="Job default/web"):
        kube.wait_all_ready(answers, [deployment, {"kind": "Job", "metadata": {"name": "web"}}], timeout=0)
