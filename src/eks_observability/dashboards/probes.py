"""The dashboard of probes: whether targets answer, how fast, and until when their certificates are valid."""

from eks_observability.dashboards.model import Board, Panel, Query, Row
from eks_observability.dashboards.promql import CLUSTER, series

PROBES = ("probes of blackbox_exporter",)
TLS = ("a probe of a URL with https",)
DAY = 24 * 3600


def _probe(metric: str) -> str:
    return series(metric, "probes")


def _of_target(expr: str) -> Query:
    return Query(f"max by (instance, module) ({expr})", "{{instance}}")


def _stat(title: str, expr: str, description: str = "", *, alarm: float | None = None) -> Panel:
    query = (Query(expr),)
    return Panel(title, "stat", query, description=description, width=4, height=4, alarm=alarm, needs=PROBES)


BOARD = Board(
    uid="eks-probes",
    title="EKS / Probes",
    description="Targets that blackbox_exporter probes: availability, duration and certificates.",
    variables=(CLUSTER,),
    rows=(
        Row(
            "Now",
            (
                _stat("Targets", f"count({_probe('probe_success')})"),
                _stat("Failing", f"count({_probe('probe_success')} == 0) or vector(0)", alarm=1),
            ),
        ),
        Row(
            "Targets",
            (
                Panel(
                    "Successful probes",
                    "graph",
                    (_of_target(f"avg_over_time({_probe('probe_success')}[1h])"),),
                    unit="percentunit",
                    description="Share of the last hour.",
                    top=1,
                    needs=PROBES,
                ),
                Panel(
                    "Duration",
                    "graph",
                    (_of_target(_probe("probe_duration_seconds")),),
                    unit="s",
                    needs=PROBES,
                ),
                Panel(
                    "HTTP status",
                    "graph",
                    (_of_target(f"{_probe('probe_http_status_code')} > 0"),),
                    description="After redirects.",
                    needs=PROBES,
                ),
                Panel(
                    "Certificates, days until they expire",
                    "graph",
                    (_of_target(f"({_probe('probe_ssl_earliest_cert_expiry')} - time()) / {DAY}"),),
                    unit="d",
                    description="Of the first certificate of the chain to expire.",
                    needs=TLS,
                ),
            ),
        ),
    ),
)
