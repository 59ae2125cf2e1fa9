"""The dashboards as code: their panels, Grafana's JSON, and the push to a Grafana.

Dashboards depend on exporters, not on chart templates. `panel_queries` lists the queries that the allow-list covers and
that the cluster tests send to a live Prometheus.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from eks_observability.dashboards import addons, cluster, logs, node, probes, remote_write, workload
from eks_observability.dashboards.model import Board, CloudWatch, Panel, Source, substitute

BOARDS: tuple[Board, ...] = (
    *(cluster.BOARD, node.BOARD, workload.BOARD, logs.BOARD),
    *(probes.BOARD, remote_write.BOARD, addons.BOARD),
)

__all__ = ["BOARDS", "Board", "Panel", "PanelQuery", "panel_queries", "substitute"]


@dataclass(frozen=True)
class PanelQuery:
    """One query of one panel.

    Attributes:
        dashboard: uid of the dashboard.
        panel: title of the panel.
        source: type of the data source.
        template: the query as written in the dashboard.
        expr: the query with all variables substituted: everything selected, rates over the window of `panel_queries`.
        needs: object that the cluster must have for the query to return data.
        absent: reason why no test cluster can answer it; empty: one can.
    """

    dashboard: str
    panel: str
    source: Source
    template: str
    expr: str
    needs: tuple[str, ...]
    absent: str

    @property
    def name(self) -> str:
        """Dashboard and panel, for test IDs and messages."""
        return f"{self.dashboard}: {self.panel}"


def panel_queries(window: str = "5m") -> tuple[PanelQuery, ...]:
    """List every query of every panel.

    Args:
        window: the range of rates, replaces Grafana's `$__rate_interval`.

    Returns:
        The queries, in the order of the panels.
    """
    return tuple(_queries(window))


def _queries(window: str) -> Iterator[PanelQuery]:
    for board in BOARDS:
        chosen = {
            "__rate_interval": window,
            **{one.name: ".*" if one.metric else one.values for one in board.variables},
        }
        for panel in board.panels:
            for query in panel.queries:
                if isinstance(query, CloudWatch):
                    template = expr = query.expression
                else:
                    template, expr = query.expr, substitute(query.expr, chosen)
                yield PanelQuery(board.uid, panel.title, panel.source, template, expr, panel.needs, panel.absent)
