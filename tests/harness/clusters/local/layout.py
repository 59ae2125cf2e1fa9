"""Names, folders and addresses of a local cluster, unique per cluster."""

import json
import os
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from harness.errors import HarnessError
from harness.tools.cache import cache_dir, locked

# Inside the node's network namespace, these can be the same for every cluster.
SERVICES = IPv4Network("10.96.0.0/16")
API_SERVICE = SERVICES[1]
DNS_SERVICE = SERVICES[10]
API_PORT = 6443

_MAX_CLUSTERS = 250
_MAX_WORKERS = 8


@dataclass(frozen=True)
class Layout:
    """The folders and addresses of one cluster.

    Attributes:
        name: the cluster's name.
        index: number that distinguishes the addresses of parallel clusters.
        workers: number of additional nodes.
        root: folder for all files of the cluster; removed with it.
    """

    name: str
    index: int
    workers: int
    root: Path

    @property
    def first(self) -> "Node":
        """The control plane node; its virtual cable ends on this machine."""
        return Node(self, 0)

    @property
    def nodes(self) -> list["Node"]:
        """All nodes, the first one first."""
        return [Node(self, number) for number in range(self.workers + 1)]

    @property
    def server(self) -> str:
        """URL of the API server, reachable from this machine and from each node."""
        return f"https://{self.first.ip}:{API_PORT}"

    def path(self, *parts: str) -> Path:
        """Return a path below the cluster's root."""
        return self.root.joinpath(*parts)


@dataclass(frozen=True)
class Node:
    """The folder, addresses and names of one node.

    Attributes:
        cluster: the cluster.
        number: 0 for the first node, with the control plane; 1, 2, ... for workers.
    """

    cluster: Layout
    number: int

    @property
    def name(self) -> str:
        """The node's name: the cluster's for the first one."""
        return f"{self.cluster.name}-worker{self.number}" if self.number else self.cluster.name

    @property
    def link(self) -> IPv4Network:
        """Network of the virtual cable that connects the node."""
        return IPv4Network((f"10.213.{self.cluster.index}.{4 * self.number}", 30))

    @property
    def gateway(self) -> IPv4Address:
        """The far end of the cable: on this machine for the first node, on the first node for workers."""
        return self.link[1]

    @property
    def ip(self) -> IPv4Address:
        """The node's end of the cable: its InternalIP."""
        return self.link[2]

    @property
    def pods(self) -> IPv4Network:
        """Pod CIDR of the node; 10.215 is for simulated nodes."""
        second = 215 + self.number if self.number else 214
        return IPv4Network((f"10.{second}.{self.cluster.index}.0", 24))

    @property
    def interface(self) -> str:
        """Interface name at the far end of the cable; at most 15 characters on Linux."""
        return f"worker-{self.number}" if self.number else f"obs-local-{self.cluster.index}"

    @property
    def cgroup(self) -> str:
        """Name of the control group of all pods on the node; cluster names have no dots."""
        return f"obs-local-{self.cluster.name}" + (f".{self.number}" if self.number else "")

    def path(self, *parts: str) -> Path:
        """Return a path below the node's folder; for the first node, the cluster's folder."""
        return self.cluster.path(*([f"worker-{self.number}"] if self.number else []), *parts)


def root_of(name: str) -> Path:
    """Return the folder of a cluster; it need not exist."""
    return cache_dir("clusters") / name


def find(name: str) -> Layout | None:
    """Return the layout of an existing cluster, or ``None``."""
    try:
        saved = json.loads(root_of(name).joinpath("layout.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Layout(name, saved["index"], saved.get("workers", 0), root_of(name))


def allocate(name: str, workers: int = 0) -> Layout:
    """Reserve folder and addresses for a new cluster.

    Args:
        name: name of the cluster; must be unused.
        workers: number of additional nodes.

    Raises:
        HarnessError: too many clusters exist, or there are not enough addresses for the workers.
    """
    if not 0 <= workers <= _MAX_WORKERS:
        raise HarnessError(f"a local cluster has 0 to {_MAX_WORKERS} workers, not {workers}")
    with locked("clusters"):
        layouts = [find(entry.name) for entry in cache_dir("clusters").iterdir()]
        used = {layout.index for layout in layouts if layout} | _indexes_on_host()
        index = next((number for number in range(_MAX_CLUSTERS) if number not in used), None)
        if index is None:
            raise HarnessError(f"{_MAX_CLUSTERS} local clusters exist; remove some with `harness cluster down`")
        root = root_of(name)
        root.mkdir()
        root.joinpath("layout.json").write_text(json.dumps({"index": index, "workers": workers}), encoding="utf-8")
        return Layout(name, index, workers, root)


def _indexes_on_host() -> set[int]:
    """Return the indexes of existing interfaces, including clusters in other caches."""
    prefix = "obs-local-"
    return {int(entry[len(prefix) :]) for entry in os.listdir("/sys/class/net") if entry.startswith(prefix)}
