"""The mounts of a container, and whether they outlive the pod."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from harness.render.manifests import Object, Pod

# Volumes of these kinds keep their content for the next pod.
_LASTING = {"hostPath", "persistentVolumeClaim"}
_DISK = re.compile(r"^[A-Za-z]:")
# Where containerd (1.7 and newer) mounts the image of a host process; volumes are there and at their own path.
SANDBOX = "C:\\hpc"


@dataclass(frozen=True)
class Mount:
    """A folder of a container.

    Attributes:
        path: mount path.
        read_only: whether it is read-only.
        lasting: whether it outlives the pod.
    """

    path: str
    read_only: bool = False
    lasting: bool = True


def mounts_of(pod: Pod, container: Object) -> list[Mount]:
    """Return the mounts of a container; for a host process, including the node's disk."""
    volumes = {volume["name"]: volume for volume in pod.spec.get("volumes") or []}
    found = []
    for mount in container.get("volumeMounts") or []:
        volume = volumes[mount["name"]]
        read_only = bool(mount.get("readOnly")) or bool({"configMap", "secret", "projected"} & set(volume))
        found.append(Mount(mount["mountPath"], read_only, bool(_LASTING & set(volume))))
    if not is_host_process(pod, container):
        return found
    below = [Mount(SANDBOX + _DISK.sub("", mount.path), mount.read_only, mount.lasting) for mount in found]
    return [*found, *below, Mount(SANDBOX, lasting=False), Mount("C:\\")]


def is_host_process(pod: Pod, container: Object) -> bool:
    """Return whether a container is a Windows host process, by its own or its pod's security context."""
    for context in (container.get("securityContext"), pod.spec.get("securityContext")):
        options = (context or {}).get("windowsOptions") or {}
        if "hostProcess" in options:
            return bool(options["hostProcess"])
    return False


def mount_at(mounts: Iterable[Mount], path: str) -> Mount | None:
    """Return the innermost mount that contains a path."""
    mounts = list(mounts)
    windows = any("\\" in one or _DISK.match(one) for one in [path, *(mount.path for mount in mounts)])
    where = _steps(path, windows)
    holding = [(len(steps), mount) for mount in mounts if where[: len(steps := _steps(mount.path, windows))] == steps]
    return max(holding, key=lambda found: found[0], default=(0, None))[1]


def _steps(path: str, windows: bool) -> list[str]:
    # Windows paths have one root here, disk C:, with any slash and case.
    plain = _DISK.sub("", path).lower() if windows else path
    return [step for step in re.split(r"[/\\]+" if windows else "/+", plain) if step]
