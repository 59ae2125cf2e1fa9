"""The pictures of the loss matrix; the same results produce the same bytes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import pyplot
from matplotlib.colors import ListedColormap

from bench import readers, report
from harness.loss import Measurement

BEST, DUPLICATED, LOST, NOTHING = "#cfe8d5", "#f9e2a8", "#f2b8ae", "#f4f4f4"
INK = "#222222"
OWN, OTHER = "#1f5f8b", "#a0a0a0"
COLORS = {"busybox tail -f": "#a0a0a0", "GNU tail -F": "#c8a24a", "Fluent Bit, defaults": "#7a9cc6"}
OURS = {"chart: tail": "#3f7d58", "chart: fluent-bit": "#1f5f8b", "chart: fluentd": "#6b4c8a"}
STEADY = "steady 20,000/s"
LARGEST_CORES, LARGEST_MEGABYTES = 0.1, 32
Results = Mapping[tuple[str, str], Measurement]
SETTINGS: dict[str, Any] = {
    "svg.hashsalt": "bench",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": "#888888",
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def write(results: Results, folder: Path) -> None:
    """Draw both pictures into a folder."""
    names, cases = report.columns(results), report.rows(results)
    save({"loss": lambda: loss(results, names, cases, ours=readers.OURS), "cost": lambda: cost(results)}, folder)


def save(figures: Mapping[str, Callable[[], Any]], folder: Path) -> None:
    """Draw figures, and write each to a file of its name; None draws nothing."""
    matplotlib.use("svg")
    with pyplot.rc_context(SETTINGS):
        for name, draw in figures.items():
            figure = draw()
            if figure is not None:
                figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight")
                pyplot.close(figure)


def bars(panels: Mapping[str, tuple[Mapping[str, float], str]], *, ours: Sequence[str]) -> Any:
    """Draw a panel of bars for each title, from values by name and their format; `ours` have a color of their own."""
    figure, axes = pyplot.subplots(1, len(panels), figsize=(2.6 * len(panels), 1.9), sharey=True)
    for panel, (title, (values, form)) in zip(axes, panels.items(), strict=True):
        colors = [OWN if name in ours else OTHER for name in values]
        drawn = panel.barh([*values], [*values.values()], color=colors, height=0.62)
        panel.bar_label(drawn, labels=[form.format(value) for value in values.values()], padding=3, fontsize=8)
        panel.set_title(title, loc="left", fontsize=9)
        panel.set_xlim(0, max(values.values()) * 1.3 or 1)
        panel.tick_params(left=False, labelbottom=False)
    axes[0].invert_yaxis()
    return figure


def loss(results: Results, names: Sequence[str], cases: Sequence[str], *, ours: Sequence[str]) -> Any:
    """Draw the lines that each reader lost and duplicated in each case, as a colored table; `ours` are bold."""
    shades, words = [], []
    for case in cases:
        found = [results.get((name, case)) for name in names]
        shades.append([shade(one) for one in found])
        words.append([verdict(one) for one in found])
    figure, axes = pyplot.subplots(figsize=(1.5 * len(names) + 2, 0.27 * len(cases) + 0.6))
    axes.pcolormesh(
        shades,
        cmap=ListedColormap([BEST, DUPLICATED, LOST, NOTHING]),
        vmin=0,
        vmax=3,
        edgecolors="white",
        linewidth=1.5,
    )
    for row, line in enumerate(words):
        for column, text in enumerate(line):
            axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=8)
    axes.set_xticks([column + 0.5 for column in range(len(names))], names)
    axes.set_yticks([row + 0.5 for row in range(len(cases))], cases)
    for label in axes.get_xticklabels():
        label.set_fontweight("bold" if label.get_text() in ours else "normal")
    axes.invert_yaxis()
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def shade(measured: Measurement | None) -> int:
    """Return the index of a color: exact, duplicated, lost, not measured."""
    if measured is None:
        return 3
    return 2 if measured.report.lost else 1 if measured.report.duplicated else 0


def verdict(measured: Measurement | None) -> str:
    """Return the text of a cell."""
    if measured is None:
        return ""
    told = [
        f"{share(number, measured.report.written)} {word}"
        for number, word in ((measured.report.lost, "lost"), (measured.report.duplicated, "duplicated"))
        if number
    ]
    return "\n".join(told) or "every line once"


def share(number: int, total: int) -> str:
    """Return a share in percent; a share above zero is never shown as zero."""
    percent = 100 * number / total
    return f"{percent:.0f} %" if percent >= 1 else "<1 %"


def cost(results: Results) -> Any:
    """Draw cores per 10,000 lines/s and peak memory at a steady load as bars, with the chart's limits."""
    found = [(name, one) for name in report.columns(results) if (one := results.get((name, STEADY)))]
    if not found:
        return None
    names = [name for name, _ in found]
    colors = [COLORS.get(name) or OURS[name] for name in names]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 0.32 * len(names) + 0.9), sharey=True)
    panels = (
        (left, [report.unit_cost(one) or 0 for _, one in found], "cores per 10,000 lines/s", LARGEST_CORES, "{:.3f}"),
        (right, [one.usage.peak_bytes / 1e6 for _, one in found], "peak memory, MB", LARGEST_MEGABYTES, "{:.0f}"),
    )
    for axes, values, title, bound, form in panels:
        bars = axes.barh(names, values, color=colors, height=0.62)
        axes.bar_label(bars, labels=[form.format(value) for value in values], padding=3, fontsize=8)
        axes.axvline(bound, color="#b04a3a", linewidth=1, linestyle="--")
        axes.text(bound, -0.62, f"limit: {bound}", color="#b04a3a", fontsize=8, ha="right", va="bottom")
        axes.set_title(title, loc="left", fontsize=9)
        axes.set_xlim(0, bound * 1.12)
        axes.tick_params(left=False)
    left.invert_yaxis()
    return figure
