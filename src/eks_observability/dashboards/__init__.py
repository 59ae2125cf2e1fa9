"""The dashboards, as code: what they show, the JSON that Grafana takes, and the way into a Grafana.

They know exporters and not templates: `panel_queries` lists what the allow-list keeps metrics for, and what the
cluster tests ask of a live Prometheus.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from eks_observability.dashboards import cluster, logs, node, remote_write, workload
from eks_observability.dashboards.model import Board, CloudWatch, Panel, Source, substitute

BOARDS: tuple[Board, ...] = (cluster.BOARD, node.BOARD, workload.BOARD, logs.BOARD, remote_write.BOARD)

__all__ = ["BOARDS", "Board", "Panel", "PanelQuery", "panel_queries", "substitute"]


@dataclass(frozen=True)
class PanelQuery:
    """One query of one panel.

    Attributes:
        dashboard: uid of the dashboard.
        panel: title of the panel.
        source: kind of the data source that is asked.
        template: the query as the dashboard has it.
        expr: the query with all variables in place: everything chosen, rates over `panel_queries`'s window.
        needs: what has to be in the cluster before it returns anything.
        absent: why no test cluster can answer it; empty: one can.
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
        """Dashboard and panel, for test ids and messages."""
        return f"{self.dashboard}: {self.panel}"


def panel_queries(window: str = "5m") -> tuple[PanelQuery, ...]:
    """List every query of every panel.

    Args:
        window: the range of rates, in the place of Grafana's `$__rate_interval`.

    Returns:
        Them, in the order in which they are drawn.
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
