"""Formats an estimate as text, JSON and a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eks_observability.cost.estimate import SERVICES, Estimate
from eks_observability.cost.prices import Prices
from eks_observability.errors import CommandError

# Costs that the total does not include.
NOT_INCLUDED = "NAT gateways, load balancers, the nodes' own disks, data transfer and taxes"
_COLORS = ("#4c6a92", "#7a9cc6", "#b9c9de", "#3f7d58", "#c8a24a", "#b5654a", "#d9a48f", "#8a6d9b")


def text(made: Estimate, others: Mapping[str, Estimate], prices: Prices, budget: float | None = None) -> str:
    """Return an estimate as a table, followed by its alternatives.

    Args:
        made: the estimate.
        others: alternatives by name.
        prices: the prices of the estimate.
        budget: monthly budget, in USD.
    """
    rows = [("service", "how much", "USD/month")]
    rows += [
        (SERVICES[line.service], f"{number(line.quantity)} {line.unit}", f"{line.usd:,.2f}") for line in made.lines
    ]
    rows.append(("total", "", f"{made.total:,.2f}"))
    lines = _table(rows)
    if made.requests_usd:
        lines.append(f"\nThe release's resource requests account for {made.requests_usd:,.2f} USD of the node price.")
    if others:
        rows = [("instead", "USD/month", "difference")]
        rows += [(name, f"{other.total:,.2f}", f"{other.total - made.total:+,.2f}") for name, other in others.items()]
        lines += ["", *_table(rows)]
    oldest = min(price.read for price in prices.price.values())
    lines.append(f"\nPrices of {prices.region}, compared with their sources on {oldest}. Not included: {NOT_INCLUDED}.")
    if budget is not None:
        over = made.total - budget
        told = f"{over:,.2f} USD over" if over > 0 else f"{-over:,.2f} USD below"
        lines.append(f"That is {told} the budget of {budget:,.2f} USD.")
    return "\n".join(lines)


def data(made: Estimate, others: Mapping[str, Estimate], prices: Prices, budget: float | None = None) -> dict[str, Any]:
    """Return the estimate as JSON-compatible data; amounts in USD, rounded to cents."""
    return {
        "region": prices.region,
        "total": round(made.total, 2),
        "services": {key: round(made.of(key), 2) for key in SERVICES if made.of(key)},
        "lines": [
            {"service": line.service, "quantity": line.quantity, "unit": line.unit, "usd": round(line.usd, 2)}
            for line in made.lines
        ],
        "requests": round(made.requests_usd, 2),
        "alternatives": {name: round(other.total, 2) for name, other in others.items()},
        "not_included": NOT_INCLUDED,
        "budget": budget,
        "within_budget": None if budget is None else made.total <= budget,
        "sources": sorted({price.source for price in prices.price.values()} | {prices.instances_read[0]}),
    }


def picture(made: Estimate, others: Mapping[str, Estimate], path: Path) -> None:
    """Draw the estimate and its alternatives as bars, by service.

    Args:
        made: the estimate.
        others: alternatives by name.
        path: file to write, ``.svg`` or ``.png``.

    Raises:
        CommandError: matplotlib is missing, or does not support the file type.
    """
    try:
        import matplotlib  # noqa: PLC0415 - only a picture needs it
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise CommandError("a picture needs matplotlib: `pip install matplotlib`") from error
    if path.suffix not in (".svg", ".png"):
        raise CommandError(f"{path}: the name of a picture must end in .svg or .png")
    bars = {"as given": made, **others}
    # The same estimate produces the same bytes.
    with matplotlib.rc_context({"svg.hashsalt": "cost", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(8, 0.42 * len(bars) + 1.5))
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        left = [0.0] * len(bars)
        for (key, name), color in zip(SERVICES.items(), _COLORS, strict=True):
            widths = [one.of(key) for one in bars.values()]
            if any(widths):
                axes.barh(list(bars), widths, left=left, label=name, color=color, height=0.62)
                left = [one + other for one, other in zip(left, widths, strict=True)]
        for row, one in enumerate(bars.values()):
            axes.text(one.total, row, f" {one.total:,.2f}", va="center", fontsize=8)
        axes.invert_yaxis()
        axes.set_xlabel("USD per month")
        axes.set_xlim(0, max(left) * 1.12)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False, fontsize=8)
        metadata = {"Date": None, "Creator": None} if path.suffix == ".svg" else {"Software": None}
        figure.savefig(path, metadata=metadata, bbox_inches="tight")


def number(value: float) -> str:
    """Return a human-readable quantity."""
    for size, word in ((1e9, " billion"), (1e6, " million")):
        if value >= size:
            return f"{value / size:,.3g}{word}"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.2f}"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    return [lines[0], "-" * len(lines[0]), *lines[1:]]
