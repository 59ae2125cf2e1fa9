"""What a dashboard consists of: boards, rows, panels and their queries, before Grafana's JSON is made of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["stat", "graph", "stacked", "table", "bars"]
Source = Literal["prometheus", "cloudwatch"]

# Grafana draws nothing where `rate()` sees fewer than two samples; samples come once a minute by default.
INTERVAL = "1m"
# Where a clone of the repository has the dashboards' JSON.
FILES = Path("charts/observability-stack/files/dashboards")


@dataclass(frozen=True)
class Query:
    """One PromQL query of a panel.

    Attributes:
        expr: PromQL with Grafana's variables in it.
        legend: how Grafana names a series, ``{{label}}`` for a label's value; empty: all its labels.
    """

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class CloudWatch:
    """One CloudWatch query of a panel.

    Attributes:
        expression: a CloudWatch search expression.
        legend: how Grafana names a series.
    """

    expression: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        title: its name, unique in its dashboard.
        kind: how it is drawn; ``bars`` are the newest values side by side.
        queries: what it shows, all of one data source.
        unit: Grafana's name of the unit.
        description: what a reader has to know that the title does not say.
        width: in 24ths of the dashboard.
        height: in Grafana's rows.
        warn: value from which on it is drawn orange.
        alarm: value from which on it is drawn red.
        top: largest value of the axis.
        needs: what has to be in the cluster before it shows anything.
        absent: why no test cluster can show it; empty: one can.
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
        """The kind of its data source."""
        return "cloudwatch" if isinstance(self.queries[0], CloudWatch) else "prometheus"


@dataclass(frozen=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Variable:
    """What a reader chooses at the top of a dashboard.

    Attributes:
        name: as in ``$name``.
        label: what Grafana shows beside it.
        metric: selector of the series whose label is offered; empty: a field to type into.
        values: that label, or what the field begins with.
        several: whether several may be chosen, or all, as at first.
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
        uid: its name in addresses and of its file; never changes.
        title: its name for people.
        description: one sentence.
        variables: what a reader chooses, besides the data source.
        rows: its panels.
    """

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...] = field(default=())

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All its panels, from the top left to the bottom right."""
        return tuple(panel for row in self.rows for panel in row.panels)


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Put values in the place of ``$name``, as Grafana does.

    Args:
        text: a query of a dashboard.
        variables: the value of each variable that it has.

    Returns:
        The query that the data source gets.

    Raises:
        KeyError: a variable has no value.
    """
    # A `$` before a digit is the group of a regular expression, as in label_replace().
    return re.sub(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))", lambda found: variables[found[1] or found[2]], text)
