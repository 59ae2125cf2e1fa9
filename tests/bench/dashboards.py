"""Draws the pictures in docs/dashboards: answers of a live Prometheus, in the layout of Grafana.

`.venv/bin/python -m bench.dashboards` draws the recorded data; with `--prometheus http://127.0.0.1:9090`, it records
new data first.
"""

import argparse
import json
import math
import re
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench import panels
from eks_observability.dashboards import BOARDS, Panel, panel_queries

FOLDER = Path(__file__).parents[2] / "docs" / "dashboards"
DATA = FOLDER / "data.json"
POINTS = 40
# Maximum number of recorded series per query; more are indistinguishable in a picture.
SERIES = 12
# Parts of names that are random or specific to a machine.
_HASHES = re.compile(r"-[0-9a-f]{8,10}-[a-z0-9]{5}\b|https?://[^/\s]+")

Ask = Callable[[str, float, float, float], list[dict[str, Any]]]


def record(ask: Ask, end: float, seconds: float, window: str) -> dict[str, Any]:
    """Record the answers to the queries of every panel for a period.

    Args:
        ask: runs a range query, given PromQL, start, end and step in seconds; returns the API's `result`.
        end: end of the period, in seconds since the epoch.
        seconds: length of the period.
        window: the range of rates.

    Returns:
        Dashboard, panel, and for each query its series: legend, labels and values.
    """
    legends = {(board.uid, panel.title): panel for board in BOARDS for panel in board.panels}
    step = seconds / POINTS
    found: dict[str, Any] = {"seconds": seconds}
    for query in panel_queries(window):
        panel = legends[query.dashboard, query.panel]
        of_panel = found.setdefault(query.dashboard, {}).setdefault(query.panel, [])
        answer = [] if query.absent else ask(query.expr, end - seconds, end, step)
        legend = panel.queries[len(of_panel)].legend
        of_panel.append([_series(one, legend, panel, end - seconds, step) for one in answer[:SERIES]])
    return found


def _series(answer: Mapping[str, Any], legend: str, panel: Panel, start: float, step: float) -> dict[str, Any]:
    labels = {name: _HASHES.sub("", text) for name, text in answer["metric"].items()}
    at = {round((when - start) / step): _rounded(float(value)) for when, value in answer["values"]}
    values = [at.get(point) for point in range(POINTS + 1)]
    if panel.kind in ("table", "bars"):
        values = [next((value for value in reversed(values) if value is not None), None)]
    name = re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), legend)
    return {"legend": name, "labels": labels if panel.kind == "table" else {}, "values": values}


def _rounded(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None


def _over_http(address: str) -> Ask:
    def ask(expr: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        query = urllib.parse.urlencode({"query": expr, "start": start, "end": end, "step": step})
        with urllib.request.urlopen(f"{address.rstrip('/')}/api/v1/query_range?{query}", timeout=30) as answer:
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return result

    return ask


def write(found: Mapping[str, Any], folder: Path = FOLDER) -> None:
    """Draw each dashboard into a folder, as `<uid>.svg`."""
    for board in BOARDS:
        panels.write(board, found.get(board.uid, {}), folder / f"{board.uid}.svg")


def main(arguments: list[str] | None = None) -> int:
    """Record if requested, then draw."""
    parser = argparse.ArgumentParser(prog="python -m bench.dashboards", description=__doc__)
    parser.add_argument("--prometheus", help="URL of a Prometheus to record from first")
    parser.add_argument("--minutes", type=float, default=30, help="length of the period to record; default: 30")
    parser.add_argument("--window", default="5m", help="range of rates, at least four scrape intervals; default: 5m")
    options = parser.parse_args(arguments)
    if options.prometheus:
        found = record(_over_http(options.prometheus), time.time(), options.minutes * 60, options.window)
        save(found)
    write(json.loads(DATA.read_text(encoding="utf-8")))
    return 0


def save(found: Mapping[str, Any]) -> None:
    """Write the recorded data, one series per line."""
    lines = json.dumps(found, separators=(",", ":"), ensure_ascii=False).replace('{"legend"', '\n{"legend"')
    DATA.write_text(lines + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
