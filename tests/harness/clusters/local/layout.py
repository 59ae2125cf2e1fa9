"""Names, folders and addresses of one local cluster: each has its own, so that two never meet."""

import json
import os
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from harness.cache import cache_dir, locked
from harness.errors import HarnessError

# Inside the node's own network namespace these can be the same for every cluster.
SERVICES = IPv4Network("10.96.0.0/16")
API_SERVICE = SERVICES[1]
DNS_SERVICE = SERVICES[10]
API_PORT = 6443

_MAX_CLUSTERS = 250


@dataclass(frozen=True)
class Layout:
    """Where one cluster keeps its files and which addresses it uses.

    Attributes:
        name: the cluster's name, also its node's name and its control group's.
        index: distinguishes the addresses of clusters that run side by side.
        root: folder of everything the cluster writes; removed with it.
    """

    name: str
    index: int
    root: Path

    @property
    def link(self) -> IPv4Network:
        """Network of the virtual cable between this machine and the node."""
        return IPv4Network((f"10.213.{self.index}.0", 30))

    @property
    def host_ip(self) -> IPv4Address:
        """This machine's end of the cable."""
        return self.link[1]

    @property
    def node_ip(self) -> IPv4Address:
        """The node's end of the cable: its InternalIP."""
        return self.link[2]

    @property
    def pods(self) -> IPv4Network:
        """Network that pods get their addresses from."""
        return IPv4Network((f"10.214.{self.index}.0", 24))

    @property
    def host_interface(self) -> str:
        """This machine's end of the cable; Linux allows 15 characters."""
        return f"obs-local-{self.index}"

    @property
    def server(self) -> str:
        """URL of the API server, reachable from this machine and from the node."""
        return f"https://{self.node_ip}:{API_PORT}"

    @property
    def cgroup(self) -> str:
        """Name of the control group that all pods of the cluster live in."""
        return f"obs-local-{self.name}"

    def path(self, *parts: str) -> Path:
        """Return a path below the cluster's root."""
        return self.root.joinpath(*parts)


def root_of(name: str) -> Path:
    """Return the folder of the cluster of this name, whether it exists or not."""
    return cache_dir("clusters") / name


def find(name: str) -> Layout | None:
    """Return the layout of the cluster of this name, or ``None`` when there is none."""
    try:
        index = json.loads(root_of(name).joinpath("layout.json").read_text(encoding="utf-8"))["index"]
    except FileNotFoundError:
        return None
    return Layout(name, index, root_of(name))


def allocate(name: str) -> Layout:
    """Reserve folder and addresses for a new cluster.

    Args:
        name: the cluster's name; there must be none of this name.

    Raises:
        HarnessError: too many clusters exist already.
    """
    with locked("clusters"):
        layouts = [find(entry.name) for entry in cache_dir("clusters").iterdir()]
        used = {layout.index for layout in layouts if layout} | _indexes_on_host()
        index = next((number for number in range(_MAX_CLUSTERS) if number not in used), None)
        if index is None:
            raise HarnessError(f"{_MAX_CLUSTERS} local clusters exist; remove some with `harness cluster down`")
        root = root_of(name)
        root.mkdir()
        root.joinpath("layout.json").write_text(json.dumps({"index": index}), encoding="utf-8")
        return Layout(name, index, root)


def _indexes_on_host() -> set[int]:
    """Return the indexes whose interface exists, also those of clusters in another cache."""
    prefix = "obs-local-"
    return {int(entry[len(prefix) :]) for entry in os.listdir("/sys/class/net") if entry.startswith(prefix)}
