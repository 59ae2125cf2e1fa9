"""Addresses of stand-ins, and ports for programs that must be told which port to listen on."""

import os
import socket
from ipaddress import ip_address

from filelock import FileLock, Timeout

from harness.tools.cache import cache_dir

# Below the ports that Linux assigns to outgoing connections and to sockets that bind to port 0 (32768 and up), and
# below the NodePorts of Kubernetes (30000 and up): only a program that asks for such a port by number gets it.
_FIRST, _LAST = 10240, 29999
_held: list[FileLock] = []


def free_port(host: str = "127.0.0.1") -> int:
    """Choose a port that nobody listens on, for this process until it ends.

    Args:
        host: the address to listen on.

    Returns:
        A port that no other process gets from this function meanwhile.

    Raises:
        OSError: every port of the range is taken.
    """
    folder = cache_dir() / "ports"
    folder.mkdir(parents=True, exist_ok=True)
    count = _LAST - _FIRST + 1
    start = os.getpid() * 97
    for offset in range(count):
        port = _FIRST + (start + offset) % count
        lock = FileLock(folder / f"{port}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        if _listens(host, port):
            lock.release()
            continue
        _held.append(lock)
        return port
    raise OSError(f"every port from {_FIRST} to {_LAST} is taken; stop the programs that listen there")


def own_address() -> str:
    """Return a loopback address that no other process gets from this function, for servers with a fixed port."""
    # 127.0.0.0/8 has room for every process ID of Linux, below 2**22.
    return str(ip_address(0x7F000000 | os.getpid() << 2))


def family(host: str) -> socket.AddressFamily:
    """Return the address family of an IP address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def in_url(host: str) -> str:
    """Return an IP address as a URL has it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def _listens(host: str, port: int) -> bool:
    with socket.socket(family(host)) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
