"""A kind cluster, where a Docker engine answers."""

import os
import subprocess
from collections.abc import Iterable

from harness import tools
from harness.cache import cache_dir
from harness.clusters.base import Cluster
from harness.errors import HarnessError
from harness.progress import Progress


class KindCluster(Cluster):
    """A cluster whose node is a Docker container.

    Args:
        name: the cluster's name. ``$KIND_NODE_IMAGE`` chooses the node's image, and so the Kubernetes version.
    """

    type = "kind"

    def __init__(self, name: str) -> None:
        self.name = name
        self.kubeconfig = cache_dir("kind") / f"{name}.kubeconfig"

    def up(self) -> None:
        """See ``Cluster.up``."""
        if self.is_up():
            self._kind("export", "kubeconfig", "--kubeconfig", str(self.kubeconfig))
            return
        arguments = ["create", "cluster", "--wait", "120s", "--kubeconfig", str(self.kubeconfig)]
        if image := os.environ.get("KIND_NODE_IMAGE"):
            arguments += ["--image", image]
        with Progress().step(f"creating kind cluster {self.name}"):
            self._kind(*arguments)

    def down(self) -> None:
        """See ``Cluster.down``."""
        self._kind("delete", "cluster", "--kubeconfig", str(self.kubeconfig))
        self.kubeconfig.unlink(missing_ok=True)

    def is_up(self) -> bool:
        """See ``Cluster.is_up``."""
        listed = subprocess.run([str(tools.path("kind")), "get", "clusters"], capture_output=True, text=True)
        return self.name in listed.stdout.split()

    def load_images(self, names: Iterable[str]) -> None:
        """Do nothing: the node pulls its images."""

    def host_address(self) -> str | None:
        """See ``Cluster.host_address``."""
        network = "{{ .NetworkSettings.Networks.kind.Gateway }}"
        asked = ["docker", "inspect", "--format", network, f"{self.name}-control-plane"]
        return subprocess.run(asked, capture_output=True, text=True).stdout.strip() or None

    def kill_container(self, container_id: str) -> None:
        """See ``Cluster.kill_container``."""
        kill = ["ctr", "--namespace", "k8s.io", "tasks", "kill", "--signal", "SIGKILL", container_id.rpartition("/")[2]]
        done = subprocess.run(["docker", "exec", f"{self.name}-control-plane", *kill], capture_output=True, text=True)
        if done.returncode != 0:
            raise HarnessError(f"container {container_id} cannot be killed: {done.stderr.strip()}")

    def _kind(self, *arguments: str) -> None:
        command = [str(tools.path("kind")), *arguments, "--name", self.name]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise HarnessError(f"`kind {' '.join(arguments[:2])}` failed: {done.stderr.strip()}")
