"""A Windows node below a Wine prefix: container logs as the runtimes write them, and the rendered agent."""

import contextlib
import json
import shutil
import signal
import sqlite3
import subprocess
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness import fluentbit
from harness.backends.aws import CREDENTIALS, HOST
from harness.backends.ports import free_port
from harness.backends.samples import total
from harness.render.manifests import Manifests

from .wine import PATIENCE_SECONDS, Windows, wait_for

NOW = "2026-11-21T10:00:00.000000001Z"
EXE = "C:\\fluent-bit\\bin"
RECEIVED = "C:\\received"
SANDBOX = "C:\\hpc"
ENVIRONMENT = {
    **CREDENTIALS,
    "CLUSTER_NAME": "shop",
    "CONTAINER_SANDBOX_MOUNT_POINT": SANDBOX,
    "HOST_NAME": "node-1",
    "HTTP_SERVER": "On",
    "KUBERNETES_SERVICE_HOST": HOST,
    "LOGS_REGION": "us-east-1",
    "OUTPUT_BACKEND__HTTP_USER": "agent",
    "OUTPUT_EVENTS__HEADER_AUTHORIZATION": "Bearer secret",
    "READ_FROM_HEAD": "On",
    **dict.fromkeys(("OUTPUT_BACKEND__HTTP_PASSWD", "OUTPUT_SECURITY__HTTP_PASSWD"), "secret"),
    # A test that is run behind a proxy still reaches the stand-ins.
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), ""),
}
# Retry within seconds after an outage.
RETRIES = {"scheduler.base": 1, "scheduler.cap": 2}
FORMATS: dict[str, Callable[[str], str]] = {
    "containerd": lambda line: f"{NOW} stdout F {line}\n",
    "docker": lambda line: json.dumps({"log": f"{line}\n", "stream": "stdout", "time": NOW}) + "\n",
}


class Node:
    """Drive C of a Windows node, and the agent with the paths and the command of the rendered chart.

    Inputs of the event log, which Wine does not have, are removed. Every output is replaced by a file with the same
    alias and match, unless outputs are `kept`.

    Args:
        windows: the Wine prefix.
        program: `fluent-bit.exe`; the other files of its folder are available to it.
        made: the rendered chart.
        metadata: replaced options of the Kubernetes filter.
        kept: options to replace in each output, which are then kept; default: outputs become files.
        inputs: replaced options of the inputs.
    """

    def __init__(
        self,
        windows: Windows,
        program: Path,
        made: Manifests,
        *,
        metadata: Mapping[str, Any] | None = None,
        kept: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
    ) -> None:
        self._windows = windows
        self._log_file = windows.path("C:\\agent.log")
        for folder in ("Amazon", "containerd"):
            shutil.rmtree(windows.path(f"C:\\ProgramData\\{folder}"), ignore_errors=True)
        for path in ("C:\\var\\log\\containers", "C:\\var\\log\\pods", RECEIVED):
            windows.path(path).mkdir(parents=True)
        windows.path("C:\\fluent-bit").mkdir()
        windows.path(EXE).symlink_to(program.parent)
        [pod, *_] = [pod for pod in made.pods() if pod.owner["kind"] == "DaemonSet"]
        [container] = pod.containers()
        self._host_process = "CONTAINER_SANDBOX_MOUNT_POINT" in container["command"][0]
        self._command = [self._inside(part) for part in [*container["command"], *container["args"]]]
        self._command[0] = self._command[0].replace("fluent-bit.exe", program.name)
        if self._host_process:
            windows.path(SANDBOX).mkdir()
            windows.path(f"{SANDBOX}\\fluent-bit").symlink_to(windows.path("C:\\fluent-bit"))
        self.write_file(self.path("C:\\fluent-bit-state\\created"), "")
        self.port = free_port(HOST)
        self._configure(made, metadata or {}, kept, inputs or {})
        self._agent: subprocess.Popen[bytes] | None = None

    def _configure(
        self,
        made: Manifests,
        metadata: Mapping[str, Any],
        kept: Mapping[str, Any] | None,
        inputs: Mapping[str, Any],
    ) -> None:
        for name, text in made.one("ConfigMap", "x-fluent-bit-windows")["data"].items():
            if name.startswith("fluent-bit."):
                config = fluentbit.read(text)
                pipeline = config["pipeline"]
                pipeline["inputs"] = [one | inputs for one in pipeline["inputs"] if one["name"] != "winevtlog"]
                for plugin in pipeline["filters"]:
                    if plugin["name"] == "kubernetes":
                        plugin |= metadata
                pipeline["outputs"] = [
                    _to_file(one) if kept is None else {**one, **kept} for one in pipeline["outputs"]
                ]
                config["service"] |= {"http_listen": HOST, "http_port": self.port, **RETRIES}
                text = fluentbit.write(config, classic=name.endswith(".conf"))
            self.write_file(self.path(f"C:\\fluent-bit-config\\{name}"), text)

    def path(self, windows: str) -> Path:
        """Return where a file of a volume is on this machine; a host process has volumes below a directory."""
        return self._windows.path(windows.replace("C:", SANDBOX, 1) if self._host_process else windows)

    @staticmethod
    def write_file(file: Path, text: str) -> None:
        """Write a file, and create its folder."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def start(self) -> None:
        """Start the agent, and wait until its HTTP server answers."""
        with self._log_file.open("ab") as output:
            self._agent = self._windows.start(*self._command, output=output, environment=ENVIRONMENT)
        wait_for(self._answers, self.log)

    def kill(self) -> None:
        """End the agent as Windows ends the pods of a node: without a signal that it handles."""
        if self._agent is not None:
            self._agent.kill()
            self._agent.communicate()
            self._agent = None

    def interrupt(self) -> None:
        """End the agent in order, as Ctrl-C does."""
        assert self._agent is not None
        self._agent.send_signal(signal.SIGINT)
        self._agent.communicate(timeout=PATIENCE_SECONDS)
        self._agent = None

    def log(self) -> str:
        """Return what the agents have logged."""
        return self._log_file.read_text(encoding="utf-8", errors="replace")

    def write(self, namespace: str, *lines: str, runtime: str = "containerd") -> None:
        """Write lines of a container in the namespace's pod, in the format of a container runtime."""
        self.write_raw(namespace, "".join(FORMATS[runtime](line) for line in lines))

    def write_raw(self, namespace: str, text: str) -> None:
        """Write to the container's log, to which a link in C:\\var\\log\\containers refers."""
        file = self.container_log(namespace)
        file.parent.mkdir(exist_ok=True)
        with file.open("a", encoding="utf-8") as log:
            log.write(text)
        link = self._windows.path(fluentbit.container_log(namespace, "web-1"))
        if not link.is_symlink():
            link.symlink_to(file)

    def rotate(self, namespace: str, at: str = "20261121-100000") -> Path:
        """Rotate as the kubelet does: rename the file to a name that is not read, and create a new file."""
        file = self.container_log(namespace)
        rotated = file.rename(file.with_name(f"0.log.{at}"))
        file.touch()
        return rotated

    def container_log(self, namespace: str) -> Path:
        """Return the log that the container runtime writes."""
        return self._windows.path(f"C:\\var\\log\\pods\\{namespace}_web-1_uid\\0.log")

    def service_log(self, windows: str, *lines: str) -> None:
        """Write lines to a log of the node."""
        self.write_file(self._windows.path(windows), "".join(f"{line}\n" for line in lines))

    def rotate_service(self, windows: str, to: str) -> None:
        """Rename a log of the node, and create a new file."""
        file = self._windows.path(windows)
        file.rename(self._windows.path(to))
        file.touch()

    def received(self, alias: str) -> list[tuple[str, dict[str, Any]]]:
        """Return tag and record of everything that an output received."""
        file = self._windows.path(f"{RECEIVED}\\{alias}")
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        found = []
        for line in text.rpartition("\n")[0].splitlines():
            tag, _, rest = line.partition(": [")
            found.append((tag, json.loads(f"[{rest}")[1]))
        return found

    def outputs(self) -> set[str]:
        """Return the aliases of the outputs that received a record."""
        return {file.name for file in self._windows.path(RECEIVED).iterdir()}

    def lines(self, alias: str) -> list[str]:
        """Return the lines of all records of an output, in order."""
        # Docker's records contain the line break.
        return [record["log"].removesuffix("\n") for _, record in self.received(alias)]

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds; fail with the log of the agent if it never does."""
        wait_for(condition, lambda: f"{self.outputs()}\n{self.log()[-3000:]}")

    def metric(self, metric: str) -> float:
        """Return the sum of a Fluent Bit metric; 0 if it does not exist."""
        with urllib.request.urlopen(f"http://{HOST}:{self.port}/api/v2/metrics/prometheus", timeout=5) as answer:
            return total(answer.read().decode(), metric)

    def positions(self) -> dict[str, int]:
        """Return the position in each file that the agent knows, after it was ended."""
        known: dict[str, int] = {}
        for file in self.path("C:\\fluent-bit-state").glob("*.db"):
            with contextlib.closing(sqlite3.connect(file)) as db:
                known |= dict(db.execute("SELECT name, offset FROM in_tail_files"))
        return known

    def _inside(self, text: str) -> str:
        return text.replace("%CONTAINER_SANDBOX_MOUNT_POINT%", SANDBOX)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}/", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def _to_file(output: Mapping[str, Any]) -> dict[str, Any]:
    kept = {option: output[option] for option in ("alias", "match", "match_regex") if option in output}
    return {"name": "file", "path": RECEIVED, "file": output["alias"], **kept}
