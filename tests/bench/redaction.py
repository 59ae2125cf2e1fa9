"""CPU of Fluent Bit with each rule of redaction and with all, for lines without a secret, beside no redaction.

`python -m bench.redaction` prints ratios: the runs alternate, so that other load on the machine affects all of them.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from harness import images
from harness.backends.ports import free_port
from harness.backends.samples import total
from harness.render.helm import Helm
from harness.render.manifests import load_yaml

CHART = Path(__file__).parents[2] / "charts" / "log-sidecar"
LINES = 100_000
ROUNDS = 3
SCHEMA = Path(__file__).parents[2] / "charts" / "shared" / "schema" / "redaction.json"
RULES = json.loads(SCHEMA.read_text(encoding="utf-8"))["shared.redaction"]["properties"]["rules"]["items"]["enum"]
LINE = (
    "2026-11-28T02:45:00.123Z INFO order-service request 8f14e45f-ceea-467f-9a3b handled in {:06d} ms status=200 "
    "path=/api/v1/orders"
)
CARDS = "all, a card number in each line"
CASES: dict[str, dict[str, Any]] = {
    "none": {},
    **{rule: {"rules": [rule]} for rule in RULES},
    "one pattern": {"patterns": {"staff": {"regex": r"\bstaff-[0-9]{6}\b"}}},
    "all": {"rules": [*RULES]},
    CARDS: {"rules": [*RULES]},
}


def config(values: dict[str, Any], folder: Path, port: int) -> str:
    """Return the chart's configuration with the files of a folder, and without an output."""
    made = Helm().render(CHART, values={"redaction": values})
    text = made.one("ConfigMap", component="sidecar")["data"]["sidecar.yaml"]
    text = text.replace("/var/log/app", str(folder)).replace("/var/lib/log-sidecar", str(folder / "state"))
    data = load_yaml(text)
    data["service"] |= {"http_listen": "127.0.0.1", "http_port": port}
    data["pipeline"]["outputs"] = [{"name": "null", "match": "*"}]
    return yaml.safe_dump(data)


def measure(case: str) -> float:
    """Return the CPU time of an agent that reads LINES, in seconds."""
    port, text = free_port(), LINE + (" pan=4111111111111111" if case == CARDS else "")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "state" / "sidecar").mkdir(parents=True)
        (folder / "app.log").write_text("".join(f"{text.format(number)}\n" for number in range(LINES)))
        (folder / "config.yaml").write_text(config(CASES[case], folder, port))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        agent = subprocess.Popen([str(images.fluent_bit()), "--quiet", "--config", str(folder / "config.yaml")])
        try:
            while not delivered(port):
                time.sleep(0.2)
        finally:
            agent.terminate()
            agent.wait()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def delivered(port: int) -> bool:
    """Return whether the output has received all lines."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v2/metrics/prometheus", timeout=5) as answer:
            return total(answer.read().decode(), "fluentbit_output_proc_records_total") >= LINES
    except OSError:
        return False


def main() -> None:
    """Print a table of ratios to no redaction."""
    seconds: dict[str, list[float]] = {case: [] for case in CASES}
    for _ in range(ROUNDS):
        for case, found in seconds.items():
            found.append(measure(case))
            sys.stderr.write(f"{case}: {found[-1]:.2f} s\n")
    none = statistics.median(seconds["none"])
    for case, found in seconds.items():
        ratio, least, most = (value / none for value in (statistics.median(found), min(found), max(found)))
        sys.stdout.write(f"| {case} | {ratio:.2f} | {least:.2f}-{most:.2f} |\n")
    sys.stdout.write(f"none: {none / LINES * 10_000:.3f} s of a core for 10,000 lines\n")


if __name__ == "__main__":
    main()
