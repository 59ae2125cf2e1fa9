"""Ports for programs under test are nobody else's until the test ends."""

import socket
import subprocess
import sys
from pathlib import Path

from harness.backends.ports import free_port

ASK = "from harness.backends.ports import free_port; print([free_port() for _ in range(20)])"


def test_ports_of_two_processes_differ() -> None:
    """Twenty ports here and twenty in another process are forty, none of them one that the kernel gives away."""
    own = [free_port() for _ in range(20)]
    tests = Path(__file__).parents[1]
    other = subprocess.run([sys.executable, "-c", ASK], cwd=tests, capture_output=True, text=True, check=True)
    ports = {*own, *map(int, other.stdout.strip(" []\n").split(","))}
    assert len(ports) == 40
    lowest_ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="utf-8").split()[0])
    assert max(ports) < lowest_ephemeral


def test_a_port_in_use_is_passed_over() -> None:
    """A port on which somebody listens without having asked for it here is not returned."""
    first = free_port()
    with socket.socket() as other:
        other.bind(("127.0.0.1", first + 1))
        other.listen()
        assert free_port() not in (first, first + 1)
