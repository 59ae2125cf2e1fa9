"""A node from the outside: starts, connects, enters and ends its process."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from harness import tools
from harness.clusters.local.config import Component
from harness.clusters.local.layout import Node
from harness.clusters.local.node import add_address
from harness.errors import HarnessError

_STOP_SECONDS = 5.0


def start(node: Node, components: Sequence[Component], *, keep: bool) -> subprocess.Popen[bytes]:
    """Start a node in its own namespaces.

    Args:
        node: the layout of the node.
        components: processes of the node.
        keep: let the node outlive this process.

    Returns:
        The parent of the node's first process.
    """
    node.path("log").mkdir()
    plan = {
        "addresses": [f"{ip}/{link.prefixlen}" for ip, link in zip(node.ips, node.links, strict=True)],
        # The first node has no route beyond this machine.
        "gateways": [] if node == node.cluster.first else [str(gateway) for gateway in node.gateways],
        "pki": str(node.cluster.path("pki")),
        "components": [dataclasses.asdict(component) for component in components],
    }
    node.path("node.json").write_text(json.dumps(plan), encoding="utf-8")
    for group in _cgroups(node.cgroup):
        group.mkdir(exist_ok=True)
    unshare = ["unshare", "--fork", "--pid", "--mount-proc", "--mount", "--net", "--kill-child"]
    search = [str(tools.path(name).parent) for name in ("containerd-shim-runc-v2", "runc")]
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([*search, os.environ["PATH"], "/usr/sbin", "/sbin"]),
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "HARNESS_CLUSTER": node.cluster.name,  # identifies the process
        "NO_PROXY": "*",
        "no_proxy": "*",
    }
    with open(node.path("log", "node.log"), "ab") as log:
        return subprocess.Popen(
            [*unshare, sys.executable, "-m", "harness.clusters.local.node", str(node.path())],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C goes to the harness, which then stops the node
            preexec_fn=None if keep else _end_with_parent,
        )


def connect(node: Node, parent: int) -> bool:
    """Create the node's virtual cable once its first process exists; it disappears with the node.

    Args:
        node: the node; for a worker, the first node must be connected.
        parent: the process that ``start`` returned.

    Returns:
        Whether the node is connected.

    Raises:
        HarnessError: the cable cannot be created.
    """
    pid = _child_of(parent)
    if pid is None:
        return False
    node.path("pid").write_text(json.dumps({"pid": pid, "start": _start_time(pid)}), encoding="utf-8")
    first, here = node.cluster.first, node.interface
    # A worker's cable ends on the first node.
    inside = [] if node == first else ["nsenter", f"--target={pid_of(first)}", "--net"]
    commands = [
        [*inside, "ip", "link", "add", here, "type", "veth", "peer", "name", "eth0", "netns", str(pid)],
        [*inside, "ip", "link", "set", here, "up"],
    ]
    for family, link in enumerate(node.links):
        gateway, ip, pods = node.gateways[family], node.ips[family], node.pods[family]
        commands += [
            [*inside, *add_address(f"{gateway}/{link.prefixlen}", here)],
            [*inside, "ip", "route", "add", str(pods), "via", str(ip)],
        ]
        if node != first:
            # Lets this machine answer a worker's pods; the routes disappear with the first node's cable.
            commands += [
                ["ip", "route", "add", str(network), "via", str(first.ips[family])] for network in (link, pods)
            ]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise HarnessError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return True


def pid_of(node: Node) -> int | None:
    """Return the node's first process, or ``None``; the start time detects a reused PID."""
    try:
        saved = json.loads(node.path("pid").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return saved["pid"] if _start_time(saved["pid"]) == saved["start"] else None


def enter(node: Node) -> list[str]:
    """Return the command prefix that enters the node's namespaces."""
    return ["nsenter", f"--target={pid_of(node)}", "--mount", "--net", "--pid"]


def failure(nodes: Sequence[Node]) -> str:
    """Return the failed component and its node, with the end of its log."""
    node = next((node for node in nodes if node.path("failed").exists()), nodes[0])
    marker = node.path("failed")
    name = marker.read_text(encoding="utf-8") if marker.exists() else "kubelet"
    log = node.path("log", f"{name}.log")
    if not log.exists() or not log.stat().st_size:
        name, log = "node", node.path("log", "node.log")
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
    where = f" on {node.name}" if len(nodes) > 1 else ""
    return f"; the last lines of {name}{where}:\n  " + "\n  ".join(textwrap.shorten(line, 400) for line in lines) + "\n"


def keep_logs(nodes: Sequence[Node], folder: Path) -> Path:
    """Copy the logs of all nodes, with a subfolder per worker; return the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for node in nodes:
        if node.path("log").exists():
            shutil.copytree(node.path("log"), folder / node.name if node.number else folder, dirs_exist_ok=True)
    return folder


def stop(nodes: Sequence[Node]) -> None:
    """Stop the nodes and everything on them, and remove their control groups."""
    pids = [pid for node in nodes if (pid := pid_of(node)) is not None]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for pid in pids:
        _until(lambda path=Path(f"/proc/{pid}"): not path.exists(), _STOP_SECONDS)
    for node in nodes:
        _remove_cgroups(node.cgroup)
        if node == node.cluster.first:
            # A network namespace outlives its processes for minutes while an unacknowledged connection remains in it,
            # and with it this end of the cable.
            subprocess.run(["ip", "link", "delete", node.interface], capture_output=True)
            _until(lambda path=Path("/sys/class/net", node.interface): not path.exists(), _STOP_SECONDS)


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
    """Return the start time of a process, in clock ticks since boot: field 22 of ``stat`` in proc(5)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(stat.rpartition(")")[2].split()[19])


def _cgroups(name: str) -> Iterator[Path]:
    """Yield the control group with this name in each hierarchy (cgroup v1) or in the only one (v2)."""
    base = Path("/sys/fs/cgroup")
    if base.joinpath("cgroup.controllers").exists():
        yield base / name
        return
    yield from (entry / name for entry in base.iterdir() if entry.is_dir() and not entry.is_symlink())


def _remove_cgroups(name: str) -> None:
    for group in _cgroups(name):
        for folder, _, _ in os.walk(group, topdown=False):
            # The kernel empties a group shortly after its last process has ended.
            _until(lambda path=folder: _removed(path), 2.0)


def _removed(folder: str) -> bool:
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _until(condition: Callable[..., Any], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
