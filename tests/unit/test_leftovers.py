"""Leftovers of a local cluster are told from the resources of clusters that start and stop at the same time."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import leftovers
from harness.clusters.local import layout
from harness.clusters.local.layout import Layout
from harness.tools.cache import locked


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Another cluster."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    return layout.allocate("other", 0)


def test_interfaces_of_other_clusters_are_left_out(other: Layout) -> None:
    """Only the interface of a cluster that is known under another name is excluded."""
    present = ["lo", other.first.interface, "obs-local-249"]
    assert leftovers.without_others("own", present) == {"lo", "obs-local-249"}
    assert leftovers.without_others("other", present) == set(present)


def test_half_written_clusters_are_waited_for(other: Layout) -> None:
    """While another cluster reserves its addresses, its interface is not attributed to nobody."""
    found: list[set[str]] = []
    file = other.path("layout.json")
    text = file.read_text(encoding="utf-8")
    reading = threading.Thread(target=lambda: found.append(leftovers.without_others("own", [other.first.interface])))
    with locked("clusters"):
        file.write_text("", encoding="utf-8")
        reading.start()
        reading.join(timeout=0.3)
        assert reading.is_alive()
        file.write_text(text, encoding="utf-8")
    reading.join(timeout=10)
    assert found == [set()]


@pytest.mark.parametrize(
    ("later", "left"),
    [({"lo"}, {}), ({"lo", "obs-local-1"}, {"interfaces": {"obs-local-1"}})],
    ids=["disappears", "remains"],
)
def test_what_remains_is_a_leftover(
    monkeypatch: pytest.MonkeyPatch, later: set[str], left: dict[str, set[str]]
) -> None:
    """A new resource that is gone a moment later is not a leftover; one that remains is reported."""
    seen = iter([{"lo", "obs-local-1"}])
    monkeypatch.setattr(leftovers, "traces", lambda _: {"interfaces": next(seen, later)})
    assert leftovers.left_behind("own", {"interfaces": {"lo"}}, seconds=0.2) == left


def test_vanished_control_groups_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A control group of another cluster that disappears while it is read does not stop the search."""
    for name in ("a-gone", "obs-local-own", "pods"):
        (tmp_path / name).mkdir()
    (tmp_path / "pods" / "obs-local-own.1").mkdir()
    walk = os.walk

    def vanishing(base: str) -> Iterator[tuple[str, list[str], list[str]]]:
        for entry in walk(base):
            if (tmp_path / "a-gone").exists():
                (tmp_path / "a-gone").rmdir()
            yield entry

    monkeypatch.setattr(os, "walk", vanishing)
    found = {Path(group).name for group in leftovers._control_groups("own", str(tmp_path))}
    assert found == {"obs-local-own", "obs-local-own.1"}
