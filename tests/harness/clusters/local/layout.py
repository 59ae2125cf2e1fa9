"""Names, folders and addresses of one local cluster: each has its own, so that two never meet."""

import json
import os
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from harness.errors import HarnessError
from harness.tools.cache import cache_dir, locked

# Inside the node's own network namespace these can be the same for every cluster.
SERVICES = IPv4Network("10.96.0.0/16")
API_SERVICE = SERVICES[1]
DNS_SERVICE = SERVICES[10]
API_PORT = 6443

_MAX_CLUSTERS = 250
_MAX_WORKERS = 8


@dataclass(frozen=True)
class Layout:
    """Where one cluster keeps its files and which addresses it uses.

    Attributes:
        name: the cluster's name.
        index: distinguishes the addresses of clusters that run side by side.
        workers: how many nodes it has besides the first.
        root: folder of everything the cluster writes; removed with it.
    """

    name: str
    index: int
    workers: int
    root: Path

    @property
    def first(self) -> "Node":
        """The node that has the control plane; its cable ends on this machine."""
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
    """One node: its own folder, addresses and names.

    Attributes:
        cluster: what it is a node of.
        number: 0 for the first node, which has the control plane; 1, 2, ... for workers.
    """

    cluster: Layout
    number: int

    @property
    def name(self) -> str:
        """The node's name: the cluster's for the first one."""
        return f"{self.cluster.name}-worker{self.number}" if self.number else self.cluster.name

    @property
    def link(self) -> IPv4Network:
        """Network of the virtual cable between the node and what it reaches all others by."""
        return IPv4Network((f"10.213.{self.cluster.index}.{4 * self.number}", 30))

    @property
    def gateway(self) -> IPv4Address:
        """The cable's other end: on this machine for the first node, on the first node for workers."""
        return self.link[1]

    @property
    def ip(self) -> IPv4Address:
        """The node's end of the cable: its InternalIP."""
        return self.link[2]

    @property
    def pods(self) -> IPv4Network:
        """Network that the node's pods get their addresses from; 10.215 is that of simulated nodes."""
        second = 215 + self.number if self.number else 214
        return IPv4Network((f"10.{second}.{self.cluster.index}.0", 24))

    @property
    def interface(self) -> str:
        """The cable's other end; Linux allows 15 characters."""
        return f"worker-{self.number}" if self.number else f"obs-local-{self.cluster.index}"

    @property
    def cgroup(self) -> str:
        """Name of the control group that all pods of the node live in; no cluster's name has a dot."""
        return f"obs-local-{self.cluster.name}" + (f".{self.number}" if self.number else "")

    def path(self, *parts: str) -> Path:
        """Return a path below the node's own folder, which for the first one is the cluster's."""
        return self.cluster.path(*([f"worker-{self.number}"] if self.number else []), *parts)


def root_of(name: str) -> Path:
    """Return the folder of the cluster of this name, whether it exists or not."""
    return cache_dir("clusters") / name


def find(name: str) -> Layout | None:
    """Return the layout of the cluster of this name, or ``None`` when there is none."""
    try:
        saved = json.loads(root_of(name).joinpath("layout.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Layout(name, saved["index"], saved.get("workers", 0), root_of(name))


def allocate(name: str, workers: int = 0) -> Layout:
    """Reserve folder and addresses for a new cluster.

    Args:
        name: the cluster's name; there must be none of this name.
        workers: how many nodes it is to have besides the first.

    Raises:
        HarnessError: too many clusters exist already, or so many workers have no addresses.
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
    """Return the indexes whose interface exists, also those of clusters in another cache."""
    prefix = "obs-local-"
    return {int(entry[len(prefix) :]) for entry in os.listdir("/sys/class/net") if entry.startswith(prefix)}
