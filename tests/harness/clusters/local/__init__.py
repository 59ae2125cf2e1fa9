"""A real one-node cluster without Docker: control plane and kubelet as processes of this machine.

The node is a process with process, mount and network namespaces of its own, like a container: everything it
starts, mounts or adds to the network disappears with it. What remains to be removed afterwards is one folder
of the cache and the pods' control groups.
"""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from harness import images, tools
from harness.cache import cache_dir
from harness.clusters.base import Cluster
from harness.clusters.local import addons, config, layout
from harness.clusters.local.config import Options
from harness.errors import HarnessError

_DEBIAN = ("iptables", "iproute2", "util-linux", "mount")
_START_SECONDS = 60.0
_STOP_SECONDS = 5.0


class LocalCluster(Cluster):
    """A cluster of one real node, and as many simulated ones as a test asks for.

    Args:
        name: the cluster's name; also the node's.
        options: what differs from the defaults.
        keep: leave the cluster running when the process that made it ends. Otherwise it ends with it,
            even when that process is killed.
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
        self.pod_logs = self.root / "var-log" / "pods"

    def up(self) -> None:
        """See ``Cluster.up``."""
        _check_machine()
        tools.ensure(tools.LOCAL_CLUSTER)
        tools.install_debian(_DEBIAN)
        if self.is_up():
            return
        pause = images.archive(config.PAUSE_IMAGE)
        self.down()  # what a killed run of this name left behind
        plan = layout.allocate(self.name)
        try:
            self._start(plan)
            self._import(pause)
            self._wait("the node to be Ready", lambda: addons.node_is_ready(self.kubeconfig, self.name))
            addons.install(self.kubeconfig, plan.node_ip)
        except HarnessError as error:
            kept = self._keep_logs()
            self.down()
            raise HarnessError(f"{error}; its logs are kept in {kept}") from error
        except BaseException:  # Ctrl-C as well
            self.down()
            raise

    def down(self) -> None:
        """See ``Cluster.down``."""
        pid = self._pid()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            _until(lambda: not Path(f"/proc/{pid}").exists(), _STOP_SECONDS)
        for process in self._processes:
            process.wait(_STOP_SECONDS)
        self._processes = []
        self._simulates = False
        plan = layout.find(self.name)
        if plan is not None:
            _remove_cgroups(plan.cgroup)
        if self.root.exists():
            shutil.rmtree(self.root)

    def is_up(self) -> bool:
        """See ``Cluster.is_up``."""
        return self._pid() is not None and addons.node_is_ready(self.kubeconfig, self.name)

    def load_images(self, names: Iterable[str]) -> None:
        """See ``Cluster.load_images``."""
        for name in dict.fromkeys(names):
            self._import(images.archive(name))

    def host_address(self) -> str | None:
        """See ``Cluster.host_address``."""
        plan = layout.find(self.name)
        return str(plan.host_ip) if plan else None

    def kill_container(self, container_id: str) -> None:
        """See ``Cluster.kill_container``."""
        done = self.exec([*self._ctr(), "tasks", "kill", "--signal", "SIGKILL", container_id.rpartition("/")[2]])
        if done.returncode != 0:
            raise HarnessError(f"container {container_id} cannot be killed: {done.stderr.strip()}")

    def add_fake_nodes(
        self,
        count: int,
        labels: dict[str, str] | None = None,
        *,
        prefix: str = "fake",
        taints: Sequence[dict[str, str]] = (),
    ) -> None:
        """Add nodes that only pretend to run their pods, for tests of scheduling and roll-out.

        Args:
            count: how many.
            labels: labels of each, ``kubernetes.io/os`` for instance.
            prefix: start of their names, which a number from 0 on ends.
            taints: taints of each, besides the one that keeps real pods away.
        """
        assert layout.find(self.name) is not None, "the cluster is up"
        if not self._simulates:
            stages = [argument for stage in addons.kwok_stages() for argument in ("--config", str(stage))]
            kwok = [str(tools.path("kwok")), "--kubeconfig", str(self.kubeconfig)]
            self._spawn("kwok", [*kwok, *addons.KWOK_FLAGS, *stages])
            self._simulates = True
        names = [f"{prefix}-{number:05d}" for number in range(count)]
        addons.create_fake_nodes(self.kubeconfig, names, labels or {}, taints)

    def exec(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command on the node, in its namespaces."""
        return subprocess.run([*self._enter(), *command], capture_output=True, text=True)

    def _start(self, plan: layout.Layout) -> None:
        programs = {name: tools.path(name) for name in tools.LOCAL_CLUSTER}
        components = config.write(plan, programs, self._options)
        plan.path("log").mkdir()
        node = {
            "node_address": f"{plan.node_ip}/{plan.link.prefixlen}",
            "components": [dataclasses.asdict(component) for component in components],
        }
        plan.path("node.json").write_text(json.dumps(node), encoding="utf-8")
        _make_cgroups(plan.cgroup)
        unshare = ["unshare", "--fork", "--pid", "--mount-proc", "--mount", "--net", "--kill-child"]
        search = [str(programs[name].parent) for name in ("containerd-shim-runc-v2", "runc")]
        environment = {
            **os.environ,
            "PATH": os.pathsep.join([*search, os.environ["PATH"], "/usr/sbin", "/sbin"]),
            "PYTHONPATH": str(Path(__file__).parents[3]),
            "HARNESS_CLUSTER": self.name,  # tells whose process it is
            "NO_PROXY": "*",
            "no_proxy": "*",
        }
        with open(plan.path("log", "node.log"), "ab") as log:
            process = subprocess.Popen(
                [*unshare, sys.executable, "-m", "harness.clusters.local.node", str(self.root)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the harness, which then ends the node in order
                preexec_fn=None if self._keep else _end_with_parent,
            )
        self._processes = [process]
        node_pid = self._wait("the node's namespaces", lambda: _child_of(process.pid))
        start = _start_time(node_pid)
        plan.path("pid").write_text(json.dumps({"pid": node_pid, "start": start}), encoding="utf-8")
        _connect(plan, node_pid)
        self._wait("containerd", lambda: self.exec(["test", "-S", config.CONTAINERD_SOCKET]).returncode == 0)

    def _import(self, archive: Path) -> None:
        done = self.exec([*self._ctr(), "images", "import", "--local", str(archive)])
        if done.returncode != 0:
            raise HarnessError(f"image {archive.name} cannot be loaded into the cluster: {done.stderr.strip()}")

    @staticmethod
    def _ctr() -> list[str]:
        return [str(tools.path("ctr")), "--address", config.CONTAINERD_SOCKET, "--namespace", "k8s.io"]

    def _spawn(self, name: str, command: list[str]) -> None:
        with open(self.root / "log" / f"{name}.log", "ab") as log:
            process = subprocess.Popen([*self._enter(), *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._processes.append(process)

    def _enter(self) -> list[str]:
        return ["nsenter", f"--target={self._pid()}", "--mount", "--net", "--pid"]

    def _pid(self) -> int | None:
        """Return the node's process, or ``None``; a recycled number is recognised by its start time."""
        try:
            saved = json.loads((self.root / "pid").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return saved["pid"] if _start_time(saved["pid"]) == saved["start"] else None

    def _wait(self, what: str, condition: Any, seconds: float = _START_SECONDS) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if value := condition():
                return value
            if self._processes and self._processes[0].poll() is not None:
                raise HarnessError(f"the local cluster stopped while waiting for {what}{self._failure()}")
            time.sleep(0.05)
        raise HarnessError(f"the local cluster waited {seconds:.0f} s for {what} in vain{self._failure()}")

    def _failure(self) -> str:
        """Say which component failed, with the end of its log."""
        marker = self.root / "failed"
        name = marker.read_text(encoding="utf-8") if marker.exists() else "kubelet"
        log = self.root / "log" / f"{name}.log"
        if not log.exists() or not log.stat().st_size:
            name, log = "node", self.root / "log" / "node.log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
        return f"; the last lines of {name}:\n  " + "\n  ".join(textwrap.shorten(line, 400) for line in lines) + "\n"

    def _keep_logs(self) -> Path:
        kept = cache_dir("failed") / self.name
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.root / "log", kept)
        return kept


def _check_machine() -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        raise HarnessError(
            "a local cluster needs Linux and root; run as root, or choose another one: CLUSTER=kind, "
            "or CLUSTER=existing KUBECONFIG=<file>"
        )


def _end_with_parent() -> None:
    """Ask the kernel to kill the node when this process ends (prctl PR_SET_PDEATHSIG)."""
    import ctypes  # noqa: PLC0415 - only the forked child needs it

    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)


def _child_of(pid: int) -> int | None:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except FileNotFoundError:
        return None
    return int(children[0]) if children else None


def _start_time(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot: field 22 of proc(5)'s ``stat``."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(stat.rpartition(")")[2].split()[19])


def _connect(plan: layout.Layout, pid: int) -> None:
    """Lay the virtual cable; its far end, and with it this one, goes when the node goes."""
    here = plan.host_interface
    for command in (
        ["ip", "link", "add", here, "type", "veth", "peer", "name", "eth0", "netns", str(pid)],
        ["ip", "address", "add", f"{plan.host_ip}/{plan.link.prefixlen}", "dev", here],
        ["ip", "link", "set", here, "up"],
        ["ip", "route", "add", str(plan.pods), "via", str(plan.node_ip)],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise HarnessError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")


def _cgroups(name: str) -> Iterator[Path]:
    """Yield the control group of this name in every hierarchy (cgroup v1) or in the only one (v2)."""
    base = Path("/sys/fs/cgroup")
    if base.joinpath("cgroup.controllers").exists():
        yield base / name
        return
    yield from (entry / name for entry in base.iterdir() if entry.is_dir() and not entry.is_symlink())


def _make_cgroups(name: str) -> None:
    for group in _cgroups(name):
        group.mkdir(exist_ok=True)


def _remove_cgroups(name: str) -> None:
    for group in _cgroups(name):
        for folder, _, _ in os.walk(group, topdown=False):
            # The kernel empties a group a moment after its last process is gone.
            _until(lambda path=folder: _removed(path), 2.0)


def _removed(folder: str) -> bool:
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _until(condition: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
