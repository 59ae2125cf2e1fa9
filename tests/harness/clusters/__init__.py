"""Clusters to install charts on: three providers with one interface."""

from harness.clusters.base import Cluster
from harness.clusters.choose import TYPES, create, detect, docker_answers
from harness.clusters.existing import ExistingCluster
from harness.clusters.kind import KindCluster
from harness.clusters.local import LocalCluster
from harness.clusters.local.layout import IP_FAMILIES

__all__ = [
    "IP_FAMILIES",
    "TYPES",
    "Cluster",
    "ExistingCluster",
    "KindCluster",
    "LocalCluster",
    "create",
    "detect",
    "docker_answers",
]
