"""Draws panels; the same data produces the same bytes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import pyplot
from matplotlib.patches import FancyBboxPatch

from eks_observability.dashboards import Board, Panel

INK, PALE, LINE = "#24292e", "#6a737d", "#d8dce0"
COLORS = ["#3f7d58", "#1f5f8b", "#c8a24a", "#6b4c8a", "#b5533c", "#5b9aa0", "#8d6e63", "#7a9cc6", "#9aa54a", "#555555"]
GOOD, WARN, ALARM = "#3f7d58", "#c77c11", "#b5382a"
SETTINGS: dict[str, Any] = {
    "svg.hashsalt": "dashboards",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 7,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": PALE,
    "xtick.color": PALE,
    "ytick.color": PALE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": matplotlib.cycler(color=COLORS),
    "path.simplify": True,
}
# Inches per 24th of the width, and per Grafana grid row.
ACROSS, DOWN = 0.55, 0.24
ROWS = 7
SIZES = ("", " K", " M", " G", " T")
UNITS = {"bytes": "B", "Bps": "B/s", "cps": "/s", "recs": "/s", "iops": "/s", "pps": "/s", "s": " s", "cores": " cores"}

Answers = Sequence[Sequence[Mapping[str, Any]]]


def write(board: Board, found: Mapping[str, Answers], path: Path) -> None:
    """Draw a dashboard.

    Args:
        board: the dashboard.
        found: the answers to the queries of each panel, by title.
        path: SVG file to write.
    """
    matplotlib.use("svg")
    places, depth = _places(board)
    with pyplot.rc_context(SETTINGS):
        figure = pyplot.figure(figsize=(24 * ACROSS, depth * DOWN), facecolor="#f4f5f7")
        for row, top in places["rows"]:
            figure.text(0.006, 1 - (top + 0.75) / depth, row, fontsize=9, fontweight="bold")
        for panel, left, top in places["panels"]:
            box = (left / 24, 1 - (top + panel.height) / depth, panel.width / 24, panel.height / depth)
            _card(figure, panel, box, depth)
            answers = found.get(panel.title, [])
            _DRAW[panel.kind](figure, panel, answers, box, depth) if any(answers) else _nothing(figure, panel, box)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
        pyplot.close(figure)


def _places(board: Board) -> tuple[dict[str, list[Any]], int]:
    """Return the positions of rows and panels in Grafana's layout, and the total height."""
    rows: list[Any] = []
    panels: list[Any] = []
    top = 0
    for row in board.rows:
        rows.append((row.title, top))
        top, left, height = top + 1, 0, 0
        for panel in row.panels:
            panels.append((panel, left, top))
            left, height = left + panel.width, max(height, panel.height)
            if left >= 24:
                top, left, height = top + height, 0, 0
        top += height
    return {"rows": rows, "panels": panels}, top


def shown(value: float | None, unit: str) -> str:
    """Return a value formatted approximately as in Grafana."""
    if value is None:
        return "-"
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "currencyUSD":
        return f"${value:.2f}"
    if unit in ("cores", "s"):
        return f"{value:.3g}{UNITS[unit]}"
    size, base = 0, 1024 if unit == "bytes" else 1000
    while abs(value) >= base and size < len(SIZES) - 1:
        value, size = value / base, size + 1
    binary = "i" if size and unit == "bytes" else ""
    return f"{value:.3g}{SIZES[size]}{binary}{UNITS.get(unit, '')}".replace("  ", " ")


def _card(figure: Any, panel: Panel, box: tuple[float, float, float, float], depth: int) -> None:
    left, bottom, width, height = box
    figure.add_artist(
        FancyBboxPatch(
            (left + 0.002, bottom + 0.15 / depth),
            width - 0.004,
            height - 0.3 / depth,
            boxstyle="round,pad=0,rounding_size=0.002",
            facecolor="white",
            edgecolor=LINE,
            linewidth=0.6,
            transform=figure.transFigure,
            zorder=-1,  # drawn behind the axes
        )
    )
    figure.text(left + 0.006, bottom + height - 0.95 / depth, panel.title, fontsize=8, fontweight="bold")


def _nothing(figure: Any, panel: Panel, box: tuple[float, float, float, float]) -> None:
    left, bottom, width, height = box
    text = panel.absent or "not recorded"
    figure.text(left + width / 2, bottom + height / 2, text, ha="center", va="center", color=PALE, fontsize=7)


def _axes(figure: Any, box: tuple[float, float, float, float], depth: int, *, below: float, left_room: float) -> Any:
    left, bottom, width, height = box
    return figure.add_axes(
        (left + left_room, bottom + below / depth, width - left_room - 0.008, height - (below + 1.5) / depth),
        facecolor="none",
    )


def _newest(one: Mapping[str, Any]) -> float | None:
    return next((value for value in reversed(one["values"]) if value is not None), None)


def _stat(figure: Any, panel: Panel, answers: Answers, box: tuple[float, float, float, float], depth: int) -> None:
    [first, *_] = answers[0]
    value = _newest(first)
    color = GOOD
    if value is not None and panel.warn is not None and value >= panel.warn:
        color = WARN
    if value is not None and panel.alarm is not None and value >= panel.alarm:
        color = ALARM
    axes = _axes(figure, box, depth, below=0.4, left_room=0.006)
    points = [(at, one) for at, one in enumerate(first["values"]) if one is not None]
    axes.fill_between([at for at, _ in points], [one for _, one in points], color=color, alpha=0.12, linewidth=0)
    axes.set_axis_off()
    left, bottom, width, height = box
    text = shown(value, panel.unit)
    figure.text(left + width / 2, bottom + height * 0.42, text, ha="center", va="center", fontsize=15, color=color)


def _graph(figure: Any, panel: Panel, answers: Answers, box: tuple[float, float, float, float], depth: int) -> None:
    axes = _axes(figure, box, depth, below=1.75, left_room=0.05)
    series = [one for answer in answers for one in answer]
    if panel.kind == "stacked":
        columns = [[value or 0 for value in one["values"]] for one in series]
        axes.stackplot(range(len(columns[0])), *columns, labels=[_name(one) for one in series], alpha=0.6)
    else:
        for one in series:
            values = [float("nan") if value is None else value for value in one["values"]]
            axes.plot(range(len(values)), values, linewidth=1.1, label=_name(one))
    if not any(value for one in series for value in one["values"]):
        axes.set_ylim(0, 1)
    else:
        low, high = axes.get_ylim()
        axes.set_ylim(min(0, low), high)
    axes.margins(x=0)
    axes.set_xticks([])
    axes.locator_params(axis="y", nbins=4)
    axes.yaxis.set_major_formatter(lambda value, _: shown(value, panel.unit))
    axes.grid(axis="y", color=LINE, linewidth=0.4)
    axes.tick_params(length=0)
    _legend(figure, axes, box, depth)


def _legend(figure: Any, axes: Any, box: tuple[float, float, float, float], depth: int) -> None:
    """Draw a legend for as many series as fit."""
    left, bottom, width, _ = box
    handles, names = axes.get_legend_handles_labels()
    at, end = left + 0.008, left + width - 0.045
    for number, (handle, name) in enumerate(zip(handles, names, strict=True)):
        room = 0.016 + 0.0038 * len(name)
        if number and at + room > end:
            figure.text(at, bottom + 0.7 / depth, f"+ {len(names) - number} more", fontsize=6, color=PALE)
            break
        color = handle.get_color() if hasattr(handle, "get_color") else handle.get_facecolor()[0]
        figure.text(at, bottom + 0.7 / depth, "■", fontsize=6, color=color)
        figure.text(at + 0.008, bottom + 0.7 / depth, name, fontsize=6, color=PALE)
        at += room


def _name(one: Mapping[str, Any]) -> str:
    name = one["legend"].strip() or "value"
    return name if len(name) <= 22 else f"{name[:21]}…"


def _table(figure: Any, panel: Panel, answers: Answers, box: tuple[float, float, float, float], depth: int) -> None:
    left, bottom, width, height = box
    columns = sorted({name for one in answers[0] for name in one["labels"]})
    lines = [[*columns, "Value"]]
    for one in sorted(answers[0], key=lambda one: -(_newest(one) or 0)):
        lines.append([*(one["labels"].get(name, "") for name in columns), shown(_newest(one), panel.unit)])
    shares = [max(len(line[at]) for line in lines[: ROWS + 1]) + 2 for at in range(len(lines[0]))]
    for number, line in enumerate(lines[: ROWS + 1]):
        at = left + 0.008
        for text, share in zip(line, shares, strict=True):
            most = max(6, int(share * (width - 0.016) / sum(shares) / 0.0036))
            cut = text if len(text) <= most else f"{text[: most - 1]}…"
            y = bottom + height - (1.9 + 0.72 * number) / depth
            figure.text(at, y, cut, fontsize=6.5, color=PALE if number == 0 else INK)
            at += (width - 0.016) * share / sum(shares)


def _bars(figure: Any, panel: Panel, answers: Answers, box: tuple[float, float, float, float], depth: int) -> None:
    series = sorted(answers[0], key=lambda one: _newest(one) or 0)
    axes = _axes(figure, box, depth, below=0.5, left_room=0.09)
    values = [_newest(one) or 0 for one in series]
    axes.barh([_name(one) for one in series], values, color=COLORS[1], alpha=0.75)
    for at, value in enumerate(values):
        axes.text(value, at, f" {shown(value, panel.unit)}", va="center", fontsize=6.5)
    axes.set_xlim(0, (max(values) or 1) * 1.25)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(length=0)


_DRAW = {"stat": _stat, "graph": _graph, "stacked": _graph, "table": _table, "bars": _bars}
