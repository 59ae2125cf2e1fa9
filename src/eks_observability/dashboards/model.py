"""The model of a dashboard: boards, rows, panels and their queries, independent of Grafana's JSON."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["stat", "graph", "stacked", "table", "bars"]
Source = Literal["prometheus", "cloudwatch"]

# `rate()` needs at least two samples; the default scrape interval is one minute.
INTERVAL = "1m"
# Folder of the dashboards' JSON in a clone of the repository.
FILES = Path("charts/observability-stack/files/dashboards")


@dataclass(frozen=True)
class Query:
    """One PromQL query of a panel.

    Attributes:
        expr: PromQL, may contain Grafana variables.
        legend: name of a series, with ``{{label}}`` for a label's value; empty: all labels.
    """

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class CloudWatch:
    """One CloudWatch query of a panel.

    Attributes:
        expression: a CloudWatch search expression.
        legend: name of a series.
    """

    expression: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        title: title, unique in the dashboard.
        kind: visualization; ``bars`` shows the newest values side by side.
        queries: queries, all to the same data source.
        unit: Grafana's name for the unit.
        description: explanation beyond the title.
        width: in 24ths of the dashboard.
        height: in Grafana grid rows.
        warn: threshold for orange.
        alarm: threshold for red.
        top: maximum of the axis.
        needs: object that the cluster must have for the panel to show data.
        absent: reason why no test cluster can show it; empty: one can.
    """

    title: str
    kind: Kind
    queries: tuple[Query, ...] | tuple[CloudWatch, ...]
    unit: str = "short"
    description: str = ""
    width: int = 8
    height: int = 8
    warn: float | None = None
    alarm: float | None = None
    top: float | None = None
    needs: tuple[str, ...] = ()
    absent: str = ""

    @property
    def source(self) -> Source:
        """Type of the data source."""
        return "cloudwatch" if isinstance(self.queries[0], CloudWatch) else "prometheus"


@dataclass(frozen=True)
class Row:
    """A row of panels with a title."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Variable:
    """A variable at the top of a dashboard.

    Attributes:
        name: name, as in ``$name``.
        label: label in Grafana.
        metric: selector of the series whose label values are offered; empty: a text field.
        values: the label, or the initial text.
        several: allow multiple values; the default is all.
    """

    name: str
    label: str
    metric: str
    values: str
    several: bool = True


@dataclass(frozen=True)
class Board:
    """One dashboard.

    Attributes:
        uid: identifier in URLs and file name; never changes.
        title: display name.
        description: one sentence.
        variables: variables, in addition to the data source.
        rows: rows of panels.
    """

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...] = field(default=())

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, from top left to bottom right."""
        return tuple(panel for row in self.rows for panel in row.panels)


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Substitute ``$name`` variables, as Grafana does.

    Args:
        text: a query of a dashboard.
        variables: the value of each variable in the query.

    Returns:
        The query as sent to the data source.

    Raises:
        KeyError: a variable has no value.
    """
    # A `$` before a digit is a regular expression group, as in label_replace().
    return re.sub(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))", lambda found: variables[found[1] or found[2]], text)
