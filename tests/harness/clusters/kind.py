"""A kind cluster, on machines with a Docker engine."""

import os
import subprocess
from collections.abc import Iterable
from typing import Any

import yaml

from harness import tools
from harness.clusters.base import Cluster
from harness.errors import HarnessError
from harness.tools.cache import cache_dir
from harness.tools.progress import Progress


class KindCluster(Cluster):
    """A cluster whose nodes are Docker containers.

    Args:
        name: name of the cluster. ``$KIND_NODE_IMAGE`` selects the node image, and thus the Kubernetes version.
        workers: number of additional nodes.
        ip_family: kind's ``networking.ipFamily``: ``ipv4``, ``ipv6`` or ``dual``.
    """

    type = "kind"

    def __init__(self, name: str, *, workers: int = 0, ip_family: str = "ipv4") -> None:
        self.name = name
        self._workers = workers
        self._ip_family = ip_family
        self.kubeconfig = cache_dir("kind") / f"{name}.kubeconfig"

    def up(self) -> None:
        """See ``Cluster.up``."""
        if self.is_up():
            self._kind("export", "kubeconfig", "--kubeconfig", str(self.kubeconfig))
            return
        arguments = ["create", "cluster", "--wait", "120s", "--kubeconfig", str(self.kubeconfig)]
        if image := os.environ.get("KIND_NODE_IMAGE"):
            arguments += ["--image", image]
        arguments += ["--config", "-"]
        with Progress().step(f"creating kind cluster {self.name}"):
            self._kind(*arguments, stdin=yaml.safe_dump(_config(self._workers, self._ip_family)))
            if self._workers:  # kind waits only for the first node
                self._wait_for_nodes()

    def down(self) -> None:
        """See ``Cluster.down``."""
        self._kind("delete", "cluster", "--kubeconfig", str(self.kubeconfig))
        self.kubeconfig.unlink(missing_ok=True)

    def is_up(self) -> bool:
        """See ``Cluster.is_up``."""
        listed = subprocess.run([str(tools.path("kind")), "get", "clusters"], capture_output=True, text=True)
        return self.name in listed.stdout.split()

    def load_images(self, names: Iterable[str]) -> None:
        """Do nothing: the nodes pull their images."""

    def host_address(self) -> str | None:
        """See ``Cluster.host_address``."""
        gateway = "IPv6Gateway" if self._ip_family == "ipv6" else "Gateway"
        network = f"{{{{ .NetworkSettings.Networks.kind.{gateway} }}}}"
        asked = ["docker", "inspect", "--format", network, f"{self.name}-control-plane"]
        return subprocess.run(asked, capture_output=True, text=True).stdout.strip() or None

    def kill_container(self, container_id: str) -> None:
        """See ``Cluster.kill_container``."""
        kill = ["ctr", "--namespace", "k8s.io", "tasks", "kill", "--signal", "SIGKILL", container_id.rpartition("/")[2]]
        tried = []
        for node in self._kind("get", "nodes").split():
            done = subprocess.run(["docker", "exec", node, *kill], capture_output=True, text=True)
            if done.returncode == 0:
                return
            tried.append(f"{node}: {done.stderr.strip()}")
        raise HarnessError(f"container {container_id} cannot be killed: {'; '.join(tried)}")

    def _wait_for_nodes(self) -> None:
        access = [str(tools.path("kubectl")), "--kubeconfig", str(self.kubeconfig)]
        wait = ["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=120s"]
        done = subprocess.run([*access, *wait], capture_output=True, text=True)
        if done.returncode != 0:
            self.down()
            raise HarnessError(f"not all nodes of kind cluster {self.name} are Ready: {done.stderr.strip()}")

    def _kind(self, *arguments: str, stdin: str = "") -> str:
        command = [str(tools.path("kind")), *arguments, "--name", self.name]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True)
        if done.returncode != 0:
            raise HarnessError(f"`kind {' '.join(arguments[:2])}` failed: {done.stderr.strip()}")
        return done.stdout


def _config(workers: int, ip_family: str) -> dict[str, Any]:
    """Return the kind configuration of a cluster.

    Source: https://kind.sigs.k8s.io/docs/user/configuration, and kubeadm's ``nodeRegistration.taints``.
    """
    # With workers, kind taints the first node. The local cluster does not, so tests would differ.
    untainted = {"kind": "InitConfiguration", "nodeRegistration": {"taints": []}}
    first = {"role": "control-plane", "kubeadmConfigPatches": [yaml.safe_dump(untainted)]}
    nodes = [first, *({"role": "worker"} for _ in range(workers))]
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {"ipFamily": ip_family},
        "nodes": nodes,
    }
