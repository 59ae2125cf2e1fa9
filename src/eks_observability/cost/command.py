"""``eks-observability cost``."""

import json
import math
from pathlib import Path
from typing import Any

import click

from eks_observability import cost, helm
from eks_observability.cost import report
from eks_observability.errors import CommandError

_EXAMPLE = """\
\b
The article's cluster, without the services that the article leaves out:
  eks-observability cost --values values/examples/amp.yaml --traces-per-minute 14.8 --without amp --without insights

The exit status is 1 if the total exceeds --budget.
"""
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_TO_WRITE = click.Path(dir_okay=False, path_type=Path)
_COUNT = click.IntRange(min=0)
_AMOUNT = click.FloatRange(min=0)


@click.command("cost", epilog=_EXAMPLE)
@click.option(
    "--values", type=_FILE, multiple=True, help="Values file of the release; repeatable, later files take precedence."
)
@click.option(
    "--chart", default="observability-stack", show_default=True, help="Name in charts/, folder, or OCI address."
)
@click.option("--nodes", type=_COUNT, default=3, show_default=True, help="Number of nodes.")
@click.option("--instance", default="t3.xlarge", show_default=True, help="Instance type of the nodes.")
@click.option("--spot", is_flag=True, help="Use spot instances.")
@click.option("--series", type=_AMOUNT, help="Series sent to Amazon Managed Service for Prometheus (AMP).")
@click.option("--measured", type=_FILE, help="Output of /metrics of a running Prometheus, instead of --series.")
@click.option("--queried", type=_AMOUNT, default=0, show_default=True, help="Samples that queries read per month.")
@click.option("--metric-days", type=_AMOUNT, default=150, show_default=True, help="Retention of AMP, in days.")
@click.option("--log-gb", type=_AMOUNT, help="GB of logs per month.")
@click.option("--log-days", type=_AMOUNT, help="Retention of logs, in days; default: from the values, or 30.")
@click.option("--traces-per-minute", type=_AMOUNT, help="Traces recorded per minute.")
@click.option("--traces-retrieved", type=_AMOUNT, default=0, show_default=True, help="Traces retrieved per month.")
@click.option("--observations", type=_AMOUNT, help="Observations of Container Insights per month.")
@click.option(
    "--custom-metrics", type=_AMOUNT, help="Custom metrics of Container Insights without enhanced observability."
)
@click.option("--editors", type=_COUNT, default=1, show_default=True, help="Managed Grafana editors.")
@click.option("--viewers", type=_COUNT, default=0, show_default=True, help="Managed Grafana viewers.")
@click.option(
    "--without", multiple=True, type=click.Choice(list(cost.SERVICES)), help="Leave out a service; repeatable."
)
@click.option("--budget", type=_AMOUNT, help="Monthly budget, in USD.")
@click.option("--prices", "price_file", type=_FILE, help="Price file to use instead of the built-in one.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--picture", type=_TO_WRITE, help="Draw the estimate to an .svg or .png file.")
def command(
    values: tuple[Path, ...],
    chart: str,
    measured: Path | None,
    without: tuple[str, ...],
    budget: float | None,
    price_file: Path | None,
    as_json: bool,
    picture: Path | None,
    **amounts: Any,
) -> int:
    """Estimate the monthly cost of a cluster with a release of a chart."""
    if not all(math.isfinite(one) for one in (*amounts.values(), budget) if isinstance(one, float)):
        raise CommandError("amounts must be finite numbers")
    folder = Path("charts", chart)
    prices = cost.load(price_file) if price_file else cost.load()
    release = cost.read(helm.render(str(folder) if folder.is_dir() else chart, values))
    rate = samples_per_second(measured.read_text(encoding="utf-8")) if measured else None
    volumes = cost.Volumes(**amounts, samples_per_second=rate)
    made = cost.estimate(release, volumes, prices, without=without)
    others = dict(cost.alternatives(release, volumes, prices, without=without))
    if picture:
        report.picture(made, others, picture)
    data = report.data(made, others, prices, budget)
    click.echo(json.dumps(data, indent=2) if as_json else report.text(made, others, prices, budget))
    return 1 if budget is not None and made.total > budget else 0


def samples_per_second(metrics: str) -> float:
    """Return the average number of samples per second that a Prometheus has sent since its start.

    Args:
        metrics: the output of its ``/metrics``.

    Raises:
        CommandError: it has no remote write metrics, or has run for less than a minute.
    """
    found: dict[str, list[float]] = {}
    for line in metrics.splitlines():
        if line and not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            found.setdefault(series.partition("{")[0], []).append(float(value))
    sent = found.get("prometheus_remote_storage_samples_total")
    newest = found.get("prometheus_remote_storage_queue_highest_timestamp_seconds")
    started = found.get("process_start_time_seconds")
    seconds = max(newest) - started[0] if newest and started else 0
    if not sent or seconds < 60:
        raise CommandError(
            "these metrics have no count of sent samples: save them from a Prometheus that writes to a remote and "
            "has run for at least a minute"
        )
    return sum(sent) / seconds
