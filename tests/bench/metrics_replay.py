"""Replays received samples into a Prometheus, and finds dashboard panels without data."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from cluster.metrics import EXTERNAL
from eks_observability.dashboards import panel_queries, remote_write, workload
from harness import tools
from harness.backends.remote_write import Labels, encode

# Requirements of panels that an agent does not meet; the cluster tests cover these panels with a server.
NOT_HERE = {workload.CLAIM, remote_write.SENDS_SELECTED, remote_write.RULES, remote_write.ALERTMANAGER}
_ADDRESS = "127.0.0.1:19090"


def empty_panels(series: dict[Labels, dict[int, float]], folder: Path) -> set[str]:
    """Return the panels without data, except panels that state why they cannot have any here.

    Args:
        series: the received samples.
        folder: data folder for Prometheus; must not exist.
    """
    folder.mkdir()
    config = folder / "prometheus.yml"
    config.write_text("storage: {tsdb: {out_of_order_time_window: 1h}}\n", encoding="ascii")
    command = [str(tools.path("prometheus")), f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    command += [f"--web.listen-address={_ADDRESS}", "--web.enable-remote-write-receiver"]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait()
        _post(encode(series))
        # Query the last moment at which every job was still scraped.
        newest = [
            max(points) for labels, points in series.items() if ("__name__", "up") in labels and EXTERNAL in labels
        ]
        when = sorted(newest)[len(newest) // 2] / 1000
        queries = [one for one in panel_queries("5m") if not one.absent and not NOT_HERE & {*one.needs}]
        return {one.name for one in queries if not _query(one.expr, when)}
    finally:
        process.terminate()
        process.wait()


def _wait() -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://{_ADDRESS}/-/ready", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < deadline, "Prometheus did not start"
            time.sleep(0.1)


def _post(body: bytes) -> None:
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
    request = urllib.request.Request(f"http://{_ADDRESS}/api/v1/write", body, headers)
    with urllib.request.urlopen(request, timeout=60):
        pass


def _query(expression: str, when: float) -> list[object]:
    query = urllib.parse.urlencode({"query": expression, "time": f"{when:.3f}"})
    with urllib.request.urlopen(f"http://{_ADDRESS}/api/v1/query?{query}", timeout=60) as answer:
        result: list[object] = json.load(answer)["data"]["result"]
        return result
