"""The log volume: an emptyDir, a persistent volume claim, or an existing volume."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.render.manifests import Manifests, Object

PodSpec = Callable[..., Object]
CLAIM = {"type": "persistentVolumeClaim"}


def volumes(spec: Object) -> dict[str, Object]:
    return {volume.pop("name"): volume for volume in spec["volumes"]}


def mounts(container: Object) -> dict[str, Object]:
    """Return the mounts of a container by path."""
    return {mount.pop("mountPath"): mount for mount in container["volumeMounts"]}


def test_empty_dir_has_a_limit(pod_spec: PodSpec) -> None:
    """The default volume is an emptyDir on disk with a size limit; medium and limit come from the values."""
    assert volumes(pod_spec())["logs"] == {"emptyDir": {"sizeLimit": "1Gi"}}
    memory = {"logs": {"volume": {"emptyDir": {"sizeLimit": "64Mi", "medium": "Memory"}}}}
    assert volumes(pod_spec(memory))["logs"] == {"emptyDir": {"sizeLimit": "64Mi", "medium": "Memory"}}


def test_directory_is_mounted_in_both_containers(pod_spec: PodSpec) -> None:
    """Both containers mount the log directory at the same path, the sidecar read-only."""
    values = {"logs": {"directory": "/srv/logs", "files": [{"name": "a", "path": "/srv/logs/a.log"}]}}
    spec = pod_spec(values)
    assert mounts(spec["containers"][0])["/srv/logs"] == {"name": "logs"}
    assert mounts(spec["initContainers"][0])["/srv/logs"] == {"name": "logs", "readOnly": True}


TOMCAT = {"tomcat": {"path": "/opt/tomcat/logs"}}
DIRECTORIES: dict[str, tuple[dict[str, Any], dict[str, str], dict[str, Object]]] = {
    "emptyDir": (
        {"logs": {"extraDirectories": TOMCAT, "volume": {"emptyDir": {"sizeLimit": "64Mi"}}}},
        {"name": "logs-tomcat"},
        {"logs": {"emptyDir": {"sizeLimit": "64Mi"}}, "logs-tomcat": {"emptyDir": {"sizeLimit": "64Mi"}}},
    ),
    "claim": (
        {"logs": {"extraDirectories": TOMCAT, "volume": CLAIM}},
        {"name": "logs", "subPath": ".logs-tomcat"},
        {"logs": {"persistentVolumeClaim": {"claimName": "x-log-sidecar-logs"}}},
    ),
    "existing": (
        {
            "logs": {
                "extraDirectories": {"tomcat": {**TOMCAT["tomcat"], "existing": {"name": "data", "subPath": "a"}}}
            },
            "extraVolumes": [{"name": "data", "emptyDir": {}}],
        },
        {"name": "data", "subPath": "a"},
        {"logs": {"emptyDir": {"sizeLimit": "1Gi"}}, "data": {"emptyDir": {}}},
    ),
}


@pytest.mark.parametrize(("values", "mount", "expected"), DIRECTORIES.values(), ids=DIRECTORIES)
def test_several_directories(
    pod_spec: PodSpec, values: dict[str, Any], mount: dict[str, str], expected: dict[str, Object]
) -> None:
    """Both containers mount each directory: a volume of its own, a hidden directory of the claim, or your volume."""
    spec = pod_spec(values)
    assert mounts(spec["containers"][0])["/opt/tomcat/logs"] == mount
    assert mounts(spec["initContainers"][0])["/opt/tomcat/logs"] == {**mount, "readOnly": True}
    made = volumes(spec)
    assert {name: made[name] for name in made if name.startswith(("logs", "data"))} == expected


def test_claim_of_a_deployment(install: Callable[..., Manifests], pod_spec: PodSpec) -> None:
    """A Deployment has one claim, and recreates its pod instead of running two on the same claim."""
    claim = {"storageClassName": "gp3", "size": "5Gi", "annotations": {"helm.sh/resource-policy": "keep"}}
    made = install({"logs": {"volume": {**CLAIM, "persistentVolumeClaim": claim}}})
    item = made.one("PersistentVolumeClaim")
    assert item["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert item["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "gp3",
        "resources": {"requests": {"storage": "5Gi"}},
    }
    assert made.one("Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    assert volumes(pod_spec({"logs": {"volume": CLAIM}}))["logs"] == {
        "persistentVolumeClaim": {"claimName": "x-log-sidecar-logs"}
    }


def test_claim_of_each_pod_of_a_stateful_set(install: Callable[..., Manifests], pod_spec: PodSpec) -> None:
    """A StatefulSet creates a claim for each pod, with a template that is the same in every chart version."""
    values = {"app": {"kind": "StatefulSet"}, "logs": {"volume": CLAIM}}
    made = install(values)
    assert not made.select("PersistentVolumeClaim")
    [template] = made.one("StatefulSet")["spec"]["volumeClaimTemplates"]
    assert template["metadata"]["name"] == "logs"
    assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(template["metadata"]["labels"])
    assert "logs" not in volumes(pod_spec(values))


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "Job", "Pod"])
def test_claim_that_exists(install: Callable[..., Manifests], pod_spec: PodSpec, kind: str) -> None:
    """An existing claim is used, and no claim is created."""
    volume = {**CLAIM, "persistentVolumeClaim": {"existingClaim": "mine"}}
    values = {"app": {"kind": kind}, "logs": {"volume": volume}}
    made = install(values)
    assert not made.select("PersistentVolumeClaim")
    assert "volumeClaimTemplates" not in made.one(kind, "x-log-sidecar")["spec"]
    assert volumes(pod_spec(values))["logs"] == {"persistentVolumeClaim": {"claimName": "mine"}}


def test_positions_lie_beside_files_that_outlive_the_pod(pod_spec: PodSpec) -> None:
    """With a claim, positions are stored on it, so that the next pod resumes where this one stopped."""
    on_claim = pod_spec({"logs": {"volume": CLAIM}})
    assert mounts(on_claim["initContainers"][0])["/var/lib/log-sidecar"] == {"name": "logs", "subPath": ".log-sidecar"}
    assert "state" not in volumes(on_claim)
    default = pod_spec()
    assert mounts(default["initContainers"][0])["/var/lib/log-sidecar"] == {"name": "state"}
    assert volumes(default)["state"] == {"emptyDir": {"sizeLimit": "256Mi", "medium": "Memory"}}


@pytest.mark.parametrize(
    ("medium", "expected"), [("auto", {"medium": "Memory"}), ("Memory", {"medium": "Memory"}), ("", {})]
)
def test_positions_lie_where_a_full_disk_does_no_harm(pod_spec: PodSpec, medium: str, expected: dict[str, str]) -> None:
    """State for stdout is in memory by default, and on the node's disk on request."""
    values = {"sidecar": {"state": {"sizeLimit": "64Mi", "medium": medium}}}
    assert volumes(pod_spec(values))["state"] == {"emptyDir": {"sizeLimit": "64Mi", **expected}}


def existing(**app: Any) -> dict[str, Any]:
    return {
        "app": app,
        "logs": {"volume": {"type": "existing", "existing": {"name": "data", "subPath": "logs"}}},
        "extraVolumes": [{"name": "data", "emptyDir": {}}],
    }


def test_volume_of_the_user(pod_spec: PodSpec) -> None:
    """An existing volume is mounted in both containers, with the `subPath` of the values."""
    spec = pod_spec(existing())
    assert "logs" not in volumes(spec)
    assert mounts(spec["containers"][0])["/var/log/app"] == {"name": "data", "subPath": "logs"}
    assert mounts(spec["initContainers"][0])["/var/log/app"] == {"name": "data", "subPath": "logs", "readOnly": True}


def test_mount_of_the_user_is_not_doubled(pod_spec: PodSpec) -> None:
    """A mount of the log directory in `app.extraVolumeMounts` replaces the chart's."""
    own = {"name": "data", "mountPath": "/var/log/app", "subPath": "logs"}
    container = pod_spec(existing(extraVolumeMounts=[own]))["containers"][0]
    assert [mount for mount in container["volumeMounts"] if mount["mountPath"] == "/var/log/app"] == [own]
