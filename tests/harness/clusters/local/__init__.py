"""A real cluster without Docker: control plane and kubelets as processes of this machine.

A node is a process in its own process, mount and network namespaces, like a container: everything that it
starts, mounts or adds to the network disappears with it. Only one folder of the cache and the pods' control groups
remain to be removed. Workers connect to the first node, not to this machine.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from harness import images, tools
from harness.clusters.base import Cluster
from harness.clusters.local import addons, config, layout, process
from harness.clusters.local.config import Options
from harness.errors import HarnessError
from harness.tools.cache import cache_dir

_DEBIAN = ("iptables", "iproute2", "util-linux", "mount")
_START_SECONDS = 60.0
_STOP_SECONDS = 5.0


class LocalCluster(Cluster):
    """A cluster of one real node or, by options, a few, and any number of simulated nodes.

    Args:
        name: name of the cluster and of the first node.
        options: options; they do not change a running cluster.
        keep: leave the cluster running when the process that created it ends. Otherwise the cluster ends with the
            process, even if it is killed.
    """

    type = "local"

    def __init__(self, name: str = "local", options: Options | None = None, *, keep: bool = False) -> None:
        self.name = name
        self._options = options or Options()
        self._keep = keep
        self._processes: list[subprocess.Popen[bytes]] = []
        self._simulates = False
        self.root = layout.root_of(name)
        self.kubeconfig = self.root / "admin.kubeconfig"
        # With several nodes, no single one has the logs of all pods.
        self.pod_logs = None if self._options.workers else self.root / "var-log" / "pods"

    def up(self) -> None:
        """See ``Cluster.up``."""
        _check_machine()
        tools.ensure(tools.LOCAL_CLUSTER)
        tools.install_debian(_DEBIAN)
        if self.is_up():
            return
        pause = images.archive(config.PAUSE_IMAGE)
        self.down()  # remains of a killed run with this name
        plan = layout.allocate(self.name, self._options.workers, self._options.ip_family)
        try:
            self._start(plan)
            self._import(pause)
            self._wait("its nodes to be Ready", self._is_ready)
            addons.install(self.kubeconfig, plan)
        except HarnessError as error:
            kept = process.keep_logs(plan.nodes, cache_dir("failed") / self.name)
            self.down()
            raise HarnessError(f"{error}; its logs are kept in {kept}") from error
        except BaseException:  # including Ctrl-C
            self.down()
            raise

    def down(self) -> None:
        """See ``Cluster.down``."""
        process.stop(self._nodes())
        for started in self._processes:
            started.kill()  # an interrupted one whose node was not recorded
            started.wait(_STOP_SECONDS)
        self._processes = []
        self._simulates = False
        if self.root.exists():
            shutil.rmtree(self.root)

    def is_up(self) -> bool:
        """See ``Cluster.is_up``."""
        nodes = self._nodes()
        return bool(nodes) and all(process.pid_of(node) for node in nodes) and self._is_ready()

    def load_images(self, names: Iterable[str]) -> None:
        """See ``Cluster.load_images``."""
        for name in dict.fromkeys(names):
            self._import(images.archive(name))

    def host_address(self) -> str | None:
        """See ``Cluster.host_address``."""
        plan = layout.find(self.name)
        return str(plan.first.gateways[0]) if plan else None

    def kill_container(self, container_id: str) -> None:
        """See ``Cluster.kill_container``."""
        kill = [*_ctr(), "tasks", "kill", "--signal", "SIGKILL", container_id.rpartition("/")[2]]
        tried = []
        for node in self._nodes():
            done = self.exec(kill, node=node.name)
            if done.returncode == 0:
                return
            tried.append(f"{node.name}: {done.stderr.strip()}")
        raise HarnessError(f"container {container_id} cannot be killed: {'; '.join(tried)}")

    def add_fake_nodes(
        self,
        count: int,
        labels: dict[str, str] | None = None,
        *,
        prefix: str = "fake",
        taints: Sequence[dict[str, str]] = (),
    ) -> None:
        """Add simulated nodes, which do not run their pods, for tests of scheduling and rollouts.

        Args:
            count: number of nodes.
            labels: labels of each node, for example ``kubernetes.io/os``.
            prefix: prefix of the names, followed by a number from 0.
            taints: taints of each node, in addition to the one that repels real pods.
        """
        plan = layout.find(self.name)
        assert plan is not None, "the cluster is up"
        if not self._simulates:
            stages = [argument for stage in addons.kwok_stages() for argument in ("--config", str(stage))]
            kwok = [str(tools.path("kwok")), "--kubeconfig", str(self.kubeconfig)]
            self._spawn("kwok", [*kwok, *addons.KWOK_FLAGS, *addons.kwok_addresses(plan), *stages])
            self._simulates = True
        names = [f"{prefix}-{number:05d}" for number in range(count)]
        addons.create_fake_nodes(self.kubeconfig, names, labels or {}, taints)

    def exec(self, command: list[str], *, node: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command in the namespaces of a node; default: the first node.

        Raises:
            HarnessError: the cluster is not up, or has no such node.
        """
        chosen = next((entry for entry in self._nodes() if entry.name == (node or self.name)), None)
        if chosen is None:
            raise HarnessError(f"cluster {self.name} has no node {node or self.name}")
        return subprocess.run([*process.enter(chosen), *command], capture_output=True, text=True)

    def _start(self, plan: layout.Layout) -> None:
        programs = {name: tools.path(name) for name in tools.LOCAL_CLUSTER}
        for node, components in zip(plan.nodes, config.write(plan, programs, self._options), strict=True):
            started = process.start(node, components, keep=self._keep)
            self._processes.append(started)
            self._wait(f"the namespaces of {node.name}", partial(process.connect, node, started.pid))
        for node in plan.nodes:
            self._wait("containerd", partial(self._has_runtime, node))

    def _has_runtime(self, node: layout.Node) -> bool:
        return self.exec(["test", "-S", config.CONTAINERD_SOCKET], node=node.name).returncode == 0

    def _import(self, archive: Path) -> None:
        for node in self._nodes():
            done = self.exec([*_ctr(), "images", "import", "--local", str(archive)], node=node.name)
            if done.returncode != 0:
                raise HarnessError(f"image {archive.name} cannot be loaded into {node.name}: {done.stderr.strip()}")

    def _spawn(self, name: str, command: list[str]) -> None:
        [first, *_] = self._nodes()
        with open(self.root / "log" / f"{name}.log", "ab") as log:
            made = subprocess.Popen([*process.enter(first), *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._processes.append(made)

    def _nodes(self) -> list[layout.Node]:
        plan = layout.find(self.name)
        return plan.nodes if plan else []

    def _is_ready(self) -> bool:
        return addons.nodes_are_ready(self.kubeconfig, {node.name for node in self._nodes()})

    def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not condition():
            if any(started.poll() is not None for started in self._processes):
                raise HarnessError(
                    f"the local cluster stopped while waiting for {what}{process.failure(self._nodes())}"
                )
            if time.monotonic() > deadline:
                failure = process.failure(self._nodes())
                raise HarnessError(f"timed out after {_START_SECONDS:.0f} s waiting for {what}{failure}")
            time.sleep(0.05)


def _check_machine() -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        raise HarnessError(
            "a local cluster requires Linux and root; run as root, or choose another one: CLUSTER=kind, "
            "or CLUSTER=existing KUBECONFIG=<file>"
        )


def _ctr() -> list[str]:
    return [str(tools.path("ctr")), "--address", config.CONTAINERD_SOCKET, "--namespace", "k8s.io"]
