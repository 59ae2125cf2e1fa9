"""Addresses of local clusters, which run side by side."""

from itertools import combinations
from pathlib import Path

import pytest

from harness.clusters.local import layout
from harness.clusters.local.layout import Layout
from harness.errors import HarnessError


def test_no_two_nodes_share_anything() -> None:
    """Parallel clusters with the maximum of workers have disjoint networks, names and folders."""
    # One name is the beginning of the other, as that of a worker is.
    clusters = [Layout(f"a{'-worker1' * index}", index, layout._MAX_WORKERS, Path(f"/{index}")) for index in (0, 1)]
    nodes = [node for cluster in clusters for node in cluster.nodes]
    networks = [network for node in nodes for network in (node.link, node.pods)]
    assert not [pair for pair in combinations([*networks, layout.SERVICES], 2) if pair[0].overlaps(pair[1])]
    assert len({node.cgroup for node in nodes}) == len({node.path("log") for node in nodes}) == len(nodes)
    assert max(len(node.interface) for node in nodes) <= 15


def test_last_cluster_has_addresses() -> None:
    """The addresses of as many clusters as there may be are valid ones, for each node."""
    last = Layout("a", layout._MAX_CLUSTERS - 1, layout._MAX_WORKERS, Path("/a"))
    assert [(str(node.ip), str(node.pods)) for node in (last.first, last.nodes[-1])] == [
        ("10.213.249.2", "10.214.249.0/24"),
        ("10.213.249.34", "10.223.249.0/24"),
    ]


def test_too_many_workers_are_rejected() -> None:
    """The message says how many there may be, and nothing was reserved."""
    with pytest.raises(HarnessError, match="a local cluster has 0 to 8 workers, not 9"):
        layout.allocate("test-too-many", 9)
    assert layout.find("test-too-many") is None
