"""Waits until installed objects are ready: stricter than Helm, and with a reason on failure.

Helm and pytest-helm-charts accept a DaemonSet with 0 of 0 pods as ready, even if its node selector matches no node.
They also read the status of a Deployment before its controller has observed an update.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from harness import tools
from harness.errors import HarnessError
from harness.render.manifests import Object, key_of

_POLL_SECONDS = 0.25


class NotReadyError(HarnessError):
    """An object did not become ready in time; the message has the reason and the state of its pods."""


def wait_ready(
    kubeconfig: Path,
    kind: str,
    name: str,
    *,
    namespace: str = "default",
    timeout: float = 120.0,
    allow_empty: bool = False,
) -> Object:
    """Wait until an object is ready, and return it.

    Args:
        kubeconfig: access to the cluster.
        kind: Deployment, StatefulSet, DaemonSet, Job, Pod or PersistentVolumeClaim.
        name: the object's name.
        namespace: the object's namespace.
        timeout: seconds to wait.
        allow_empty: accept a DaemonSet without pods, or a workload with 0 replicas, as ready.

    Raises:
        NotReadyError: the object is not ready after ``timeout`` seconds, or can never be.
    """
    deadline = time.monotonic() + timeout
    while True:
        found = get(kubeconfig, kind, name, namespace=namespace)
        reason = "it does not exist" if found is None else why_not_ready(found, allow_empty=allow_empty)
        if found is not None and not reason:
            return found
        late = time.monotonic() >= deadline
        if late or (found is not None and _has_failed(found)):
            waited = f"is not ready after {timeout:.0f} s" if late else "has failed"
            pods = _pods_of(kubeconfig, found, namespace) if found else ""
            raise NotReadyError(f"{kind} {namespace}/{name} {waited}: {reason}{pods}")
        time.sleep(_POLL_SECONDS)


def wait_all_ready(
    kubeconfig: Path,
    objects: Iterable[Object],
    *,
    namespace: str = "default",
    timeout: float = 120.0,
    allow_empty: bool = False,
) -> None:
    """Wait until every workload among rendered objects is ready; ignores hooks and other kinds.

    Args:
        kubeconfig: access to the cluster.
        objects: rendered objects.
        namespace: namespace of objects that name none.
        timeout: seconds to wait for all objects together.
        allow_empty: see ``wait_ready``.

    Raises:
        NotReadyError: an object is not ready in time.
    """
    deadline = time.monotonic() + timeout
    for item in objects:
        metadata = item["metadata"]
        if item["kind"] not in _CHECKS or "helm.sh/hook" in (metadata.get("annotations") or {}):
            continue
        left = max(0.0, deadline - time.monotonic())
        where = metadata.get("namespace", namespace)
        wait_ready(kubeconfig, *key_of(item), namespace=where, timeout=left, allow_empty=allow_empty)


def get(kubeconfig: Path, kind: str, name: str, *, namespace: str = "default") -> Object | None:
    """Return an object of the cluster, or ``None`` if it does not exist.

    Raises:
        HarnessError: the cluster does not answer, or has no such kind.
    """
    found = _kubectl(kubeconfig, "get", kind, name, "--namespace", namespace, "--ignore-not-found", "--output=json")
    return json.loads(found) if found.strip() else None


def why_not_ready(item: Object, *, allow_empty: bool = False) -> str:
    """Return the reason why an object is not ready; empty if it is.

    Args:
        item: the object with its status, from the API server.
        allow_empty: see ``wait_ready``.

    Raises:
        HarnessError: the kind is not supported.
    """
    check = _CHECKS.get(item["kind"])
    if check is None:
        raise HarnessError(f"readiness of a {item['kind']} is not supported; use one of {', '.join(_CHECKS)}")
    status = item.get("status") or {}
    generation = item["metadata"].get("generation", 0)
    if "observedGeneration" in status or item["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
        observed = status.get("observedGeneration", 0)
        if observed < generation:
            return f"its controller has observed generation {observed}, not {generation}"
    return check(item.get("spec") or {}, status, allow_empty)


def _deployment(spec: Object, status: Object, allow_empty: bool) -> str:
    for condition in status.get("conditions", []):
        if condition.get("reason") == "ProgressDeadlineExceeded":
            return f"its rollout makes no progress: {condition.get('message', '')}"
    wanted = spec.get("replicas", 1)
    if status.get("replicas", 0) > max(wanted, status.get("updatedReplicas", 0)):
        return "pods of an older revision are still running"
    return _counts(wanted, status, ("updatedReplicas", "readyReplicas", "availableReplicas"), allow_empty)


def _stateful_set(spec: Object, status: Object, allow_empty: bool) -> str:
    wanted = spec.get("replicas", 1)
    if status.get("currentRevision") != status.get("updateRevision") and _rolls(spec):
        return "pods of an older revision are still running"
    return _counts(wanted, status, ("readyReplicas", "availableReplicas"), allow_empty)


def _daemon_set(spec: Object, status: Object, allow_empty: bool) -> str:
    wanted = status.get("desiredNumberScheduled", 0)
    fields = ("updatedNumberScheduled", "numberReady", "numberAvailable") if _rolls(spec) else ("numberReady",)
    if status.get("numberMisscheduled", 0):
        return f"{status['numberMisscheduled']} pods run on nodes that its selector does not match"
    return _counts(wanted, status, fields, allow_empty)


def _job(spec: Object, status: Object, allow_empty: bool) -> str:
    conditions = _true_conditions(status)
    if "Failed" in conditions:
        return f"it failed: {conditions['Failed']}"
    return "" if "Complete" in conditions else f"{status.get('succeeded', 0)} of {spec.get('completions', 1)} are done"


def _pod(spec: Object, status: Object, allow_empty: bool) -> str:
    if status.get("phase") == "Succeeded" or "Ready" in _true_conditions(status):
        return ""
    waiting = "; ".join(_container_states(status))
    return f"it is {status.get('phase', 'unknown')}{': ' + waiting if waiting else ''}"


def _claim(spec: Object, status: Object, allow_empty: bool) -> str:
    phase = status.get("phase", "unknown")
    return "" if phase == "Bound" else f"it is {phase}"


_CHECKS: dict[str, Callable[[Object, Object, bool], str]] = {
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Job": _job,
    "Pod": _pod,
    "PersistentVolumeClaim": _claim,
}


def _counts(wanted: int, status: Object, fields: Iterable[str], allow_empty: bool) -> str:
    if wanted == 0 and not allow_empty:
        return "it requires no pods (0 of 0)"
    for field in fields:
        if status.get(field, 0) < wanted:
            return f"{field} is {status.get(field, 0)} of {wanted}"
    return ""


def _rolls(spec: Object) -> bool:
    return bool((spec.get("updateStrategy") or {}).get("type", "RollingUpdate") == "RollingUpdate")


def _true_conditions(status: Object) -> dict[str, str]:
    conditions = status.get("conditions") or []
    return {entry["type"]: entry.get("message", "") for entry in conditions if entry["status"] == "True"}


def _has_failed(item: Object) -> bool:
    """Return whether the object can no longer become ready."""
    status = item.get("status") or {}
    return (item["kind"] == "Job" and "Failed" in _true_conditions(status)) or status.get("phase") == "Failed"


def _pods_of(kubeconfig: Path, item: Object, namespace: str) -> str:
    """Return a line for each container that is not running and ready in the pods of a workload."""
    selector = ((item.get("spec") or {}).get("selector") or {}).get("matchLabels")
    if not isinstance(selector, dict):
        return ""
    labels = ",".join(f"{name}={value}" for name, value in selector.items())
    listed = json.loads(_kubectl(kubeconfig, "get", "pods", "-n", namespace, "-l", labels, "--output=json"))
    lines = []
    for pod in listed["items"]:
        status = pod.get("status") or {}
        trouble = [*_container_states(status), *_refusals(status)]
        lines += [f"\n  {pod['metadata']['name']}: {line}" for line in trouble]
    return "".join(lines)


def _container_states(status: Object) -> list[str]:
    entries = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    return [line for entry in entries if (line := _container_state(entry))]


def _container_state(entry: Object) -> str:
    state = entry.get("state") or {}
    if waiting := state.get("waiting"):
        return f"{entry['name']} is waiting ({waiting.get('reason', '?')}) {waiting.get('message', '')}".strip()
    ended = state.get("terminated")
    if ended and ended.get("exitCode"):
        return f"{entry['name']} exited with status {ended['exitCode']} ({ended.get('reason', '?')})"
    if state.get("running") and not entry.get("ready"):
        return f"{entry['name']} is running but not ready"
    return ""


def _refusals(status: Object) -> list[str]:
    conditions: list[dict[str, Any]] = status.get("conditions") or []
    return [
        f"{entry.get('reason', '?')}: {entry.get('message', '')}"
        for entry in conditions
        if entry["type"] == "PodScheduled" and entry["status"] == "False"
    ]


def _kubectl(kubeconfig: Path, *arguments: str) -> str:
    command = [str(tools.path("kubectl")), "--kubeconfig", str(kubeconfig), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise HarnessError(f"`kubectl {' '.join(arguments[:3])}` failed: {done.stderr.strip()}")
    return done.stdout
