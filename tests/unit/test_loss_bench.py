"""The benchmark must notice when the chart's engines get worse than the committed results."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from harness.loss import Exit, Measurement, Report, Usage

SCRIPT = Path(__file__).parents[1] / "bench" / "engines.py"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("engines", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "engines", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results.md")
    return module


def measured(*, lost: int = 0, doubled: int = 0, cpu: float = 1.0, status: int = 0) -> Measurement:
    report = Report(1000, 1000 - lost, lost, doubled, reordered=0, mangled=0)
    return Measurement(report, Usage(cpu, 8_000_000), Exit(status, 0.4), seconds=10.0, kills=0)


def test_results_are_read_back_as_written(bench: ModuleType) -> None:
    """What `--write` committed is what the next run is compared with: a new loss or double is named."""
    case = bench.CASES[3]
    good = {(name, case.name): measured() for name in bench.READERS}
    bench.RESULTS.write_text(bench.document(bench.table([case], good)))
    assert bench.worse([case], good) == []
    ours = ("chart: fluent-bit", case.name)
    assert bench.worse([case], {**good, ours: measured(lost=3)}) == [
        f"chart: fluent-bit, {case.name}: 3 / 0, was 0 / 0",
    ]
    assert len(bench.worse([case], {**good, ours: measured(doubled=1)})) == 1


def test_a_case_that_never_was_exact_is_no_regression(bench: ModuleType) -> None:
    """Late lines are lost by tail; and other people's engines are not ours to guard."""
    case = bench.CASES[4]
    known = {("chart: tail", case.name): measured(lost=400), ("GNU tail -F", case.name): measured()}
    bench.RESULTS.write_text(bench.document(bench.table([case], known)))
    assert bench.worse([case], {key: measured(lost=400) for key in known}) == []


def test_costs_are_ratios_to_the_yardstick(bench: ModuleType) -> None:
    """Seconds of CPU mean nothing on another machine; a reader that had to be killed is shown as such."""
    case = bench.CASES[0]
    found = {
        ("GNU tail -F", case.name): measured(cpu=0.5, status=137),
        ("chart: fluent-bit", case.name): measured(cpu=2.0),
    }
    text = bench.table([case], found)
    assert "| 0.050 core, 8 MB | 0.200 core (4.0 x), 8 MB |" in text
    assert f"| {case.name} | never | 0.4 s |" in text


def test_an_unknown_case_is_refused(bench: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2 and the cases that there are."""
    with pytest.raises(SystemExit, match="2"):
        bench.main(["--only", "nonsense"])
    assert "10 renames, 2 kills" in capsys.readouterr().err
