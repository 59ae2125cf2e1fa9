"""Names, folders and addresses of a local cluster, unique per cluster."""

import json
import os
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

from harness.backends.ports import in_url
from harness.errors import HarnessError
from harness.tools.cache import cache_dir, locked

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

API_PORT = 6443
# The IP versions of a cluster, the one of its Services and of its nodes' first addresses first.
IP_FAMILIES = {"ipv4": (4,), "ipv6": (6,), "dual": (4, 6)}
# Inside the node's network namespace, these can be the same for every cluster.
_SERVICES = (IPv4Network("10.96.0.0/16"), IPv6Network("fd0b:96::/108"))

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
        ip_family: a key of ``IP_FAMILIES``.
    """

    name: str
    index: int
    workers: int
    root: Path
    ip_family: str = "ipv4"

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
        return f"https://{in_url(str(self.first.ip))}:{API_PORT}"

    @property
    def versions(self) -> tuple[int, ...]:
        """The IP versions, 4 and 6, the preferred one first."""
        return IP_FAMILIES[self.ip_family]

    def of_family(self, ipv4: IPv4Network, ipv6: IPv6Network) -> list[Network]:
        """Return those of two networks that the cluster uses, the preferred one first."""
        networks: dict[int, Network] = {4: ipv4, 6: ipv6}
        return [networks[version] for version in self.versions]

    @property
    def services(self) -> list[Network]:
        """Networks of the Services."""
        return self.of_family(*_SERVICES)

    @property
    def api_service(self) -> Address:
        """Address of the Service ``kubernetes``."""
        return self.services[0][1]

    @property
    def dns_service(self) -> Address:
        """Address of the Service ``kube-dns``."""
        return self.services[0][10]

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
    def links(self) -> list[Network]:
        """Networks of the virtual cable that connects the node."""
        cluster, number = self.cluster, self.number
        return cluster.of_family(
            IPv4Network((f"10.213.{cluster.index}.{4 * number}", 30)),
            IPv6Network((f"fd0b:213:{cluster.index:x}:{number:x}::", 64)),
        )

    @property
    def gateways(self) -> list[Address]:
        """The far end of the cable: on this machine for the first node, on the first node for workers."""
        return [link[1] for link in self.links]

    @property
    def ips(self) -> list[Address]:
        """The node's end of the cable: its InternalIPs."""
        return [link[2] for link in self.links]

    @property
    def ip(self) -> Address:
        """The first InternalIP."""
        return self.ips[0]

    @property
    def pods(self) -> list[Network]:
        """Pod CIDRs of the node; 10.215 and fd0b:215 are for simulated nodes."""
        cluster, number = self.cluster, self.number
        return cluster.of_family(
            IPv4Network((f"10.{215 + number if number else 214}.{cluster.index}.0", 24)),
            IPv6Network((f"fd0b:214:{cluster.index:x}:{number:x}::", 64)),
        )

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
    return Layout(name, saved["index"], saved["workers"], root_of(name), saved["ip_family"])


def allocate(name: str, workers: int = 0, ip_family: str = "ipv4") -> Layout:
    """Reserve folder and addresses for a new cluster.

    Args:
        name: name of the cluster; must be unused.
        workers: number of additional nodes.
        ip_family: a key of ``IP_FAMILIES``.

    Raises:
        HarnessError: the IP family is unknown, too many clusters exist, or there are not enough addresses for the
            workers.
    """
    if not 0 <= workers <= _MAX_WORKERS:
        raise HarnessError(f"a local cluster has 0 to {_MAX_WORKERS} workers, not {workers}")
    if ip_family not in IP_FAMILIES:
        raise HarnessError(f"unknown IP family {ip_family!r}; use one of {', '.join(IP_FAMILIES)}")
    with locked("clusters"):
        layouts = [find(entry.name) for entry in cache_dir("clusters").iterdir()]
        used = {layout.index for layout in layouts if layout} | _indexes_on_host()
        index = next((number for number in range(_MAX_CLUSTERS) if number not in used), None)
        if index is None:
            raise HarnessError(f"{_MAX_CLUSTERS} local clusters exist; remove some with `harness cluster down`")
        root = root_of(name)
        root.mkdir()
        saved = {"index": index, "workers": workers, "ip_family": ip_family}
        root.joinpath("layout.json").write_text(json.dumps(saved), encoding="utf-8")
        return Layout(name, index, workers, root, ip_family)


def _indexes_on_host() -> set[int]:
    """Return the indexes of existing interfaces, including clusters in other caches."""
    prefix = "obs-local-"
    return {int(entry[len(prefix) :]) for entry in os.listdir("/sys/class/net") if entry.startswith(prefix)}
