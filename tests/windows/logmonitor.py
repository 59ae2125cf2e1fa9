"""A workload of charts/fluent-bit-windows under Wine: its rendered init container, command and configuration."""

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.render.helm import Helm
from harness.render.manifests import Object

from .wine import Windows, stop, wait_for

CHART = Path(__file__).parents[2] / "charts" / "fluent-bit-windows"
IMAGE = {"registry": "registry.invalid", "repository": "app", "tag": "1"}
LOGS = "C:\\app\\logs"
FILE = {"type": "File", "directory": LOGS}
PROCESS = {"type": "Process"}
# A program that prints the lines of its stdin, and ends with it.
ECHO = ("cmd.exe", "/c", "more")
PROBE = "is LogMonitor ready?"
OWN_MESSAGE = re.compile(r"\[[-0-9T:.]+Z\]\[LOGMONITOR\] (.*)")


def rendered(*sources: Mapping[str, Any], command: Sequence[str] = ECHO, **fields: Any) -> tuple[Object, Object]:
    """Return the pod of a workload, and the data of its ConfigMap, if any.

    Args:
        *sources: `logMonitor.sources`, with an init container; without any, LogMonitor is part of the image.
        command: `command` of the workload.
        **fields: other values; those of `logMonitor` are merged.
    """
    settings = {"from": "initContainer", "image": IMAGE, "sources": list(sources)} if sources else {"from": "baked"}
    workload = {"name": "web", "image": IMAGE, "user": "ContainerAdministrator", "command": list(command), **fields}
    workload["logMonitor"] = {**settings, **fields.get("logMonitor", {})}
    manifests = Helm().render(CHART, release="x", values={"workloads": [workload]})
    pod = manifests.one("Deployment", "x-fluent-bit-windows-web")["spec"]["template"]["spec"]
    configs = manifests.select("ConfigMap", labels={"app.kubernetes.io/component": "workload-web"})
    return pod, next(iter(configs), {"data": {}})["data"]


def written(*sources: Mapping[str, Any]) -> bytes:
    """Return a LogMonitorConfig.json with format Custom that the chart would reject or write differently."""
    return json.dumps({"LogConfig": {"logFormat": "Custom", "sources": sources}}).encode()


class Workload:
    """The container of a workload, as the kubelet starts it: volumes, init container, command.

    Args:
        windows: where it runs.
        program: LogMonitor.exe, which the images contain.
        output: file for the output.
        pod: specification of the pod.
        data: files of the ConfigMap.
        config: content of LogMonitorConfig.json, instead of the rendered one.
        folder: directory of LogMonitor in its image.
    """

    def __init__(
        self,
        windows: Windows,
        program: Path,
        output: Path,
        pod: Object,
        data: Mapping[str, str],
        *,
        config: bytes | None = None,
        folder: str = "C:\\LogMonitor",
    ) -> None:
        self._windows = windows
        self._output = output
        files = {name: text.encode() for name, text in data.items()}
        if config is not None:
            files["LogMonitorConfig.json"] = config
        image = self.folder(folder)
        shutil.copy(program, image / "LogMonitor.exe")
        for copier in pod.get("initContainers", []):
            _, configs = [self.folder(mount["mountPath"]) for mount in copier["volumeMounts"]]
            for name, content in files.items():
                (configs / name).write_bytes(content)
            self.copied = windows.run(*copier["command"])
            assert self.copied.returncode == 0, self.copied
            # The container has another image, without LogMonitor.
            shutil.rmtree(image)
            files = {}
        for name, content in files.items():
            (image / name).write_bytes(content)
        [container] = pod["containers"]
        self._stream = output.open("wb")
        self._process = windows.start(*container["command"], *container.get("args", []), output=self._stream)

    def folder(self, windows: str) -> Path:
        """Return a folder of drive C; create it if missing."""
        path = self._windows.path(windows)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def send(self, line: str) -> None:
        """Write a line to the stdin of the program, which ECHO prints."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\r\n".encode())
        self._process.stdin.flush()

    def write(self, name: str, text: str | bytes, *, directory: str = LOGS) -> Path:
        """Append to a log file."""
        path = self.folder(directory) / name
        with path.open("ab") as log:
            log.write(text.encode() if isinstance(text, str) else text)
        return path

    def ready(self, *, directory: str = LOGS, name: str = "probe.log") -> None:
        """Wait until LogMonitor reads the files of a directory."""

        def probed() -> bool:
            self.write(name, f"{PROBE}\n", directory=directory)
            return PROBE in self.output()

        self.wait(probed)

    def output(self) -> str:
        """Return what LogMonitor and the program have printed."""
        return self._output.read_bytes().decode(errors="backslashreplace").replace("\r\n", "\n")

    def lines(self) -> list[str]:
        """Return the printed lines, except LogMonitor's own messages and the probes."""
        return [line for line in self._complete() if not OWN_MESSAGE.fullmatch(line) and PROBE not in line]

    def messages(self) -> list[str]:
        """Return LogMonitor's own messages, without their time."""
        return [found[1] for line in self._complete() if (found := OWN_MESSAGE.fullmatch(line))]

    def wait(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds."""
        wait_for(condition, self.output)

    def until(self, *lines: str) -> None:
        """Wait until these lines have been printed."""
        self.wait(lambda: set(lines) <= set(self.lines()))

    def end(self) -> int:
        """Close the stdin of the program, and return LogMonitor's exit status; kill LogMonitor if it does not end."""
        status = stop(self._process)
        self._stream.close()
        return status

    def _complete(self) -> list[str]:
        return self.output().split("\n")[:-1]
