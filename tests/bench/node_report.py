"""The comparison of node agents: figures at a steady load, loss matrix, and what is worse than stated."""

import dataclasses
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from bench import node_cases, node_load, outage, plots, report
from bench.node_agents import ADD_ON, DEFAULT, NAMES, OURS, POLLING
from bench.node_cases import CASES
from bench.node_load import Load
from harness import images
from harness.loss import Measurement

PAGE = "nodes.md"
FIGURES_TITLE = "Steady load"
RATIOS_TITLE = f"Ratios to the {ADD_ON}"
LOAD = "steady load"
Results = Mapping[tuple[str, str], Measurement]


@dataclasses.dataclass(frozen=True)
class Figure:
    """A row of the table.

    Attributes:
        title: its name.
        field: field of Load.
        form: format of the value.
        scale: factor of the shown value.
        limits: largest ratio to the add-on, by column.
    """

    title: str
    field: str
    form: str
    limits: Mapping[str, float]
    scale: float = 1.0


FIGURES = (
    Figure("CPU, cores", "cores", "{:.3f}", {DEFAULT: 0.95, POLLING: 0.4}),
    Figure("wakeups/s", "wakes", "{:,.0f}", {DEFAULT: 0.95, POLLING: 0.1}),
    Figure("disk writes/s", "disk_writes", "{:,.0f}", {DEFAULT: 0.1, POLLING: 0.02}),
    Figure("latency, p50, s", "p50", "{:.2f}", {DEFAULT: 0.4, POLLING: 0.2}),
    Figure("latency, p99, s", "p99", "{:.2f}", {DEFAULT: 0.4, POLLING: 0.2}),
    Figure("peak memory, MB", "peak", "{:.0f}", {DEFAULT: 0.95, POLLING: 0.8}, scale=1e-6),
    Figure("bytes sent per line", "line_bytes", "{:.0f}", {DEFAULT: 1.0, POLLING: 1.0}),
)


def run(only: str, *, full: bool, write: bool) -> list[str]:
    """Measure the rows whose name contains `only`, print them, and return what is worse than stated."""
    loads: dict[str, Load] = {}
    results: dict[tuple[str, str], Measurement] = {}
    if images.fluent_bit() is None or sys.platform != "linux":
        print("not measured here: node agents (needs fluent-bit and Linux)")
        return []
    for case in CASES:
        for name in NAMES if only in case.name else ():
            results[name, case.name] = node_cases.measure(case, name, full=full)
            print(f"{case.name}, {name}: {results[name, case.name]}", flush=True)
    if only in LOAD:
        loads = node_load.measure_all(full=full)
    print(f"\n{tables(loads, results)}")
    if write:
        report.FOLDER.joinpath(PAGE).write_text(document(loads, results, full=full), encoding="utf-8")
        draw(loads, results)
        return []
    return worse(loads, results)


def tables(loads: Mapping[str, Load], results: Results) -> str:
    """Return the results as Markdown."""
    text: list[str] = []
    if loads:
        rows = [[figure.title, *(shown(figure, loads[name]) for name in NAMES)] for figure in FIGURES]
        rows += [["lines lost / duplicated", *(f"{loads[name].lost:,} / {loads[name].duplicated:,}" for name in NAMES)]]
        text += report.table(FIGURES_TITLE, ["figure", *NAMES], rows)
        bounds = [[figure.title, *(_bounded(figure, name, loads) for name in OURS)] for figure in FIGURES]
        text += report.table(RATIOS_TITLE, ["figure", *OURS], bounds)
    cases = [case.name for case in CASES if any(case.name == row for _, row in results)]
    if cases:
        lost = [[row, *(fate(results[name, row]) for name in NAMES)] for row in cases]
        text += report.table(report.LOST, ["case", *NAMES], lost)
    return "\n".join(text)


def shown(figure: Figure, load: Load) -> str:
    """Return a figure of a load; `-` if it is unknown."""
    value = getattr(load, figure.field)
    return "-" if value is None else figure.form.format(value * figure.scale)


def ratio(figure: Figure, load: Load, yardstick: Load) -> float | None:
    """Return a figure relative to the yardstick's; None if one of them is unknown."""
    value, unit = getattr(load, figure.field), getattr(yardstick, figure.field)
    return None if value is None or not unit else value / unit


def _bounded(figure: Figure, name: str, loads: Mapping[str, Load]) -> str:
    found = ratio(figure, loads[name], loads[ADD_ON])
    return "-" if found is None else f"{found:.2f} (at most {figure.limits[name]:.2f})"


def fate(measured: Measurement) -> str:
    """Return lost / duplicated lines, and how often the agent exceeded its memory limit."""
    text = f"{measured.report.lost:,} / {measured.report.duplicated:,}"
    return f"{text} (out of memory: {measured.kills})" if measured.kills else text


def worse(loads: Mapping[str, Load], results: Results) -> list[str]:
    """Return the ratios of this chart that exceed their limits, and lines that it did not lose or duplicate before.

    A SIGKILL can come before the agent notes a response or its position, which duplicates lines by chance.
    """
    complaints = [
        f"{name}, {figure.title}: {found:.2f} of the {ADD_ON}'s, at most {figure.limits[name]:.2f} is stated"
        for figure in FIGURES
        for name in OURS
        if loads and (found := ratio(figure, loads[name], loads[ADD_ON])) and found > figure.limits[name]
    ]
    before = report.committed(report.FOLDER / PAGE, report.LOST)
    luck = {(name, case.name) for case in CASES for name in case.lucky}
    killed = {case.name for case in CASES if case.kills}
    return complaints + [
        f"{name}, {row}: {fate(measured)}, was {before[name, row]}"
        for (name, row), measured in results.items()
        if name in OURS
        and (name, row) not in luck
        and before.get((name, row), "").startswith("0 / ")
        and (measured.report.lost or (measured.report.duplicated and row not in killed and not measured.kills))
    ]


def draw(loads: Mapping[str, Load], results: Results) -> None:
    """Draw the pictures of the page."""
    cases = [case.name for case in CASES]
    panels = {
        figure.title: ({name: (getattr(load, figure.field) or 0) * figure.scale for name, load in loads.items()}, form)
        for figure, form in ((figure, figure.form) for figure in FIGURES)
        if figure.field in ("cores", "disk_writes", "p99", "peak")
    }
    figures = {
        "nodes-loss": lambda: plots.loss(results, NAMES, cases, ours=[*OURS]),
        "nodes-cost": lambda: plots.bars(panels, ours=[*OURS]),
    }
    plots.save(figures, report.FOLDER)


def document(loads: Mapping[str, Load], results: Results, *, full: bool) -> str:
    """Return the page: tables, conditions of the measurement, explanations."""
    arguments = f'"--page nodes --write{" --full" if full else ""}"'
    seconds = node_load.FULL_SECONDS if full else node_load.SHORT_SECONDS
    outage_seconds = outage.FULL_SECONDS if full else outage.SHORT_SECONDS
    [version] = [program for program in report.versions().split(", ") if program.startswith("Fluent Bit")]
    return f"""# Node agents side by side

Written by `make bench ARGS={arguments}` on {datetime.now(UTC):%Y-%m-%d}, on {report.machine()},
with {version}, with other work going on. [Logs of nodes](../logs.md) explains the losses.

![CPU, disk writes, latency and memory of each agent](nodes-cost.svg)

![Share of the lines that were lost or duplicated, by case and agent](nodes-loss.svg)

Every column runs the same Fluent Bit: `{DEFAULT}` is observability-stack with default values, `{POLLING}` with
`logs.inotifyWatcher: false` and `logs.flush: 0.2`, and the configurations for container logs of the CloudWatch
Observability add-on and of fluent/helm-charts ([node_agents.yaml](../../tests/bench/node_agents.yaml)). All of them
send to a stand-in of CloudWatch Logs over TLS, and ask one of the kubelet or the API server for metadata of pods.
vlagent is left out: it has no output for CloudWatch Logs, and requires an API server that it can watch.

- Containers write as containerd does: one write for each line of 100 bytes. Rotation is the kubelet's, for all
  containers in turn: rename, new file, compression of the file before.
- *Steady load*: {node_load.RATE:,} lines/s from {node_load.CONTAINERS} pods for {seconds:.0f} s, medians of
  {node_load.ROUNDS} runs in turn. Latency is from the time of the line to the arrival of its request. Disk writes are
  those of the disk with the logs and the agent's state.
- Other agents start before the first line, because fluent/helm-charts finds new files once a minute. Only
  *110 pods start at once* creates files while the agents run.
- *Late lines* are written to the renamed file. *A line split* is written in two parts, one in each file, which
  containerd does if a rotation interrupts it. Fluent Bit then sends two records.
- *Backend outage*: {outage_seconds:.0f} s of 503, 429 and refused connections, at {node_cases.OUTAGE_RATE:,} lines/s.
  *Replaced*: SIGTERM, and a new process 1 s after the end of the old one.
- *A line of 60 MB*: the agent is killed and restarted when it exceeds its memory limit (256 MiB; the add-on's 250 MiB;
  fluent/helm-charts has none). Only the other lines are counted.
- After a SIGKILL, requests in flight are sent again, and the lines of the last read can be duplicated: the agent was
  killed before it noted that they arrived, or its position. With default values, kills at the moment of a flush
  duplicated 9,434 and 10,830 of 120,000 lines, and 0 were lost.
- Each cell of the matrix is one run. In others, the add-on's configuration lost up to 1,517 lines at rotations and
  23,524 when it was replaced, and that of fluent/helm-charts up to 29,764 with late lines.
- *Pods end*: the kubelet deletes their logs 0.3 s after the last line, which is sooner than usual. The two busy pods
  write 10,000 lines/s each; an agent that polls loses some in one of seven runs.

`make bench` fails when a ratio exceeds its limit, or this chart loses or duplicates lines that it did not before.

{tables(loads, results)}"""
