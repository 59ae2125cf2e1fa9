"""What kind and docker are asked to do, by stand-ins of both that write down what they are given."""

from pathlib import Path

import pytest

from harness import tools
from harness.clusters import KindCluster
from harness.errors import HarnessError
from harness.render.manifests import load_yaml


class Calls:
    """Stand-ins of ``kind``, ``kubectl`` and ``docker`` in a folder, and what they were given.

    Attributes:
        folder: where they are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.add("kind", 'case "$*" in get*nodes*) echo x-control-plane; echo x-worker;; create*) cat > stdin;; esac')
        self.add("kubectl", "")
        self.add("docker", '[ "$2" = x-worker ] || { echo no such task >&2; exit 1; }')

    def add(self, name: str, script: str) -> None:
        path = self.folder / name
        path.write_text(f'#!/bin/sh\ncd {self.folder}\necho "{name} $*" >> calls\n{script}\n', encoding="utf-8")
        path.chmod(0o755)

    def read(self) -> list[str]:
        return (self.folder / "calls").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calls:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("KIND_NODE_IMAGE", raising=False)
    monkeypatch.setattr(tools, "path", lambda name: tmp_path / name)
    return Calls(tmp_path)


@pytest.mark.parametrize("ip_family", ["ipv4", "ipv6", "dual"])
def test_one_node_has_the_ip_family(calls: Calls, ip_family: str) -> None:
    """Without workers, the configuration has one node and the IP family; kind waits for the node."""
    cluster = KindCluster("x", ip_family=ip_family)
    cluster.up()
    assert calls.read() == [
        "kind get clusters",
        f"kind create cluster --wait 120s --kubeconfig {cluster.kubeconfig} --config - --name x",
    ]
    given = load_yaml((calls.folder / "stdin").read_text(encoding="utf-8"))
    assert given["networking"] == {"ipFamily": ip_family}
    assert [node["role"] for node in given["nodes"]] == ["control-plane"]


def test_workers_are_nodes_of_the_configuration(calls: Calls) -> None:
    """kind reads of the worker from its standard input; pods may run on both nodes, and both are waited for."""
    cluster = KindCluster("x", workers=1)
    cluster.up()
    assert calls.read() == [
        "kind get clusters",
        f"kind create cluster --wait 120s --kubeconfig {cluster.kubeconfig} --config - --name x",
        f"kubectl --kubeconfig {cluster.kubeconfig} wait --for=condition=Ready nodes --all --timeout=120s",
    ]
    given = load_yaml((calls.folder / "stdin").read_text(encoding="utf-8"))
    [patch] = given["nodes"][0].pop("kubeadmConfigPatches")
    assert load_yaml(patch) == {"kind": "InitConfiguration", "nodeRegistration": {"taints": []}}
    assert given == {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {"ipFamily": "ipv4"},
        "nodes": [{"role": "control-plane"}, {"role": "worker"}],
    }


def test_container_is_killed_on_the_node_that_has_it(calls: Calls) -> None:
    """Nodes are asked one after the other until one knows the container; when none does, each one's answer is told."""
    KindCluster("x").kill_container("containerd://abc")
    kill = "ctr --namespace k8s.io tasks kill --signal SIGKILL abc"
    assert calls.read() == [
        "kind get nodes --name x",
        f"docker exec x-control-plane {kill}",
        f"docker exec x-worker {kill}",
    ]
    calls.add("docker", "echo no such task >&2; exit 1")
    with pytest.raises(
        HarnessError, match="abc cannot be killed: x-control-plane: no such task; x-worker: no such task"
    ):
        KindCluster("x").kill_container("containerd://abc")
