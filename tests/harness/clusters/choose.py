"""Selects a cluster provider.

``local`` runs nodes as processes of this machine, ``kind`` runs nodes in Docker, ``existing`` uses a running cluster,
only with an explicit kubeconfig.
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
    type: str = "auto",
    name: str = "local",
    *,
    kubeconfig: Path | None = None,
    keep: bool = False,
    workers: int = 0,
    ip_family: str = "ipv4",
) -> Cluster:
    """Return a cluster without starting it.

    Args:
        type: one of ``TYPES``; ``auto`` uses ``detect``.
        name: name of a created cluster.
        kubeconfig: kubeconfig for ``existing``.
        keep: leave the cluster running when this process ends.
        workers: number of additional nodes in a created cluster.
        ip_family: ``ipv4``, ``ipv6`` or ``dual``, of a created cluster.

    Raises:
        HarnessError: the type is unknown or does not work on this machine, or the kubeconfig is missing.
    """
    if type == "auto":
        type = detect()
    if type == "local":
        return LocalCluster(name, Options(workers=workers, ip_family=ip_family), keep=keep)
    if type == "kind":
        return KindCluster(name, workers=workers, ip_family=ip_family)
    if type == "existing":
        if kubeconfig is None:
            raise HarnessError("CLUSTER=existing requires a kubeconfig: set KUBECONFIG=<file>")
        return ExistingCluster(kubeconfig)
    raise HarnessError(f"unknown cluster type {type!r}; use one of {', '.join(TYPES)}")


def detect() -> str:
    """Return the type of cluster that this machine can create.

    Raises:
        HarnessError: it can create none.
    """
    if docker_answers():
        return "kind"
    if sys.platform == "linux" and os.geteuid() == 0:
        return "local"
    raise HarnessError(
        "this machine cannot create a cluster: start a Docker engine, or run as root on Linux, "
        "or name a cluster: CLUSTER=existing KUBECONFIG=<file>"
    )


def docker_answers() -> bool:
    """Return whether a Docker engine answers, not only its client."""
    return bool(shutil.which("docker")) and subprocess.run(["docker", "info"], capture_output=True).returncode == 0
