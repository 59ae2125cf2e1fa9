"""A stand-in for kube-state-metrics in a pod, for machines without it.

It serves the metrics below, with the names and labels of kube-state-metrics 2
(https://github.com/kubernetes/kube-state-metrics/tree/main/docs/metrics), from the current state of the
API server. Its flags, ports, paths and required permissions are those of kube-state-metrics. It imports only the
standard library.
"""

import argparse
import http.server
import json
import os
import re
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

Object = dict[str, Any]
Sample = tuple[str, dict[str, str], float]
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_SUFFIXES = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_PHASES = ("Pending", "Succeeded", "Failed", "Unknown", "Running")


def quantity(text: str) -> float:
    """Parse a Kubernetes quantity: ``250m`` is 0.25, ``1Ki`` is 1024."""
    found = re.fullmatch(r"([0-9.]+(?:[eE][0-9]+)?)([a-zA-Z]*)", text)
    if found is None:
        raise ValueError(f"{text!r} is no quantity")
    return float(found[1]) * _SUFFIXES.get(found[2], 1)


def nodes(item: Object) -> Iterator[Sample]:
    node = {"node": item["metadata"]["name"]}
    info, addresses = item["status"]["nodeInfo"], item["status"].get("addresses", [])
    internal = next((one["address"] for one in addresses if one["type"] == "InternalIP"), "")
    names = {"kernel_version": "kernelVersion", "os_image": "osImage", "kubelet_version": "kubeletVersion"}
    names |= {"container_runtime_version": "containerRuntimeVersion"}
    about = {label: info[field] for label, field in names.items()}
    yield "kube_node_info", {**node, **about, "internal_ip": internal}, 1
    yield "kube_node_spec_unschedulable", node, bool(item["spec"].get("unschedulable"))
    for taint in item["spec"].get("taints", []):
        yield "kube_node_spec_taint", {**node, **{key: taint.get(key, "") for key in ("key", "value", "effect")}}, 1
    for kind in ("capacity", "allocatable"):
        for resource, amount in item["status"].get(kind, {}).items():
            yield f"kube_node_status_{kind}", {**node, **_resource(resource)}, quantity(amount)
    for condition in item["status"].get("conditions", []):
        yield from _condition("kube_node_status_condition", node, condition)


def pods(item: Object) -> Iterator[Sample]:
    metadata, spec, status = item["metadata"], item["spec"], item["status"]
    pod = {"namespace": metadata["namespace"], "pod": metadata["name"], "uid": metadata["uid"]}
    owner: Object = next((one for one in metadata.get("ownerReferences", []) if one.get("controller")), {})
    by = {"created_by_kind": owner.get("kind", ""), "created_by_name": owner.get("name", "")}
    where = {"node": spec.get("nodeName", ""), "pod_ip": status.get("podIP", ""), "host_ip": status.get("hostIP", "")}
    yield "kube_pod_info", {**pod, **where, **by, "priority_class": spec.get("priorityClassName", "")}, 1
    controller = {"owner_kind": owner.get("kind", ""), "owner_name": owner.get("name", "")}
    yield "kube_pod_owner", {**pod, **controller, "owner_is_controller": "true" if owner else ""}, 1
    for phase in _PHASES:
        yield "kube_pod_status_phase", {**pod, "phase": phase}, phase == status.get("phase")
    for condition in status.get("conditions", []):
        if condition["type"] in ("Ready", "PodScheduled"):
            name = {"Ready": "kube_pod_status_ready", "PodScheduled": "kube_pod_status_scheduled"}[condition["type"]]
            yield from _statuses(name, pod, condition["status"])
    for container in spec["containers"]:
        for part in ("requests", "limits"):
            for resource, amount in container.get("resources", {}).get(part, {}).items():
                labels = {**pod, "container": container["name"], "node": where["node"], **_resource(resource)}
                yield f"kube_pod_container_resource_{part}", labels, quantity(amount)
    for container in status.get("containerStatuses", []):
        yield from _container({**pod, "container": container["name"]}, container)


def _container(labels: dict[str, str], status: Object) -> Iterator[Sample]:
    image = {
        "image": status["image"],
        "image_id": status.get("imageID", ""),
        "container_id": status.get("containerID", ""),
    }
    yield "kube_pod_container_info", {**labels, **image}, 1
    yield "kube_pod_container_status_restarts_total", labels, status["restartCount"]
    yield "kube_pod_container_status_ready", labels, status["ready"]
    for state in ("running", "waiting", "terminated"):
        now = status.get("state", {}).get(state)
        yield f"kube_pod_container_status_{state}", labels, now is not None
        if now and now.get("reason"):
            yield f"kube_pod_container_status_{state}_reason", {**labels, "reason": now["reason"]}, 1
    if last := status.get("lastState", {}).get("terminated"):
        reason = {"reason": last.get("reason", "")}
        yield "kube_pod_container_status_last_terminated_reason", {**labels, **reason}, 1
        yield "kube_pod_container_status_last_terminated_exitcode", labels, last["exitCode"]


def deployments(item: Object) -> Iterator[Sample]:
    labels, status = _named("deployment", item), item.get("status", {})
    yield "kube_deployment_spec_replicas", labels, item["spec"]["replicas"]
    for part in ("", "_ready", "_available", "_unavailable", "_updated"):
        field = f"{part[1:]}Replicas" if part else "replicas"
        yield f"kube_deployment_status_replicas{part}", labels, status.get(field, 0)
    for condition in status.get("conditions", []):
        reason = {"reason": condition.get("reason", "")}
        yield from _condition("kube_deployment_status_condition", {**labels, **reason}, condition)
    yield from _generations("kube_deployment", labels, item)


def statefulsets(item: Object) -> Iterator[Sample]:
    labels, status = _named("statefulset", item), item.get("status", {})
    yield "kube_statefulset_replicas", labels, item["spec"]["replicas"]
    for part, field in (("", "replicas"), ("_ready", "readyReplicas"), ("_updated", "updatedReplicas")):
        yield f"kube_statefulset_status_replicas{part}", labels, status.get(field, 0)
    yield from _generations("kube_statefulset", labels, item)


def daemonsets(item: Object) -> Iterator[Sample]:
    labels, status = _named("daemonset", item), item.get("status", {})
    fields = {
        "desired_number_scheduled": "desiredNumberScheduled",
        "current_number_scheduled": "currentNumberScheduled",
    }
    fields |= {"number_ready": "numberReady", "number_available": "numberAvailable"}
    fields |= {"number_unavailable": "numberUnavailable", "number_misscheduled": "numberMisscheduled"}
    fields |= {"updated_number_scheduled": "updatedNumberScheduled"}
    for metric, field in fields.items():
        yield f"kube_daemonset_status_{metric}", labels, status.get(field, 0)
    yield from _generations("kube_daemonset", labels, item)


def replicasets(item: Object) -> Iterator[Sample]:
    labels = _named("replicaset", item)
    yield "kube_replicaset_spec_replicas", labels, item["spec"]["replicas"]
    for owner in item["metadata"].get("ownerReferences", []):
        by = {"owner_kind": owner["kind"], "owner_name": owner["name"], "owner_is_controller": "true"}
        yield "kube_replicaset_owner", {**labels, **by}, 1


def jobs(item: Object) -> Iterator[Sample]:
    labels, status = {"namespace": item["metadata"]["namespace"], "job_name": item["metadata"]["name"]}, item["status"]
    for part in ("active", "succeeded", "failed"):
        yield f"kube_job_status_{part}", labels, status.get(part, 0)
    for condition in status.get("conditions", []):
        name = {"Failed": "kube_job_failed", "Complete": "kube_job_complete"}.get(condition["type"])
        if name:
            yield from _statuses(name, labels, condition["status"])


def cronjobs(item: Object) -> Iterator[Sample]:
    labels, status = _named("cronjob", item), item.get("status", {})
    yield "kube_cronjob_spec_suspend", labels, bool(item["spec"].get("suspend"))
    yield "kube_cronjob_status_active", labels, len(status.get("active", []))
    # The next schedule time is not computed: all schedules in the tests are hourly.
    since = _time(status.get("lastScheduleTime") or item["metadata"]["creationTimestamp"])
    yield "kube_cronjob_next_schedule_time", labels, since // 3600 * 3600 + 3600


def horizontalpodautoscalers(item: Object) -> Iterator[Sample]:
    labels = _named("horizontalpodautoscaler", item)
    yield "kube_horizontalpodautoscaler_spec_min_replicas", labels, item["spec"].get("minReplicas", 1)
    yield "kube_horizontalpodautoscaler_spec_max_replicas", labels, item["spec"]["maxReplicas"]
    for part in ("current", "desired"):
        name = f"kube_horizontalpodautoscaler_status_{part}_replicas"
        yield name, labels, item.get("status", {}).get(f"{part}Replicas", 0)


def persistentvolumeclaims(item: Object) -> Iterator[Sample]:
    labels = _named("persistentvolumeclaim", item)
    for phase in ("Lost", "Bound", "Pending"):
        named = {**labels, "phase": phase}
        yield "kube_persistentvolumeclaim_status_phase", named, phase == item["status"].get("phase")
    asked = item["spec"]["resources"]["requests"]["storage"]
    yield "kube_persistentvolumeclaim_resource_requests_storage_bytes", labels, quantity(asked)


def persistentvolumes(item: Object) -> Iterator[Sample]:
    labels = {"persistentvolume": item["metadata"]["name"]}
    for phase in ("Pending", "Available", "Bound", "Released", "Failed"):
        named = {**labels, "phase": phase}
        yield "kube_persistentvolume_status_phase", named, phase == item["status"].get("phase")


def poddisruptionbudgets(item: Object) -> Iterator[Sample]:
    labels, status = _named("poddisruptionbudget", item), item.get("status", {})
    fields = {"current_healthy": "currentHealthy", "desired_healthy": "desiredHealthy"}
    fields |= {"pod_disruptions_allowed": "disruptionsAllowed", "expected_pods": "expectedPods"}
    for metric, field in fields.items():
        yield f"kube_poddisruptionbudget_status_{metric}", labels, status.get(field, 0)


def resourcequotas(item: Object) -> Iterator[Sample]:
    labels = _named("resourcequota", item)
    for kind in ("hard", "used"):
        for resource, amount in item.get("status", {}).get(kind, {}).items():
            yield "kube_resourcequota", {**labels, "resource": resource, "type": kind}, quantity(amount)


def namespaces(item: Object) -> Iterator[Sample]:
    labels = {"namespace": item["metadata"]["name"]}
    yield "kube_namespace_created", labels, _time(item["metadata"]["creationTimestamp"])
    for phase in ("Active", "Terminating"):
        yield "kube_namespace_status_phase", {**labels, "phase": phase}, phase == item["status"].get("phase")


_CORE, _APPS, _BATCH = "/api/v1", "/apis/apps/v1", "/apis/batch/v1"
# By name in --resources.
COLLECTORS: dict[str, tuple[str, Callable[[Object], Iterator[Sample]]]] = {
    "cronjobs": (_BATCH, cronjobs),
    "daemonsets": (_APPS, daemonsets),
    "deployments": (_APPS, deployments),
    "horizontalpodautoscalers": ("/apis/autoscaling/v2", horizontalpodautoscalers),
    "jobs": (_BATCH, jobs),
    "namespaces": (_CORE, namespaces),
    "nodes": (_CORE, nodes),
    "persistentvolumeclaims": (_CORE, persistentvolumeclaims),
    "persistentvolumes": (_CORE, persistentvolumes),
    "poddisruptionbudgets": ("/apis/policy/v1", poddisruptionbudgets),
    "pods": (_CORE, pods),
    "replicasets": (_APPS, replicasets),
    "resourcequotas": (_CORE, resourcequotas),
    "statefulsets": (_APPS, statefulsets),
}


def _resource(name: str) -> dict[str, str]:
    unit = "core" if name == "cpu" else "integer" if name == "pods" else "byte"
    return {"resource": re.sub(r"[^a-zA-Z0-9]", "_", name), "unit": unit}


def _named(label: str, item: Object) -> dict[str, str]:
    return {"namespace": item["metadata"]["namespace"], label: item["metadata"]["name"]}


def _condition(metric: str, labels: dict[str, str], condition: Object) -> Iterator[Sample]:
    for status in ("true", "false", "unknown"):
        named = {**labels, "condition": condition["type"], "status": status}
        yield metric, named, status == condition["status"].lower()


def _statuses(metric: str, labels: dict[str, str], now: str) -> Iterator[Sample]:
    for status in ("true", "false", "unknown"):
        yield metric, {**labels, "condition": status}, status == now.lower()


def _generations(metric: str, labels: dict[str, str], item: Object) -> Iterator[Sample]:
    yield f"{metric}_metadata_generation", labels, item["metadata"]["generation"]
    yield f"{metric}_status_observed_generation", labels, item.get("status", {}).get("observedGeneration", 0)
    yield f"{metric}_created", labels, _time(item["metadata"]["creationTimestamp"])


def _time(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def text_of(samples: Iterator[Sample] | list[Sample]) -> str:
    """Return samples in Prometheus' text format."""
    families: dict[str, list[str]] = {}
    for name, labels, value in samples:
        pairs = ",".join(f"{key}={json.dumps(text, ensure_ascii=False)}" for key, text in labels.items())
        families.setdefault(name, []).append(f"{name}{{{pairs}}} {float(value):.16g}\n")
    return "".join(
        f"# TYPE {name} {'counter' if name.endswith('_total') else 'gauge'}\n{''.join(lines)}"
        for name, lines in families.items()
    )


class Api:
    """A client of the API server with the pod's service account; counts the responses."""

    def __init__(self) -> None:
        self.lists: dict[tuple[str, str], int] = {}
        self._context = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))
        self._url = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"

    def list(self, resource: str) -> list[Object]:
        """Return all objects of a resource; none if access is denied."""
        token = (_ACCOUNT / "token").read_text(encoding="ascii")
        path = f"{self._url}{COLLECTORS[resource][0]}/{resource}"
        request = urllib.request.Request(path, headers={"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, context=self._context, timeout=10) as answer:
                items: list[Object] = json.load(answer)["items"]
                result = "success"
        except urllib.error.HTTPError as error:
            print(f"cannot list {resource}: {error}", flush=True)
            items, result = [], "error"
        key = (f"*v1.{resource}", result)
        self.lists[key] = self.lists.get(key, 0) + 1
        return items


def main() -> None:
    """Serve the two ports of kube-state-metrics."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--telemetry-port", type=int, default=8081)
    parser.add_argument("--resources", default=",".join(COLLECTORS))
    options, _ = parser.parse_known_args()
    resources = [name for name in options.resources.split(",") if name in COLLECTORS]
    api = Api()

    def state() -> str:
        return text_of(sample for name in resources for item in api.list(name) for sample in COLLECTORS[name][1](item))

    def own() -> str:
        # Every watch starts with the existing objects, so lists are not counted.
        return text_of(
            ("kube_state_metrics_watch_total", {"resource": resource, "result": result}, float(count))
            for (resource, result), count in list(api.lists.items())
        )

    threading.Thread(target=_serve, args=(options.telemetry_port, own), daemon=True).start()
    _serve(options.port, state)


class Server(http.server.ThreadingHTTPServer):
    """Listens on IPv4 and IPv6."""

    address_family = socket.AF_INET6


def _serve(port: int, metrics: Callable[[], str]) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = metrics().encode() if self.path.startswith("/metrics") else b"OK\n"
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Do not log requests."""

    Server(("", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
