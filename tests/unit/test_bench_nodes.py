"""The benchmark of node agents: stated ratios, losses, and the files of a container runtime."""

import dataclasses
import gzip
import json
import subprocess
import sys
import types
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench import node_agents, node_report, report
from bench.node_agents import ADD_ON, DEFAULT, NAMES, OURS, POLLING, Event, events_of
from bench.node_cases import CASES
from bench.node_load import Load, latencies, medians
from harness.loss import Exit, Measurement, Report, Usage, count, runtime

LOAD = Load(0.4, 1000, 8000, 2.0, 4.0, 50_000_000, 600)
GOOD = dataclasses.replace(LOAD, cores=0.1, wakes=50, disk_writes=1, p50=0.2, p99=0.4, peak=25_000_000)
LOADS = {name: GOOD if name in OURS else LOAD for name in NAMES}
[KILLED, *_] = [case.name for case in CASES if case.kills]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(report, "FOLDER", tmp_path)
    return tmp_path


def measured(*, lost: int = 0, duplicated: int = 0, kills: int = 0) -> Measurement:
    counted = Report(100_000, 100_000 - lost, lost, duplicated, reordered=0, mangled=0)
    return Measurement(counted, Usage(1.0, 8_000_000), Exit(0, 0.4), 10.0, kills)


RESULTS = {(name, case.name): measured(lost=0 if name in OURS else 7) for case in CASES for name in NAMES}


def test_table_has_figures_and_ratios() -> None:
    """Each agent has its figures, and this chart's columns their ratios to the add-on and the limits."""
    text = node_report.tables(LOADS, RESULTS)
    assert "| CPU, cores | 0.100 | 0.100 | 0.400 | 0.400 |" in text
    assert "| CPU, cores | 0.25 (at most 0.95) | 0.25 (at most 0.40) |" in text
    assert "| peak memory, MB | 25 | 25 | 50 | 50 |" in text
    assert "| steady 10,000/s | 0 / 0 | 0 / 0 | 7 / 0 | 7 / 0 |" in text


def test_figures_that_are_unknown_have_no_ratio() -> None:
    """Without a disk of its own, the agent's disk writes are unknown, and no reason to complain."""
    loads = {name: dataclasses.replace(load, disk_writes=None) for name, load in LOADS.items()}
    assert "| disk writes/s | - | - | - | - |" in node_report.tables(loads, {})
    assert node_report.worse(loads, {}) == []


@pytest.mark.parametrize("figure", node_report.FIGURES, ids=lambda figure: figure.field)
@pytest.mark.parametrize("name", OURS)
def test_ratio_above_its_limit_is_worse(name: str, figure: node_report.Figure) -> None:
    """A figure that grows beyond its stated ratio to the add-on is named, and no other."""
    assert node_report.worse(LOADS, {}) == []
    grown = {figure.field: getattr(LOAD, figure.field) * (figure.limits[name] + 0.02)}
    loads = {**LOADS, name: dataclasses.replace(GOOD, **grown)}
    said = f"{figure.limits[name] + 0.02:.2f} of the {ADD_ON}'s, at most {figure.limits[name]:.2f} is stated"
    assert node_report.worse(loads, {}) == [f"{name}, {figure.title}: {said}"]


def test_lines_that_were_not_lost_before_are_worse(folder: Path) -> None:
    """The next run is compared with the committed page; other agents may lose lines."""
    folder.joinpath(node_report.PAGE).write_text(node_report.document(LOADS, RESULTS, full=False), encoding="utf-8")
    row = CASES[0].name
    assert node_report.worse({}, {**RESULTS, (ADD_ON, row): measured(lost=9)}) == []
    assert node_report.worse({}, {**RESULTS, (DEFAULT, row): measured(lost=9)}) == [
        f"{DEFAULT}, {row}: 9 / 0, was 0 / 0"
    ]
    assert len(node_report.worse({}, {**RESULTS, (POLLING, row): measured(duplicated=1)})) == 1


def test_kill_may_duplicate_and_not_lose(folder: Path) -> None:
    """A SIGKILL before the agent notes a response or its position duplicates lines by chance; a loss is worse."""
    folder.joinpath(node_report.PAGE).write_text(node_report.document(LOADS, RESULTS, full=False), encoding="utf-8")
    assert node_report.worse({}, {(DEFAULT, KILLED): measured(duplicated=5)}) == []
    assert node_report.worse({}, {(DEFAULT, CASES[0].name): measured(duplicated=5, kills=1)}) == []
    assert len(node_report.worse({}, {(DEFAULT, KILLED): measured(duplicated=5, lost=1)})) == 1


@pytest.mark.parametrize("name", OURS)
def test_bad_luck_is_no_regression(name: str, folder: Path) -> None:
    """Whether an agent that polls reads a file before its deletion is chance; one with inotify always does."""
    folder.joinpath(node_report.PAGE).write_text(node_report.document(LOADS, RESULTS, full=False), encoding="utf-8")
    deleted = {(name, case.name): measured(lost=9) for case in CASES if "deleted" in case.name}
    assert len(node_report.worse({}, deleted)) == (2 if name == DEFAULT else 0)


def test_kills_for_memory_are_shown() -> None:
    """An agent that exceeds its memory limit is killed, which the cell says."""
    assert node_report.fate(measured(kills=2)) == "0 / 0 (out of memory: 2)"


def test_published_page_states_what_is_checked() -> None:
    """The committed page has every row and figure, ratios within the limits, and no other loss of this chart."""
    page = Path(__file__).parents[2] / "docs" / "benchmarks" / node_report.PAGE
    ratios = report.committed(page, node_report.RATIOS_TITLE)
    assert {row for _, row in ratios} == {figure.title for figure in node_report.FIGURES}
    for figure in node_report.FIGURES:
        for name in OURS:
            assert float(ratios[name, figure.title].split()[0]) <= figure.limits[name]
            assert ratios[name, figure.title].endswith(f"(at most {figure.limits[name]:.2f})")
    fates = report.committed(page, report.LOST)
    assert {row for _, row in fates} == {case.name for case in CASES}
    assert {row for (name, row), text in fates.items() if name == DEFAULT and not text.startswith("0 / ")} == {
        "rotation, a line split each"
    }


def test_pictures_are_the_same_bytes_for_the_same_results(folder: Path) -> None:
    """A picture changes in a commit only when its figures did; it has no date, and stays small."""
    drawn = []
    for _ in range(2):
        node_report.draw(LOADS, RESULTS)
        drawn.append([folder.joinpath(name).read_bytes() for name in ("nodes-loss.svg", "nodes-cost.svg")])
    assert drawn[0] == drawn[1]
    assert all(len(picture) < 100_000 and b"dc:date" not in picture for picture in drawn[0])


def test_medians_and_latencies() -> None:
    """Figures are medians of the runs, losses their maximum; latencies are from a line's time to its arrival."""
    runs = [dataclasses.replace(LOAD, cores=cores, lost=lost) for cores, lost in ((0.1, 0), (0.9, 4), (0.2, 0))]
    assert (medians(runs).cores, medians(runs).lost) == (0.2, 4)
    assert medians([dataclasses.replace(LOAD, disk_writes=None)]).disk_writes is None
    events = [Event(10, 10 + at / 100, b"") for at in range(100)]
    assert latencies(events) == pytest.approx((0.5, 0.99))
    assert latencies([]) == (float("inf"), float("inf"))


def test_events_are_read_from_requests() -> None:
    """A request of PutLogEvents has times in milliseconds and records whose field `log` is the line."""
    message = json.dumps({"stream": "stdout", "log": "a line\n"})
    body = json.dumps({"logEvents": [{"timestamp": 1500, "message": message}, {"timestamp": 1, "message": "{}"}]})
    assert [*events_of(body.encode(), 2.0)] == [Event(1.5, 2.0, b"a line"), Event(0.001, 2.0, b"")]


@pytest.mark.parametrize(("missing", "events"), [(0, 1), (5, 0)], ids=["complete", "cut off"])
def test_requests_of_killed_agents_do_not_count(tmp_path: Path, missing: int, events: int) -> None:
    """A request that is cut off is neither counted nor read."""
    body = json.dumps({"logEvents": [{"timestamp": 1, "message": "{}"}]}, separators=(",", ":")).encode()
    headers = {"Content-Length": str(len(body)), "X-Amz-Target": "Logs_20140328.PutLogEvents"}
    request = types.SimpleNamespace(headers=headers, raw=body[missing:], body=body[missing:])
    backend = node_agents.CloudWatch(tmp_path / "pki")
    assert backend.take(request)[0] == 200
    assert (backend.events, len([*backend.delivered()])) == (events, events)


@pytest.mark.parametrize("name", NAMES)
def test_agents_are_configured_for_container_logs_only(name: str, tmp_path: Path) -> None:
    """Every agent reads below the folder, keeps its positions there, and sends to CloudWatch Logs alone."""
    config, grace, memory = node_agents.configuration(name, tmp_path)
    assert {output["name"] for output in config["pipeline"]["outputs"]} == {"cloudwatch_logs"}
    assert str(tmp_path) in json.dumps(config) and "/var/log" not in json.dumps(config)
    assert grace >= 10 and (memory == 0) == (name == "fluent/helm-charts")


def test_runtime_writes_rotates_and_deletes(tmp_path: Path) -> None:
    """Every line is in the files of its pod once, also the late ones; older rotated files are compressed."""
    made = runtime.Container(tmp_path, "web-007", size=101)
    for _ in range(3):
        made.write()
        made.rotate(late=2)
        for old in tmp_path.glob("pods/*/app/0.log.*[0-9]"):  # rotations within a second have the same name
            old.rename(old.with_name(f"{old.name}{made.written}"))
    made.write()
    [pod] = tmp_path.glob("pods/shop_web-007_uid-007/app")
    texts = [
        gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes() for file in pod.iterdir()
    ]
    records = [line.split(b" ", 3) for text in texts for line in text.splitlines()]
    assert len([*pod.glob("*.gz")]) == 2 and {record[2] for record in records} == {b"F"}
    assert count(sorted(record[3] for record in records), {"web-007": 10}).exact
    [link] = tmp_path.glob("containers/web-007_shop_app-*.log")
    assert link.resolve() == pod / "0.log"
    made.delete()
    assert not link.is_symlink() and not pod.exists()


def test_runtime_splits_a_line_at_rotation(tmp_path: Path) -> None:
    """One part, with the flag P, is in the old file, and the rest in the new one."""
    made = runtime.Container(tmp_path, "web-001", size=101)
    made.rotate(split=True)
    parts = [
        file.read_bytes().rstrip(b"\n").split(b" ", 3) for file in sorted(tmp_path.glob("pods/*/*/*"), reverse=True)
    ]
    assert [part[2] for part in parts] == [b"P", b"F"]
    assert count([b"".join(part[3] for part in parts)], {"web-001": 1}).exact


def test_runtime_reports_the_lines_of_each_pod(tmp_path: Path) -> None:
    """The last line of its output has the number of lines of each pod."""
    command = [sys.executable, "-m", runtime.__name__, "--root", str(tmp_path), "--containers", "3", "--lines", "10"]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["written"] == {"web-000": 4, "web-001": 3, "web-002": 3}


def test_pages_have_their_own_cases(capsys: pytest.CaptureFixture[str]) -> None:
    """A case of the other page is rejected, with the cases that there are."""
    with pytest.raises(SystemExit, match="2"):
        bench.main(["--page", "nodes", "--only", "SIGKILL, 10 renames"])
    assert "2 x SIGKILL, rotation every 3 s" in capsys.readouterr().err
