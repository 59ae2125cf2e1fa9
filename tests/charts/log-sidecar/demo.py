"""Runs the demo of an installation as a process on this machine."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from harness.backends.ports import free_port
from harness.render.manifests import Manifests

PATIENCE_SECONDS = 20.0


class Demo:
    """The demo with its environment and the files of its ConfigMap.

    In place of Secrets, the value of a variable is its name in lowercase.
    """

    def __init__(self, made: Manifests, folder: Path, *arguments: str) -> None:
        for name, text in made.one("ConfigMap", "x-log-sidecar-demo")["data"].items():
            folder.joinpath(name).write_text(text, encoding="utf-8")
        self._stopping = False
        [container] = made.containers("app")
        given = {entry["name"]: entry.get("value", entry["name"].lower()) for entry in container["env"]}
        self._address = f"http://127.0.0.1:{free_port()}"
        given["PORT"] = self._address.rpartition(":")[2]
        file = "SHIP" if "SHIP" in given else "LOG_FILE"
        given[file] = str(folder / {"SHIP": "ship.json", "LOG_FILE": "app.log"}[file])
        command = [sys.executable, "-B", str(folder / "app.py"), *arguments]
        self.process = subprocess.Popen(command, env={**os.environ, **given}, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        # The port is bound before the first line is printed.
        assert {"SHIP": "a backend", "LOG_FILE": "to /"}[file] in self.process.stdout.readline()

    def ask(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[str, str]:
        """Return the body of a response and the trace that its header names."""
        request = urllib.request.Request(self._address + path, headers=dict(headers or {}))
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return answer.read().decode(), answer.headers.get("X-Amzn-Trace-Id", "")

    def get(self, path: str) -> str:
        return self.ask(path)[0]

    def log(self, count: int) -> list[str]:
        return self.get(f"/log?lines={count}").splitlines()

    def counts(self) -> dict[str, int]:
        return {name: int(number) for name, number in (line.split() for line in self.get("/metrics").splitlines())}

    def wait_until_sent(self) -> dict[str, int]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (counts := self.counts())["demo_lines_waiting"]:
            assert time.monotonic() < deadline, counts
            time.sleep(0.05)
        return counts

    def connect(self) -> socket.socket:
        host, _, port = self._address.rpartition("/")[2].partition(":")
        return socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS)

    def stop_listening(self) -> None:
        """Send SIGTERM, and wait until the port is closed; `end` then only waits."""
        self._stop()
        deadline = time.monotonic() + PATIENCE_SECONDS
        with suppress(ConnectionError):
            while time.monotonic() < deadline:
                self.connect().close()
                time.sleep(0.05)

    def _stop(self) -> None:
        # A second signal could find a Python that has restored its own handlers.
        if not self._stopping:
            self.process.send_signal(signal.SIGTERM)
        self._stopping = True

    def end(self) -> str:
        self._stop()
        said, _ = self.process.communicate(timeout=PATIENCE_SECONDS)
        assert self.process.returncode == 0
        return str(said)
