"""Compare observability-stack with the article's setup on one node: samples sent, and memory.

    .venv/bin/python -m bench.metrics                 10 minutes on a local cluster
    .venv/bin/python -m bench.metrics --write         and write docs/benchmarks/metrics.md
    .venv/bin/python -m bench.metrics --minutes 3     shorter

Both write to receivers on this machine that verify their signatures. Afterwards every panel's query is sent to a
Prometheus that has only the samples of our release.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import metrics_article, metrics_replay
from cluster import metrics as release
from cluster.stage import Stage, namespace
from harness.backends.remote_write import PATH, RemoteWriteReceiver
from harness.clusters import LocalCluster
from harness.render.helm import Helm

FILE = Path(__file__).parents[2] / "docs" / "benchmarks" / "metrics.md"
MOST_SAMPLES, MOST_MEMORY = 0.10, 0.50


@dataclass(frozen=True)
class Side:
    """The measurements of one of the two setups.

    Attributes:
        samples: samples that arrived, per minute.
        series: series that arrived.
        jobs: series by scrape job.
        working_set: median and maximum of cadvisor's `container_memory_working_set_bytes` of Prometheus, bytes.
        rss: median of cadvisor's `container_memory_rss`, bytes.
    """

    samples: float
    series: int
    jobs: Counter[str]
    working_set: tuple[float, float]
    rss: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure both sides; return 1 if ours exceeds a limit or leaves a panel empty."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.metrics", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10, help="duration of the measurement; default: 10")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks/metrics.md")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        article, ours, empty = measure(Path(folder), options.minutes)
    text = report(article, ours, empty, options.minutes)
    print(text)
    if options.write:
        FILE.write_text(text, encoding="utf-8")
    samples, memory = ours.samples / article.samples, ours.working_set[0] / article.working_set[0]
    return int(samples > MOST_SAMPLES or memory > MOST_MEMORY or bool(empty))


def measure(folder: Path, minutes: float) -> tuple[Side, Side, set[str]]:
    """Return the article's side, ours, and the panels that our samples leave empty."""
    with LocalCluster("bench-metrics") as cluster:
        address = cluster.host_address()
        assert address is not None
        stage = Stage(cluster, "ours", Helm())
        with (
            RemoteWriteReceiver(tls=folder / "article", host=address, region=release.REGION) as theirs,
            RemoteWriteReceiver(tls=folder / "ours", host=address, region=release.REGION) as mine,
            namespace(stage),
        ):
            stage.load_images([release.BUSYBOX, release.FLUENT_BIT])
            release.apply(stage, release.world(stage))
            made = release.Metrics(stage, mine, address)
            # The chart's defaults, except where a test cluster requires otherwise.
            made.install("auto", alertmanager={}, pushgateway={}, scrape={"kubelet": {"insecureSkipVerify": True}})
            metrics_article.install(stage, f"https://{address}:{theirs.port}{PATH}", theirs)
            release.until(lambda: mine.select("up") and theirs.select("up"), "both to write", 180)
            since = time.time()
            while time.time() < since + 60 * minutes:
                time.sleep(5)
            until = time.time()
            assert mine.reasons == theirs.reasons == []
            pods = {"article": theirs, "ours": mine}
            sides = {name: side(name, receiver, theirs, since, until) for name, receiver in pods.items()}
        return sides["article"], sides["ours"], metrics_replay.empty_panels(mine.all(), folder / "replay")


def side(place: str, receiver: RemoteWriteReceiver, told: RemoteWriteReceiver, since: float, until: float) -> Side:
    """Summarize one side; cadvisor metrics of both come from the receiver that got every metric."""
    arrived = sum(count for when, count in receiver.arrivals if since < when <= until)
    jobs = Counter(dict(labels).get("job", "") for labels in receiver.all())
    memory = {}
    for metric in ("working_set_bytes", "rss"):
        series = told.select(f"container_memory_{metric}", namespace=place, container="prometheus").values()
        memory[metric] = [value for points in series for when, value in points.items() if when > since * 1000]
    used = memory["working_set_bytes"]
    peak = (statistics.median(used), max(used))
    rate = arrived / (until - since) * 60
    return Side(rate, len(receiver.series), jobs, peak, statistics.median(memory["rss"]))


def report(article: Side, ours: Side, empty: set[str], minutes: float) -> str:
    """Return the results as Markdown."""

    def row(name: str, left: float, right: float, unit: str = "") -> str:
        return f"| {name} | {left:,.0f}{unit} | {right:,.0f}{unit} | {right / left:.1%} |"

    jobs = ", ".join(f"{name} {count:,}" for name, count in sorted(ours.jobs.items()))
    theirs = ", ".join(f"{name} {count:,}" for name, count in sorted(article.jobs.items()))
    mega = 1e6
    lines = [
        "# Samples and memory beside the article's setup",
        "",
        f"Both setups ran on one node at the same time for {minutes:g} minutes, each writing to a receiver that",
        "verifies signatures (`.venv/bin/python -m bench.metrics --write`). The article's setup: Prometheus 3.14 with",
        "the scrape configuration, flags and queue of prometheus-community/prometheus 29.27 and the article's values:",
        "server mode, everything sent. Ours is this chart with its defaults and a remote: agent mode, allow-list. Both",
        "scrape the same exporters, which our release runs, selected by label so that neither scrapes the other. The",
        "article's Alertmanager and Pushgateway are left out. kube-state-metrics is a stand-in with fewer metrics than",
        "the real one, which favors the article's side.",
        "",
        "| | article | observability-stack | share |",
        "| --- | ---: | ---: | ---: |",
        row("samples sent per minute", article.samples, ours.samples),
        row("series sent", article.series, ours.series),
        row("memory, median of the working set", article.working_set[0] / mega, ours.working_set[0] / mega, " MB"),
        row("memory, largest working set", article.working_set[1] / mega, ours.working_set[1] / mega, " MB"),
        row("memory, median resident set", article.rss / mega, ours.rss / mega, " MB"),
        "",
        f"Limit: at most {MOST_SAMPLES:.0%} of the samples and {MOST_MEMORY:.0%} of the memory (median working set).",
        "",
        f"Series by job, ours: {jobs}.",
        "",
        f"Series by job, the article's: {theirs}.",
        "",
        "In a Prometheus that has only our samples, "
        + (f"these panels are empty: {'; '.join(sorted(empty))}." if empty else "every panel's query returns data,"),
        f"except for panels that need {', or '.join(sorted(metrics_replay.NOT_HERE))}.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
