"""The readers of the loss matrix: its columns."""

import dataclasses
import functools
import os
import shutil
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.cases import Case
from harness import images
from harness.backends.ports import free_port
from harness.backends.samples import total
from harness.render.helm import Helm

CHART = Path(__file__).parents[2] / "charts" / "log-sidecar"
YARDSTICK = "GNU tail -F"
FLUENT_BIT = "chart: fluent-bit"
OURS = ("chart: tail", FLUENT_BIT)
DEFAULTS = "Fluent Bit, defaults"
NAMES = ("busybox tail -f", YARDSTICK, DEFAULTS, *OURS, "chart: fluentd")

AS_IT_COMES = """
pipeline:
  inputs: [{name: tail, path: LOGS/*.log, read_from_head: true, db: STATE/app.db}]
  outputs: [{name: file, match: '*', file: /dev/stdout, format: template, template: '{log}'}]
"""


@dataclasses.dataclass(frozen=True)
class Reader:
    """A command and its environment; `{file}` is replaced by the log file."""

    command: Sequence[str]
    environment: dict[str, str] = dataclasses.field(default_factory=dict)


def make(name: str, folder: Path, case: Case) -> Reader | None:
    """Return a reader by name, with its files below `folder`; None if a required program is missing."""
    busybox = shutil.which(os.environ.get("BUSYBOX", "busybox"))
    fluent_bit, fluentd = images.fluent_bit(), shutil.which("fluentd")
    if name == "busybox tail -f" and busybox:
        (folder / "logs" / "app.log").touch()  # it does not wait for its file
        return Reader([busybox, "tail", "-n+1", "-f", "{file}"])
    if name == YARDSTICK:
        return Reader(["tail", "-n", "+1", "-F", "{file}"])
    if name == DEFAULTS and fluent_bit:
        config = AS_IT_COMES.replace("LOGS", f"{folder}/logs").replace("STATE", f"{folder}/state")
        (folder / "fluent-bit.yaml").write_text(config)
        return Reader([str(fluent_bit), "-q", "-c", f"{folder}/fluent-bit.yaml"])
    if name == "chart: tail":
        return from_chart("tail", folder, copytruncate=case.copytruncate)
    if name == FLUENT_BIT and fluent_bit:
        medium = "" if case.filled else "auto"
        return from_chart("fluent-bit", folder, copytruncate=case.copytruncate, agent=fluent_bit, medium=medium)
    if name == "chart: fluentd" and fluentd:
        return from_chart("fluentd", folder, copytruncate=case.copytruncate, agent=Path(fluentd))
    return None


def from_chart(
    engine: str,
    folder: Path,
    *,
    copytruncate: bool = False,
    agent: Path | None = None,
    output: Mapping[str, Any] | None = None,
    medium: str = "auto",
) -> Reader:
    """Return the command of the chart's sidecar, with its folders below `folder` and its program at `agent`."""
    http = {"listen": "127.0.0.1", "port": metrics_port()}
    values: dict[str, Any] = {
        "app": {"demo": {"enabled": False}, "command": ["serve"]},
        "logs": {"files": [{"name": "app", "path": "/var/log/app/app.log"}]},
        "sidecar": {"engine": engine, "fluentBit": {"httpServer": http}, "state": {"medium": medium}},
    }
    if copytruncate:
        values["logs"]["files"][0]["rotation"] = "copytruncate"
    if output:
        values["outputs"] = {"stdout": {"enabled": False}, "backend": output}
    rendered = Helm().render(CHART, values=values)

    def moved(text: str) -> str:
        for inside, outside in (
            ("/var/log/app", "logs"),
            ("/var/lib/log-sidecar", "state"),
            ("/etc/log-sidecar", "config"),
        ):
            text = text.replace(inside, str(folder / outside))
        return text

    [container] = rendered.containers("sidecar")
    for item in rendered.select("ConfigMap", component="sidecar"):
        for name, text in item["data"].items():
            (folder / "config" / name).write_text(moved(text))
    # Fields that the kubelet would fill in, for example the pod's name, stay empty.
    environment = {entry["name"]: moved(entry.get("value", "")) for entry in container["env"]} | {"POD_IP": "127.0.0.1"}
    if agent:
        environment["AGENT"] = str(agent)
    return Reader([*container["command"], moved(container["args"][0])], environment)


@functools.cache
def metrics_port() -> int:
    """Return the port of Fluent Bit's metrics; the readers run one at a time."""
    return free_port()


def counted_losses() -> int:
    """Return the lines that the chart's Fluent Bit read but did not deliver, from its metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port()}/api/v2/metrics/prometheus", timeout=5) as answer:
        text = answer.read().decode()
    return int(total(text, "fluentbit_processor_items_in_total") - total(text, "fluentbit_output_proc_records_total"))
