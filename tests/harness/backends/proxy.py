"""A forward proxy on this machine's loopback address, which records the destinations of requests."""

import contextlib
import select
import socket
import socketserver
import threading
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlsplit

from harness.backends.receivers import HOST

_CHUNK = 65536


class Proxy:
    """An HTTP proxy with CONNECT and plain requests; also a context manager.

    It connects only to hosts that it knows, and answers 502 for all others.

    Args:
        routes: address and port of a local server by name of the host.

    Attributes:
        url: URL of the proxy.
        destinations: `host:port` of each request, in order of arrival.
    """

    def __init__(self, routes: Mapping[str, tuple[str, int]]) -> None:
        self.destinations: list[str] = []
        self._routes = routes
        proxy = self

        class Handler(socketserver.StreamRequestHandler):
            # Unbuffered: bytes that follow the header belong to the server.
            rbufsize = 0

            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    proxy._serve(self.rfile, self.connection)

        self._server = _Server((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def hosts(self) -> set[str]:
        """Return the hosts of all requests."""
        return {destination.rpartition(":")[0] for destination in self.destinations}

    def _serve(self, reader: Any, client: socket.socket) -> None:
        method, target, version = reader.readline().decode("latin-1").split()
        header = b""
        while (line := reader.readline()).strip():
            header += line
        url = urlsplit(f"//{target}" if method == "CONNECT" else target)
        host = url.hostname or ""
        self.destinations.append(f"{host}:{url.port or 80}")
        if host not in self._routes:
            client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        with socket.create_connection(self._routes[host], timeout=10) as server:
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                path = url.path + (f"?{url.query}" if url.query else "")
                server.sendall(f"{method} {path} {version}\r\n".encode() + header + b"Connection: close\r\n\r\n")
            _relay(client, server)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def _relay(client: socket.socket, server: socket.socket) -> None:
    other = {client: server, server: client}
    while True:
        for ready in select.select([client, server], [], [])[0]:
            data = ready.recv(_CHUNK)
            if not data:
                return
            other[ready].sendall(data)
