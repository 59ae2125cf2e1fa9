"""Ports for programs under test belong to one process until it ends."""

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness.backends.aws import CloudWatchLogs
from harness.backends.ports import free_port
from harness.backends.receivers import HOST, JsonReceiver

ASK = """
import os, sys
from harness.backends.ports import free_port
os.getpid = lambda: int(sys.argv[1])
print(*[free_port() for _ in range(20)])
"""


def ports_of_another_process() -> set[int]:
    """Let another process reserve 20 ports; it begins its search at the same port as this process."""
    command = [sys.executable, "-c", ASK, str(os.getpid())]
    said = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True)
    return set(map(int, said.stdout.split()))


def lowest_ephemeral_port() -> int:
    return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="utf-8").split()[0])


def test_ports_of_two_processes_differ() -> None:
    """Twenty ports here and twenty in another process are forty different ones, none of them ephemeral."""
    ports = {free_port() for _ in range(20)} | ports_of_another_process()
    assert len(ports) == 40
    assert max(ports) < lowest_ephemeral_port()


def test_a_port_in_use_is_passed_over() -> None:
    """A port on which a program listens without having reserved it is not returned."""
    first = free_port()
    following = range(first + 1, first + 4)
    with contextlib.ExitStack() as sockets:
        for port in following:
            other = sockets.enter_context(socket.socket())
            with contextlib.suppress(OSError):  # a test in another process uses it: it is in use as well
                other.bind((HOST, port))
                other.listen()
        assert free_port() not in following


@pytest.mark.parametrize("kind", ["HTTP", "AWS"])
def test_a_server_that_refuses_connections_keeps_its_port(kind: str, tmp_path: Path) -> None:
    """While a server of a test refuses connections, nothing else gets its port, and it listens there again."""
    with JsonReceiver() if kind == "HTTP" else CloudWatchLogs(tmp_path / "pki") as server:
        port = server.port
        server.fail("refuse")
        assert port not in ports_of_another_process()
        assert port < lowest_ephemeral_port()
        server.heal()
        socket.create_connection((HOST, port), timeout=5).close()
        assert server.port == port
