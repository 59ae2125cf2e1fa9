"""Which folders a container sees, and which of these outlive it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from harness.render.manifests import Object, Pod

# What a volume of these kinds holds is still there for the next pod.
_LASTING = {"hostPath", "persistentVolumeClaim"}
_DISK = re.compile(r"^[A-Za-z]:")
# Where containerd (1.7 and newer) shows a host process its own image; volumes are there too, and at their own path.
SANDBOX = "C:\\hpc"


@dataclass(frozen=True)
class Mount:
    """A folder of a container.

    Attributes:
        path: where it is.
        read_only: whether nothing can be written to it.
        lasting: whether it outlives the pod.
    """

    path: str
    read_only: bool = False
    lasting: bool = True


def mounts_of(pod: Pod, container: Object) -> list[Mount]:
    """Return what a container mounts; of a host process, also the disk of its node."""
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
    """Say whether a container is a Windows host process, by its own word or its pod's."""
    for context in (container.get("securityContext"), pod.spec.get("securityContext")):
        options = (context or {}).get("windowsOptions") or {}
        if "hostProcess" in options:
            return bool(options["hostProcess"])
    return False


def mount_at(mounts: Iterable[Mount], path: str) -> Mount | None:
    """Return the mount that a path lies in, the innermost of several."""
    mounts = list(mounts)
    windows = any("\\" in one or _DISK.match(one) for one in [path, *(mount.path for mount in mounts)])
    where = _steps(path, windows)
    holding = [(len(steps), mount) for mount in mounts if where[: len(steps := _steps(mount.path, windows))] == steps]
    return max(holding, key=lambda found: found[0], default=(0, None))[1]


def _steps(path: str, windows: bool) -> list[str]:
    # Windows has one root here, its disk C:, no matter which slash and which case.
    plain = _DISK.sub("", path).lower() if windows else path
    return [step for step in re.split(r"[/\\]+" if windows else "/+", plain) if step]
