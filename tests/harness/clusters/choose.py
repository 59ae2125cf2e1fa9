"""Chooses a provider of clusters.

``local`` runs a node's processes on this machine, ``kind`` runs nodes in Docker, ``existing`` uses a cluster
that somebody else made, and only when told which one.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from harness.clusters.base import Cluster
from harness.clusters.existing import ExistingCluster
from harness.clusters.kind import KindCluster
from harness.clusters.local import LocalCluster
from harness.clusters.local.config import Options
from harness.errors import HarnessError

TYPES = ("auto", "local", "kind", "existing")


def create(
    type: str = "auto", name: str = "local", *, kubeconfig: Path | None = None, keep: bool = False, workers: int = 0
) -> Cluster:
    """Return a cluster, not yet up.

    Args:
        type: one of ``TYPES``; ``auto`` chooses by ``detect``.
        name: the cluster's name, for those that are made.
        kubeconfig: access to the cluster, for ``existing``.
        keep: leave the cluster running when this process ends.
        workers: nodes besides the first, for those that are made.

    Raises:
        HarnessError: the type is unknown, does not work on this machine, or lacks its kubeconfig.
    """
    if type == "auto":
        type = detect()
    if type == "local":
        return LocalCluster(name, Options(workers=workers), keep=keep)
    if type == "kind":
        return KindCluster(name, workers=workers)
    if type == "existing":
        if kubeconfig is None:
            raise HarnessError("CLUSTER=existing needs to be told which one: set KUBECONFIG=<file>")
        return ExistingCluster(kubeconfig)
    raise HarnessError(f"there is no cluster type {type!r}; choose one of {', '.join(TYPES)}")


def detect() -> str:
    """Return the type of cluster that this machine can make.

    Raises:
        HarnessError: it can make none.
    """
    if docker_answers():
        return "kind"
    if sys.platform == "linux" and os.geteuid() == 0:
        return "local"
    raise HarnessError(
        "no cluster can be made here: start a Docker engine, or run as root on Linux, "
        "or name a cluster: CLUSTER=existing KUBECONFIG=<file>"
    )


def docker_answers() -> bool:
    """Say whether there is a Docker engine, not only its client."""
    return bool(shutil.which("docker")) and subprocess.run(["docker", "info"], capture_output=True).returncode == 0
