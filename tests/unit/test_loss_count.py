"""The counter must notice every way in which a line can come to harm."""

import random
import time

import pytest

from harness.loss import Report, count, written_by
from harness.loss.writer import decode, encode

WRITTEN = 1000


@pytest.fixture
def lines() -> list[bytes]:
    return [encode("w", number, 101)[:-1] for number in range(WRITTEN)]


def test_untouched_lines_are_exact(lines: list[bytes]) -> None:
    """All lines, once and in order: nothing to report."""
    report = count(lines, WRITTEN)
    assert report == Report(WRITTEN, WRITTEN, lost=0, duplicated=0, reordered=0, mangled=0)
    assert report.exact


def test_text_and_newlines_do_not_matter(lines: list[bytes]) -> None:
    """Lines may be str or bytes, with or without the newline."""
    assert count([line.decode() + "\n" for line in lines], WRITTEN).exact


def test_a_dropped_line_is_lost_and_named(lines: list[bytes]) -> None:
    """The report says which numbers are missing, gaps as ranges."""
    del lines[998:]
    del lines[17:30]
    del lines[3]
    report = count(lines, WRITTEN)
    assert (report.lost, report.delivered) == (16, 984)
    assert report.missing == ("w:3", "w:17-29", "w:998-999")
    assert not report.complete
    assert "first missing: w:3, w:17-29" in str(report)


def test_many_gaps_are_cut_short(lines: list[bytes]) -> None:
    """A report stays readable when half of the lines are missing."""
    assert count(lines[::2], WRITTEN).missing[-1] == "..."


def test_a_doubled_line_is_neither_lost_nor_reordered(lines: list[bytes]) -> None:
    """A late copy counts once, as a double."""
    report = count([*lines, lines[5]], WRITTEN)
    assert (report.duplicated, report.lost, report.reordered, report.mangled) == (1, 0, 0, 0)
    assert report.complete and not report.once and not report.exact


def test_swapped_lines_are_reordered(lines: list[bytes]) -> None:
    """Of two swapped lines, one is reordered."""
    lines[10], lines[11] = lines[11], lines[10]
    report = count(lines, WRITTEN)
    assert (report.reordered, report.lost, report.duplicated, report.mangled) == (1, 0, 0, 0)
    assert report.once and not report.exact


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda line: line[:-1], id="last byte cut"),
        pytest.param(lambda line: line[1:], id="first byte cut"),
        pytest.param(lambda line: line[:40], id="cut in two"),
        pytest.param(lambda line: line + b"\r", id="carriage return added"),
        pytest.param(lambda line: line.replace(b"0000000007", b"0000000008"), id="another number"),
        pytest.param(lambda line: line[:50] + b"\x00" + line[51:], id="byte changed"),
        pytest.param(lambda line: line[:50] + b"\xff\xfe" + line[52:], id="not UTF-8"),
        pytest.param(lambda line: b"", id="emptied"),
        pytest.param(lambda line: line + encode("w", 8, 101)[:-1], id="glued to its neighbour"),
        pytest.param(lambda line: b"[app] " + line, id="a label that was not asked for"),
    ],
)
def test_a_damaged_line_is_mangled_and_lost(lines, damage) -> None:
    """A line that is not the one written does not count as delivered."""
    lines[7] = damage(lines[7])
    report = count(lines, WRITTEN)
    assert (report.mangled, report.lost, report.duplicated, report.reordered) == (1, 1, 0, 0)
    assert report.missing == ("w:7",)
    assert report.examples == (lines[7],)


def test_no_two_lines_glue_into_a_valid_one() -> None:
    """Whatever is cut off one line and joined to another, the checksum sees it."""
    draw = random.Random(1)
    for _ in range(2000):
        first, second = draw.sample(range(WRITTEN), 2)
        cut = draw.randrange(1, 99)
        glued = encode("w", first, 101)[:cut] + encode("w", second, 101)[cut:-1]
        found = decode(glued)
        assert found is None or glued in (encode("w", n, 101)[:-1] for n in (first, second))


def test_a_label_must_be_on_every_line(lines: list[bytes]) -> None:
    """The label that a collector adds is checked, not searched for."""
    labelled = [b"[app] " + line for line in lines]
    assert count(labelled, WRITTEN, label="[app] ").exact
    labelled[4] = lines[4]
    assert count(labelled, WRITTEN, label="[app] ").mangled == 1


def test_streams_are_counted_apart() -> None:
    """Two writers may interleave in any way; each has its own numbers and its own order."""
    one = [encode("one", number, 60) for number in range(10)]
    two = [encode("two", number, 60) for number in range(20)]
    mixed = [line for pair in zip(one, two, strict=False) for line in pair] + two[10:]
    assert count(mixed, {"one": 10, "two": 20}).exact
    report = count(mixed[1:], {"one": 10, "two": 20})
    assert report.missing == ("one:0",)


def test_lines_of_another_run_are_unknown(lines: list[bytes]) -> None:
    """A number that was not written, or another stream, shows that two runs got mixed up."""
    strangers = [encode("w", WRITTEN, 101), encode("x", 0, 101)]
    report = count([*lines, *strangers], WRITTEN)
    assert report.unknown == 2
    assert not report.exact


def test_nothing_written_proves_nothing() -> None:
    """An empty run is not a success."""
    assert not count([], 0).complete


def test_written_by_takes_the_last_report_of_each_writer() -> None:
    """A writer that stays reports after its work and at its end; other output is passed over."""
    output = [
        b"starting",
        b'{"stream": "a", "written": 10}',
        b'{"stream": "b", "written": 5}',
        b'{"stream": "a", "written": 13}',
        b'{"stream": cut',
    ]
    assert written_by(output) == {"a": 13, "b": 5}


def test_a_million_lines_take_seconds() -> None:
    """Counting must not be what a measurement waits for."""
    lines = [encode("w", number, 101) for number in range(100_000)]
    begin = time.process_time()
    assert count(lines, 100_000).exact
    assert time.process_time() - begin < 1.0
