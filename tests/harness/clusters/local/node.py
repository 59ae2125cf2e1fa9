"""The first process of a local node: starts the components, and ends them with itself.

It runs as process 1 of its own process, mount and network namespaces (see ``process.py``). The kernel removes
everything that the node starts, mounts or adds to the network when this process ends, for any reason.
"""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from harness.clusters.local.config import Component

# Private folders of the node: name below the node's folder -> mount point.
OWN_FOLDERS = {"var-log": "/var/log", "var-lib": "/var/lib"}
_NODE_INTERFACE = "eth0"


def main(root: Path) -> int:
    """Run the node until a component ends or a signal asks it to stop.

    Args:
        root: the node's folder, with the ``node.json`` that ``process.start`` wrote.

    Returns:
        Exit status: 0 after a signal, 1 if a component ended by itself (its name is in ``failed``).
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    plan = json.loads(root.joinpath("node.json").read_text(encoding="utf-8"))
    _mount(root)
    _configure_network(plan["addresses"], plan["gateways"])
    pki = Path(plan["pki"])
    context = ssl.create_default_context(cafile=pki / "ca.crt")
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    waiting = [Component(**component) for component in plan["components"]]
    running: dict[int, str] = {}
    while True:
        for component in [entry for entry in waiting if not entry.after or _answers(entry.after, context)]:
            waiting.remove(component)
            running[_start(component, root)] = component.name
        failed = _reap(running)
        if failed:
            root.joinpath("failed").write_text(failed, encoding="utf-8")
            return 1
        time.sleep(0.05 if waiting else 0.5)


def _mount(root: Path) -> None:
    # Mounts do not propagate out of this namespace, but pods can share mounts. Until the node has its own /run,
    # mount(8) would create /run/mount on this machine.
    _run("mount", "--no-mtab", "--make-rshared", "/")
    _run("mount", "--no-mtab", "-t", "tmpfs", "tmpfs", "/run")
    for name, place in OWN_FOLDERS.items():
        root.joinpath(name).mkdir(exist_ok=True)
        _run("mount", "--bind", str(root / name), place)


def add_address(address: str, interface: str) -> list[str]:
    """Return the command that gives an interface an address, with its prefix length."""
    # An IPv6 address is otherwise unusable for a second, until no neighbor has claimed it.
    return ["ip", "address", "add", address, "dev", interface, *(["nodad"] if ":" in address else [])]


def _configure_network(addresses: list[str], gateways: list[str]) -> None:
    deadline = time.monotonic() + 5
    while not Path("/sys/class/net", _NODE_INTERFACE).exists() and not _has_interface():
        if time.monotonic() > deadline:
            raise TimeoutError("the node's end of the virtual cable did not appear")
        time.sleep(0.01)
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "set", _NODE_INTERFACE, "up")
    for address in addresses:
        _run(*add_address(address, _NODE_INTERFACE))
    for gateway in gateways:
        _run("ip", "route", "add", "default", "via", gateway)
    for switch in (
        "ipv4/ip_forward",
        "ipv6/conf/all/forwarding",
        # kube-proxy must see bridged traffic between pods to a Service.
        "bridge/bridge-nf-call-iptables",
        "bridge/bridge-nf-call-ip6tables",
    ):
        path = Path("/proc/sys/net", switch)
        if path.exists():
            path.write_text("1", encoding="ascii")


def _has_interface() -> bool:
    # /sys still shows the network namespace of its mount, so query the kernel instead.
    return subprocess.run(["ip", "link", "show", _NODE_INTERFACE], capture_output=True).returncode == 0


def _start(component: Component, root: Path) -> int:
    with open(root / "log" / f"{component.name}.log", "ab") as log:
        # Plugins and shims are found beside the programs; the rest is from the machine.
        return subprocess.Popen(component.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL).pid


def _reap(running: dict[int, str]) -> str:
    """Reap ended processes, including orphans of containers; return an ended component, if any."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ""
        if pid == 0:
            return ""
        if pid in running:
            return running[pid]


def _answers(url: str, context: ssl.SSLContext) -> bool:
    try:
        with urllib.request.urlopen(url, context=context, timeout=1) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
