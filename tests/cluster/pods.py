"""Pods like those of third-party charts, for the tests of injection."""

import copy
import json
from typing import Any

from cluster.stage import Stage
from harness.render.manifests import Object

PYTHON = "public.ecr.aws/docker/library/python:3.11-slim-bookworm"
IMAGES = (
    PYTHON,
    "public.ecr.aws/docker/library/debian:bookworm-slim",
    "public.ecr.aws/aws-observability/aws-for-fluent-bit:3.4.17",
)
ASKS = {"log-sidecar/inject": "true", "log-sidecar/paths": "/var/log/app/app.log"}
# A backend and its Secret in the pod's own namespace.
HTTP: dict[str, Any] = {
    "type": "http",
    "host": "receiver",
    "port": 8080,
    "tls": {"enabled": False},
    "format": "json_lines",
    "compress": "",
    "secretHeaders": {"Authorization": {"name": "ingest", "key": "token"}},
}
# As Fargate requires them.
EQUAL = {kind: {"cpu": "20m", "memory": "128Mi"} for kind in ("requests", "limits")}
INJECTS: dict[str, Any] = {
    "app": {"enabled": False},
    "injection": {
        "enabled": True,
        "namespaceSelector": {"matchExpressions": [{"key": "logs", "operator": "NotIn", "values": ["none"]}]},
        "profiles": {
            "default": {"logLevel": "warn"},
            "fargate": {"resources": EQUAL},
            "java": {"multiline": "java"},
            "small": {"engine": "tail"},
            "backend": {"outputs": {"stdout": {"enabled": False}, "receiver": HTTP}},
        },
    },
}
# Only the owner can read its files.
WRITER = ["sh", "-c", 'umask 077; exec python3 /writer/writer.py "$@"', "sh", "--file", "/var/log/app/app.log"]
_CONTEXT = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}


def mount(volume: str, path: str, sub_path: str = "") -> dict[str, str]:
    """Return the mount of a volume."""
    return {"name": volume, "mountPath": path, **({"subPath": sub_path} if sub_path else {})}


def pod(name: str, annotations: dict[str, str], containers: list[dict[str, Any]] | None = None, **spec: Any) -> Object:
    """Return a pod that passes PodSecurity `restricted`.

    Args:
        name: name of the pod, also the label `case`.
        annotations: annotations; names without a prefix get ``log-sidecar/``.
        containers: fields of the containers `app` and `web`; ``mounts`` are added to the writer's.
        spec: other fields of the pod specification.
    """
    boxes = [_container(box, part) for box, part in zip(("app", "web"), containers or [{}], strict=False)]
    volumes = [{"name": "writer", "configMap": {"name": "writer"}}, *spec.pop("volumes", [])]
    inits = [_container("init", part) for part in spec.pop("initContainers", [])]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {"case": name},
            "annotations": {key if "/" in key else f"log-sidecar/{key}": text for key, text in annotations.items()},
        },
        "spec": {
            "terminationGracePeriodSeconds": 5,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 12345, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": boxes,
            "volumes": volumes,
            **({"initContainers": inits} if inits else {}),
            **spec,
        },
    }


def workload(kind: str, made: Object) -> dict[str, Any]:
    """Return a workload with a pod as its template."""
    if kind == "Pod":
        return made
    name, labels = made["metadata"]["name"], made["metadata"]["labels"]
    template = {"metadata": {key: made["metadata"][key] for key in ("labels", "annotations")}, "spec": made["spec"]}
    if kind in ("Job", "CronJob"):
        made["spec"]["restartPolicy"] = "Never"
        spec: dict[str, Any] = {"backoffLimit": 0, "template": template}
    else:
        spec = {"selector": {"matchLabels": labels}, "template": template}
    if kind == "CronJob":
        job = {"metadata": {"labels": labels}, "spec": spec}
        spec = {"schedule": "0 0 1 1 *", "jobTemplate": job}
    group = "batch/v1" if kind in ("Job", "CronJob") else "apps/v1"
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name, "labels": labels}, "spec": spec}


def sidecar_of(made: Object) -> dict[str, Any]:
    """Return the injected container of a pod; empty if there is none."""
    boxes = made["spec"].get("initContainers", [])
    return next((box for box in boxes if box["name"] == "log-sidecar"), {})


def patched(made: Object, change: dict[str, Any]) -> Object:
    """Return a pod with values at dotted paths replaced; ``...`` removes one."""
    made = copy.deepcopy(made)
    for path, value in change.items():
        # Annotation names contain dots.
        steps = path.split(".", 2) if path.startswith("metadata.annotations.") else path.split(".")
        target: Any = made
        for step in steps[:-1]:
            target = target[int(step)] if step.isdigit() else target[step]
        if value is ...:
            del target[steps[-1]]
        elif isinstance(target, list):
            target[int(steps[-1]) :] = [value]
        else:
            target[steps[-1]] = value
    return made


def dry_run(stage: Stage, item: Object) -> Object:
    """Return an object after admission, without storing it."""
    made: Object = json.loads(
        stage.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(item))
    )
    return made


def answer(stage: Stage, item: Object) -> str:
    """Return an object after admission, or the rejection."""
    try:
        return json.dumps(dry_run(stage, item))
    except AssertionError as error:
        return str(error)


def _container(name: str, part: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in part.items() if key != "mounts"}
    mounts = [{"name": "writer", "mountPath": "/writer"}, *part.get("mounts", [])]
    own = {"name": name, "image": PYTHON, "securityContext": _CONTEXT, "volumeMounts": mounts}
    return {**own, "command": ["sleep", "600"], **rest}
