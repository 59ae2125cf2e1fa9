"""Addresses of local clusters, which run side by side."""

from itertools import combinations
from pathlib import Path

import pytest

from harness.clusters.local import layout
from harness.clusters.local.layout import Layout
from harness.errors import HarnessError

_FAMILIES = pytest.mark.parametrize("ip_family", layout.IP_FAMILIES)


@_FAMILIES
def test_no_two_nodes_share_anything(ip_family: str) -> None:
    """Parallel clusters with the maximum of workers have disjoint networks, names and folders."""
    # One name is the beginning of the other, as that of a worker is.
    clusters = [
        Layout(f"a{'-worker1' * index}", index, layout._MAX_WORKERS, Path(f"/{index}"), ip_family) for index in (0, 1)
    ]
    nodes = [node for cluster in clusters for node in cluster.nodes]
    networks = [network for node in nodes for network in (*node.links, *node.pods)] + clusters[0].services
    assert not [
        pair
        for pair in combinations(networks, 2)
        if pair[0].version == pair[1].version and pair[0].overlaps(pair[1])  # type: ignore[arg-type]
    ]
    assert len({node.cgroup for node in nodes}) == len({node.path("log") for node in nodes}) == len(nodes)
    assert max(len(node.interface) for node in nodes) <= 15


@pytest.mark.parametrize(
    ("ip_family", "addresses"),
    [
        ("ipv4", ["10.213.249.2 10.214.249.0/24", "10.213.249.34 10.223.249.0/24"]),
        ("ipv6", ["fd0b:213:f9::2 fd0b:214:f9::/64", "fd0b:213:f9:8::2 fd0b:214:f9:8::/64"]),
        (
            "dual",
            [
                "10.213.249.2 fd0b:213:f9::2 10.214.249.0/24 fd0b:214:f9::/64",
                "10.213.249.34 fd0b:213:f9:8::2 10.223.249.0/24 fd0b:214:f9:8::/64",
            ],
        ),
    ],
    ids=layout.IP_FAMILIES,
)
def test_last_cluster_has_addresses(ip_family: str, addresses: list[str]) -> None:
    """Every node of the last possible cluster has valid addresses of the family."""
    last = Layout("a", layout._MAX_CLUSTERS - 1, layout._MAX_WORKERS, Path("/a"), ip_family)
    assert [" ".join(map(str, [*node.ips, *node.pods])) for node in (last.first, last.nodes[-1])] == addresses


def test_unknown_family_is_rejected() -> None:
    """The message lists the families, and nothing is reserved."""
    with pytest.raises(HarnessError, match="unknown IP family 'ipx'; use one of ipv4, ipv6, dual"):
        layout.allocate("test-ipx", ip_family="ipx")
    assert layout.find("test-ipx") is None


def test_too_many_workers_are_rejected() -> None:
    """The message says how many there may be, and nothing was reserved."""
    with pytest.raises(HarnessError, match="a local cluster has 0 to 8 workers, not 9"):
        layout.allocate("test-too-many", 9)
    assert layout.find("test-too-many") is None
