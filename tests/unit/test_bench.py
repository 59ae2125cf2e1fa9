"""The benchmark must notice when the chart's engines get worse than the committed results, and draw them truly."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench import cases, outage, plots, readers, report, volumes
from harness.errors import HarnessError
from harness.loss import Exit, Measurement, Report, Usage

LATE = "10 renames, 50 late lines each"
STEADY = "steady 20,000/s"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(report, "FOLDER", tmp_path)
    return tmp_path


def measured(
    *, lost: int = 0, duplicated: int = 0, cpu: float = 1.0, status: int = 0, failed: int = 0, slowest: float = 0
) -> Measurement:
    counted = Report(100_000, 100_000 - lost, lost, duplicated, reordered=0, mangled=0)
    return Measurement(counted, Usage(cpu, 8_000_000), Exit(status, 0.4), 10.0, 0, failed, slowest)


def test_results_are_read_back_as_written() -> None:
    """The next run is compared with the committed results: a new loss or duplicate is named."""
    good = {(name, LATE): measured() for name in readers.NAMES}
    report.write(good, full=False)
    assert report.worse(good) == []
    ours = (readers.FLUENT_BIT, LATE)
    assert report.worse({**good, ours: measured(lost=3)}) == [f"{readers.FLUENT_BIT}, {LATE}: 3 / 0, was 0 / 0"]
    assert len(report.worse({**good, ours: measured(duplicated=1)})) == 1


def test_a_case_that_never_was_exact_is_no_regression() -> None:
    """Late lines are lost by tail; and other people's engines are not ours to guard."""
    known = {("chart: tail", LATE): measured(lost=400), (readers.YARDSTICK, LATE): measured()}
    report.write(known, full=False)
    assert report.worse({key: measured(lost=400) for key in known}) == []


def test_bad_luck_is_no_regression() -> None:
    """The race of copytruncate is lost now and then, by every reader; a run without it is no promise."""
    good = {(readers.FLUENT_BIT, "10 copytruncates"): measured()}
    report.write(good, full=False)
    assert report.worse({key: measured(lost=266) for key in good}) == []


def test_what_is_committed_shows_the_chart_losing_nothing() -> None:
    """The published rows of the fluent-bit engine are 0 / 0 but for the race of copytruncate and a full disk."""
    page = Path(__file__).parents[2] / "docs" / "benchmarks" / "README.md"
    section = page.read_text().partition(f"## {report.LOST}")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in section.splitlines() if "|" in line]
    column = rows[0].index(readers.FLUENT_BIT)
    fates = {row[0]: row[column] for row in rows[2:]}
    assert set(fates) == {*(case.name for case in cases.CASES), outage.NAME}
    assert {name for name, fate in fates.items() if fate != "0 / 0"} <= {
        "10 copytruncates",
        "state volume full (on disk)",
    }


def test_costs_are_for_10000_lines_and_ratios_to_the_yardstick() -> None:
    """Seconds of CPU mean nothing on another machine; a reader that lost lines has no price."""
    found = {
        (readers.YARDSTICK, STEADY): measured(cpu=0.5),
        ("chart: tail", STEADY): measured(lost=1),
        (readers.FLUENT_BIT, STEADY): measured(cpu=2.0),
    }
    assert "| 0.050 core, 8 MB | -, 8 MB | 0.200 core (4.0 x), 8 MB |" in report.tables(found)


def test_a_cost_above_its_limit_is_a_regression() -> None:
    """Line by line, the chart's engine is compared with Fluent Bit's defaults of the same run."""
    row = "steady 10,000/s, line by line"
    ours, other = (readers.FLUENT_BIT, row), (readers.DEFAULTS, row)
    assert report.worse({ours: measured(cpu=2.0), other: measured(cpu=1.0)}) == []
    assert report.worse({ours: measured(cpu=9.0)}) == []
    assert report.worse({ours: measured(cpu=2.1), other: measured(cpu=1.0)}) == [
        f"{readers.FLUENT_BIT}, {row}: 2.1 times the CPU of {readers.DEFAULTS}, at most 2.0"
    ]


def test_a_reader_that_had_to_be_killed_is_shown_as_such() -> None:
    """`never` instead of the seconds that somebody was patient."""
    row = "Job ends, 500 last lines"
    found = {(readers.YARDSTICK, row): measured(status=137), (readers.FLUENT_BIT, row): measured()}
    assert f"| {row} | never | 0.4 s |" in report.tables(found)


def test_lines_that_the_application_could_not_write_are_told() -> None:
    """A full log volume is the application's loss, and nobody may hold it up."""
    text = report.tables({(readers.FLUENT_BIT, "log volume full"): measured(failed=36_945, slowest=0.009)})
    assert "36,945 lines could not be written" in text
    assert "0.009 s" in text


def test_pictures_are_the_same_bytes_for_the_same_results(folder: Path) -> None:
    """A picture changes in a commit only when its figures did; it has no date, and stays small."""
    found = {(name, STEADY): measured(lost=3 * at) for at, name in enumerate(readers.NAMES)}
    drawn = []
    for _ in range(2):
        plots.write(found, folder)
        drawn.append([folder.joinpath(name).read_bytes() for name in ("loss.svg", "cost.svg")])
    assert drawn[0] == drawn[1]
    assert b"every line once" in drawn[0][0]
    assert "&lt;1 % lost" in drawn[0][0].decode()
    assert all(len(picture) < 100_000 and b"dc:date" not in picture for picture in drawn[0])


def test_a_kill_in_the_middle_of_a_write_is_measured_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Doubles of one kill in sixty are no news; a loss is, and so is what happens twice."""
    [killed] = [case for case in cases.CASES if case.kills]
    answers = [measured(duplicated=900), measured(), measured(duplicated=900, lost=1)]
    monkeypatch.setattr(bench, "measure", lambda *_, **__: answers.pop(0))
    assert bench.measure_again_if_unlucky(readers.FLUENT_BIT, killed, full=False) == measured()
    assert "900 duplicated" in capsys.readouterr().out
    assert bench.measure_again_if_unlucky(readers.FLUENT_BIT, killed, full=False) == measured(duplicated=900, lost=1)


def test_an_unknown_case_is_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2 and the cases that there are."""
    with pytest.raises(SystemExit, match="2"):
        bench.main(["--only", "nonsense"])
    assert "2 x SIGKILL, 10 renames" in capsys.readouterr().err


def test_part_of_the_cases_is_never_written(capsys: pytest.CaptureFixture[str]) -> None:
    """The published tables are of one run."""
    with pytest.raises(SystemExit, match="2"):
        bench.main(["--only", "SIGKILL", "--write"])
    assert "requires all cases" in capsys.readouterr().err


def test_nothing_is_mounted_outside_of_a_namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small volume must not appear in anybody else's file system."""
    monkeypatch.delenv("BENCH_MOUNT_NAMESPACE", raising=False)
    with pytest.raises(HarnessError, match="in a mount namespace only"), volumes.mounted(tmp_path, "1m"):
        pass


@pytest.mark.skipif(not volumes.possible(), reason="needs root on Linux, to mount")
def test_a_small_volume_is_full_and_has_room_again(tmp_path: Path) -> None:
    """In a namespace of its own it can be filled to the last byte, and nothing of it is seen from outside."""
    script = f"""
import pathlib, os
from bench import volumes
folder = pathlib.Path({str(tmp_path)!r})
with volumes.mounted(folder, "64k"):
    with volumes.filled(folder):
        assert os.statvfs(folder).f_bavail == 0
    assert os.statvfs(folder).f_bavail == 16
"""
    command = ["unshare", "--mount", "--propagation", "private", "env", "BENCH_MOUNT_NAMESPACE=yes", sys.executable]
    done = subprocess.run([*command, "-c", script], cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not any(tmp_path.iterdir())
