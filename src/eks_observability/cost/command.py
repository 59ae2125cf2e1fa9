"""``eks-observability cost``."""

import argparse
import json
from pathlib import Path

from eks_observability import cost, helm
from eks_observability.cost import report
from eks_observability.errors import CommandError

_EXAMPLE = """\
The article's cluster, without what it leaves out of its own sum:
  eks-observability cost --values values/examples/amp.yaml --traces-per-minute 14.8 --without amp --without insights

The exit status is 1 when --budget is exceeded.
"""
# What the command may leave out; the estimator has their names for people.
SERVICES = ("eks", "nodes", "volumes", "amp", "grafana", "logs", "insights", "xray")


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``cost`` to the command line."""
    parser = commands.add_parser(
        "cost",
        help="estimate what a cluster with a chart's release costs in a month",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    release = parser.add_argument_group("what is installed")
    release.add_argument(
        "--values", type=Path, action="append", default=[], metavar="FILE", help="values; later files win"
    )
    release.add_argument(
        "--chart", default="observability-stack", help="a name in charts/, a folder, an archive or an oci:// address"
    )

    amounts = parser.add_argument_group("how much there is")
    amounts.add_argument("--nodes", type=_count, default=3, metavar="N", help="nodes (3)")
    amounts.add_argument("--instance", default="t3.xlarge", metavar="TYPE", help="their type (t3.xlarge)")
    amounts.add_argument("--spot", action="store_true", help="they are spot instances")
    amounts.add_argument("--series", type=_amount, metavar="N", help="series that are sent to AMP")
    amounts.add_argument(
        "--measured", type=Path, metavar="FILE", help="what /metrics of a running Prometheus says, instead of --series"
    )
    amounts.add_argument("--queried", type=_amount, default=0, metavar="N", help="samples that queries read in a month")
    amounts.add_argument("--metric-days", type=_amount, default=150, metavar="N", help="days that AMP keeps them (150)")
    amounts.add_argument("--log-gb", type=_amount, metavar="N", help="GB of logs in a month")
    amounts.add_argument(
        "--log-days", type=_amount, metavar="N", help="days that they are kept (as the values say, or 30)"
    )
    amounts.add_argument("--traces-per-minute", type=_amount, metavar="N", help="traces that are recorded")
    amounts.add_argument("--traces-retrieved", type=_amount, default=0, metavar="N", help="traces looked at in a month")
    amounts.add_argument(
        "--observations", type=_amount, metavar="N", help="observations of Container Insights in a month"
    )
    amounts.add_argument(
        "--custom-metrics", type=_amount, metavar="N", help="metrics of Container Insights, where it is not enhanced"
    )
    amounts.add_argument("--editors", type=_count, default=1, metavar="N", help="people who edit dashboards (1)")
    amounts.add_argument("--viewers", type=_count, default=0, metavar="N", help="people who only look at them (0)")

    answer = parser.add_argument_group("the answer")
    answer.add_argument("--without", action="append", default=[], choices=SERVICES, help="leave a service out")
    answer.add_argument("--budget", type=_amount, metavar="USD", help="what a month may cost")
    answer.add_argument("--prices", type=Path, metavar="FILE", help="other prices than the built-in ones")
    answer.add_argument("--json", action="store_true", help="print JSON")
    answer.add_argument("--picture", type=Path, metavar="FILE", help="draw it, too: a file that ends in .svg or .png")
    parser.set_defaults(run=_run)


def samples_per_second(metrics: str) -> float:
    """Return how many samples a Prometheus has sent in a second, since it started.

    Args:
        metrics: what it answered at ``/metrics``.

    Raises:
        CommandError: it does not say, as it writes to no remote or has only just started.
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
            "these metrics do not say how many samples are sent: they have to be of a Prometheus that writes to a "
            "remote and has run for a minute"
        )
    return sum(sent) / seconds


def _run(options: argparse.Namespace) -> int:
    for file in [*options.values, *([options.measured] if options.measured else [])]:
        if not file.is_file():
            raise CommandError(f"there is no file {file}")
    chart = f"charts/{options.chart}" if Path("charts", options.chart).is_dir() else options.chart
    prices = cost.load(options.prices) if options.prices else cost.load()
    release = cost.read(helm.render(chart, options.values))
    names = cost.Volumes.__dataclass_fields__.keys() & vars(options).keys()
    measured = options.measured and samples_per_second(options.measured.read_text(encoding="utf-8"))
    volumes = cost.Volumes(**{name: getattr(options, name) for name in names}, samples_per_second=measured)
    made = cost.estimate(release, volumes, prices, without=options.without)
    others = dict(cost.alternatives(release, volumes, prices, without=options.without))
    if options.picture:
        report.picture(made, others, options.picture)
    if options.json:
        print(json.dumps(report.data(made, others, prices, options.budget), indent=2))
    else:
        print(report.text(made, others, prices, options.budget))
    return 1 if options.budget is not None and made.total > options.budget else 0


def _amount(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on")
    return value


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)
