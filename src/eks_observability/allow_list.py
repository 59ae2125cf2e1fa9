"""The metrics that rules and dashboards use, by scrape job, so that a service that bills samples gets no others."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from eks_observability import promql
from eks_observability.errors import CommandError

CHART = Path("charts/observability-stack")
# The scrape jobs of that chart. A metric is kept for the jobs in the queries.
JOBS = (
    "alertmanager",
    "apiserver",
    "cadvisor",
    "endpoints",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-state-metrics",
    "kubelet",
    "node-exporter",
    "pods",
    "probes",
    "prometheus",
    "pushgateway",
    "windows-exporter",
)
# Replacement for Grafana's time variables; any duration works.
_TIMES = ("$__rate_interval", "$__interval", "$__range", "${__rate_interval}", "${__interval}", "${__range}")
_HEAD = """\
# Written by `eks-observability allow-list` from files/rules and files/dashboards; do not edit.
# The metrics in their queries, by scrape job. Metrics without a job are kept for every job.
"""


def queries(chart: Path) -> Iterator[tuple[str, str]]:
    """Yield the place and the text of each query: first of the rules, then of the dashboards.

    Args:
        chart: folder with ``files/rules/*.yaml`` and ``files/dashboards/*.json``.
    """
    for file in sorted(chart.glob("files/rules/*.yaml")):
        for rule in _rules(file):
            yield f"{file.name}: {rule.get('alert') or rule['record']}", rule["expr"]
    for file in sorted(chart.glob("files/dashboards/*.json")):
        board = json.loads(file.read_text(encoding="utf-8"))
        variables = board["templating"]["list"]
        typed = {one["name"]: one["query"] for one in variables if one["type"] == "textbox"}
        for panel in _panels(board):
            for target in panel.get("targets", []):
                if "expr" in target:
                    yield f"{file.name}: {panel['title']}", _filled_in(target["expr"], typed)
        for variable in variables:
            if variable["type"] == "query":
                yield f"{file.name}: ${variable['name']}", _selector_of(variable["query"])


def collect(chart: Path) -> dict[str, list[str]]:
    """Return the scraped metrics that rules and dashboards read, by job, without recorded metrics.

    Args:
        chart: see ``queries``.

    Raises:
        CommandError: a query is not valid PromQL, or does not name the job of a metric.
    """
    recorded = {
        rule["record"] for file in chart.glob("files/rules/*.yaml") for rule in _rules(file) if "record" in rule
    }
    wanted = defaultdict(set)
    for where, query in queries(chart):
        try:
            found = promql.reads(query, JOBS)
        except CommandError as error:
            raise CommandError(f"{where}: {error}") from error
        for read in found:
            if read.metric in recorded | promql.OF_RULES:
                continue
            if not read.job and read.metric not in promql.OF_A_SCRAPE:
                raise CommandError(f'{where}: {read.metric} has no job; name it: {read.metric}{{job="..."}}')
            for job in [read.job] if read.job else JOBS:
                wanted[job].add(read.metric)
    return {job: sorted(wanted[job]) for job in sorted(wanted)}


def write(chart: Path, *, check: bool = False) -> bool:
    """Write ``files/allow-list.yaml`` of a chart.

    Args:
        chart: see ``queries``.
        check: do not write the file.

    Returns:
        Whether the file changed or, with ``check``, would change.
    """
    text = _HEAD + yaml.safe_dump(collect(chart))
    file = chart / "files" / "allow-list.yaml"
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return False
    if not check:
        file.write_text(text, encoding="utf-8")
    return True


@click.command("allow-list")
@click.option("--chart", type=click.Path(path_type=Path), default=CHART, show_default=True, help="Folder of the chart.")
@click.option("--check", is_flag=True, help="Write nothing; exit with status 1 if the file is out of date.")
def command(chart: Path, check: bool) -> int:
    """Write the list of metrics that rules and dashboards use, by scrape job."""
    if not (chart / "files").is_dir():
        raise CommandError(f"there is no chart in {chart}; pass its folder with --chart")
    stale = write(chart, check=check)
    if stale:
        advice = "is out of date: run `eks-observability allow-list`" if check else "written"
        click.echo(f"{chart / 'files' / 'allow-list.yaml'} {advice}")
    return 1 if check and stale else 0


def _rules(file: Path) -> Iterable[dict[str, Any]]:
    groups = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", [])  # a collapsed row contains its panels


def _filled_in(query: str, typed: Mapping[str, str]) -> str:
    """Substitute variables outside of strings with a duration or a number."""
    for name in _TIMES:
        query = query.replace(name, "5m")
    for name, text in typed.items():
        query = query.replace(f"${name}", text)
    return query


def _selector_of(query: str | dict[str, Any]) -> str:
    """Return the selector of ``label_values(selector, label)``, a Grafana function."""
    text = query["query"] if isinstance(query, dict) else query
    name, _, inner = text.partition("(")
    if name != "label_values" or "," not in inner:
        raise CommandError(f"a variable must be label_values(selector, label), not {text}")
    return inner.rpartition(",")[0]
