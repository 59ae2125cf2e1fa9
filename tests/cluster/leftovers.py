"""What a local cluster leaves behind on this machine, where other clusters start and stop at the same time."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.clusters.local import layout
from harness.tools.cache import cache_dir, locked


def traces(name: str) -> dict[str, set[str]]:
    """Return everything on this machine that a cluster could leave behind.

    Args:
        name: name of the cluster.

    Returns:
        Kind of resource -> names of the resources.
    """
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True).stdout
    return {
        "processes": set(processes(name)),
        "mounts": set(Path("/proc/mounts").read_text(encoding="utf-8").splitlines()),
        "interfaces": without_others(name, os.listdir("/sys/class/net")),
        "iptables rules": {line for line in rules.splitlines() if not line.startswith(("#", ":"))},
        "network namespaces": set(subprocess.run(["ip", "netns"], capture_output=True, text=True).stdout.split()),
        "control groups": set(_control_groups(name)),
        "directories": {str(entry) for place in ("/var/log", "/var/lib", "/run") for entry in Path(place).iterdir()},
        "clusters": {name} if layout.root_of(name).exists() else set(),
    }


def left_behind(name: str, before: dict[str, set[str]], *, seconds: float = 30) -> dict[str, set[str]]:
    """Return everything that is new and remains.

    A resource of another cluster may be listed in the moment before it can be attributed to that cluster. It disappears
    or becomes attributable; a leftover does not.

    Args:
        name: name of the cluster.
        before: `traces` before the cluster was created.
        seconds: time until a new resource is a leftover.
    """
    deadline = time.monotonic() + seconds
    while True:
        left = {kind: new for kind, now in traces(name).items() if (new := now - before[kind])}
        if not left or time.monotonic() >= deadline:
            return left
        time.sleep(min(1, seconds))


def without_others(name: str, interfaces: Iterable[str]) -> set[str]:
    """Return the network interfaces that belong to no other cluster.

    All other resources of a cluster are in its own namespaces, or carry its name.
    """
    # Clusters are created under this lock; without it, a half-written layout would be read.
    with locked("clusters"):
        plans = [layout.find(entry.name) for entry in cache_dir("clusters").iterdir()]
    return set(interfaces) - {plan.first.interface for plan in plans if plan and plan.name != name}


def processes(name: str) -> Iterator[str]:
    """Processes of the node, including container shims, carry the cluster's name in their environment."""
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if f"HARNESS_CLUSTER={name}".encode() in path.joinpath("environ").read_bytes().split(b"\0"):
                yield path.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode()


def _control_groups(name: str, base: str = "/sys/fs/cgroup") -> Iterator[str]:
    # os.walk, unlike Path.rglob, continues when a group of another cluster disappears.
    for folder, inside, _ in os.walk(base):
        yield from (os.path.join(folder, group) for group in inside if group.startswith(f"obs-local-{name}"))
