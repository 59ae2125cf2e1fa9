"""The pictures of the dashboards: what is recorded, and that they show it."""

import re
from pathlib import Path
from typing import Any

import pytest

from bench import dashboards, panels
from eks_observability.dashboards import BOARDS, Board, panel_queries

each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)


@pytest.fixture
def answered() -> dict[str, Any]:
    """What was recorded of a Prometheus that answers each query with a rising line."""

    def ask(expr: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        labels = {"pod": "shop-6d4cf56db6-x7k2p", "namespace": "shop"}
        return [{"metric": labels, "values": [[start + step * at, str(at)] for at in range(dashboards.POINTS + 1)]}]

    return dashboards.record(ask, end=1_000_000, seconds=600, window="5m")


def test_every_query_is_recorded(answered: dict[str, Any]) -> None:
    """Each query of each panel has an answer, but those that no test cluster can give one to."""
    for query in panel_queries():
        assert any(answered[query.dashboard][query.panel]) is not bool(query.absent), query.name


def test_a_series_is_recorded_by_what_stays_the_same(answered: dict[str, Any]) -> None:
    """Legends are filled in without what a machine makes up; gaps and what is no number are left out."""
    [[table]] = answered["eks-cluster"]["Restarts in the last hour"]
    assert table == {"legend": "", "labels": {"pod": "shop", "namespace": "shop"}, "values": [40.0]}
    [[line]] = answered["eks-cluster"]["CPU by namespace"]
    assert (line["legend"], line["labels"]) == ("shop", {})
    assert line["values"] == [float(at) for at in range(41)]

    def gap(expr: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        return [{"metric": {}, "values": [[start, "NaN"], [start + 2 * step, "0.123456"]]}]

    [[hole]] = dashboards.record(gap, 1_000_000, 600, "5m")["eks-cluster"]["CPU by namespace"]
    assert hole["values"][:4] == [None, None, 0.1235, None]


@each_board
def test_pictures_in_docs_are_of_these_dashboards(board: Board) -> None:
    """Every panel and row is in its dashboard's picture; a changed one needs `.venv/bin/python -m bench.dashboards`."""
    text = (dashboards.FOLDER / f"{board.uid}.svg").read_text(encoding="utf-8")
    drawn = {re.sub(r"&amp;", "&", found) for found in re.findall(r">([^<>]+)</text>", text)}
    assert {panel.title for panel in board.panels} | {row.title for row in board.rows} <= drawn
    assert "not recorded" not in drawn


def test_the_same_data_makes_the_same_picture(answered: dict[str, Any], tmp_path: Path) -> None:
    """A picture changes when its data does, and not otherwise."""
    board = BOARDS[0]
    for name in ("one", "two"):
        panels.write(board, answered[board.uid], tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    panels.write(board, {}, tmp_path / "none")
    assert (tmp_path / "none").read_text(encoding="utf-8").count("not recorded") == len(board.panels)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.937, "percentunit", "93.7 %"),
        (1536, "bytes", "1.5 KiB"),
        (1500, "Bps", "1.5 KB/s"),
        (29.481, "currencyUSD", "$29.48"),
        (0.25, "cores", "0.25 cores"),
        (22290, "short", "22.3 K"),
        (None, "short", "-"),
    ],
)
def test_values_have_their_units(value: float | None, unit: str, text: str) -> None:
    """A value is written about as Grafana would."""
    assert panels.shown(value, unit) == text
