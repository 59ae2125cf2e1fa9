"""A Kafka broker on this machine's loopback address."""

import json
import subprocess
import threading
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

from harness import tools
from harness.backends.pki import Authority
from harness.backends.ports import free_port

HOST = "127.0.0.1"


class Kafka:
    """A broker with topics of three partitions; also a context manager, which starts it.

    Args:
        topics: topics, separated by commas; others do not exist.
        tls: folder for its certificates, which must not exist; without it, the broker uses no TLS.
        user, password: required credentials for SCRAM-SHA-512; without a user, none are required.

    Attributes:
        port: port of the broker.
        ca: certificate of the CA that signed the broker's certificate.
        messages: received messages in order of arrival, each with `topic`, `key` and `value`.
        tokens: tokens that clients sent for OAUTHBEARER. The broker accepts each.
    """

    def __init__(self, *, topics: str = "logs", tls: Path | None = None, user: str = "", password: str = "") -> None:
        self.port = free_port(HOST)
        self.messages: list[dict[str, str]] = []
        self.tokens: list[str] = []
        self.ca: Path | None = None
        self._command = [str(tools.path("kfake")), f"-port={self.port}", f"-topics={topics}"]
        self._command += [f"-user={user}", f"-password={password}"]
        if tls is not None:
            Authority(tls).issue("server", "broker", hosts=(ip_address(HOST),))
            self.ca = tls / "ca.crt"
            self._command += [f"-cert={tls / 'server.crt'}", f"-key={tls / 'server.key'}"]
        self._process: subprocess.Popen[str] | None = None
        self._reader = threading.Thread(target=self._read)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            with self._process:
                self._process.terminate()
                self._reader.join()

    def start(self) -> Self:
        """Start the broker."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        self._reader.start()
        return self

    @property
    def records(self) -> list[dict[str, Any]]:
        """The values of the messages, which are JSON."""
        return [json.loads(message["value"]) for message in list(self.messages)]

    def lines(self) -> list[bytes]:
        """Return the field `log` of every record."""
        return [record["log"].encode() for record in self.records]

    def __len__(self) -> int:
        return len(self.messages)

    def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        for line in self._process.stdout:
            printed = json.loads(line)
            if "token" in printed:
                self.tokens.append(printed["token"])
            else:
                self.messages.append(printed)
