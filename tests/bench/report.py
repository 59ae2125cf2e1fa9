"""The results as Markdown tables, and regressions since they were last written."""

import os
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import nodes, outage, readers
from bench.cases import CASES, LINE_BY_LINE
from harness import images
from harness.loss import Measurement

FOLDER = Path(__file__).parents[2] / "docs" / "benchmarks"
GRACE_SECONDS = 5
LOST = "Lines lost / duplicated"
Results = Mapping[tuple[str, str], Measurement]


def fate(measured: Measurement) -> str:
    """Return lost / duplicated, which must not grow, and the losses that the reader's own metrics count."""
    text = f"{measured.report.lost:,} / {measured.report.duplicated:,}"
    return text if measured.counted is None else f"{text} (it counted {measured.counted:,})"


def unit_cost(measured: Measurement) -> float | None:
    """Return the cores used per 10,000 lines/s; None if lines were lost."""
    seconds, lines = measured.usage.cpu_seconds, measured.report.delivered
    return seconds / lines * 10_000 if measured.report.complete else None


def cost(measured: Measurement, yardstick: Measurement | None) -> str:
    """Return the cores used per 10,000 lines/s, also relative to the yardstick, and peak memory in MB."""
    cores, unit = unit_cost(measured), unit_cost(yardstick) if yardstick else None
    if cores is None:
        return f"-, {measured.usage.peak_bytes / 1e6:.0f} MB"
    ratio = f" ({cores / unit:.1f} x)" if unit and yardstick is not measured else ""
    return f"{cores:.3f} core{ratio}, {measured.usage.peak_bytes / 1e6:.0f} MB"


def end(measured: Measurement) -> str:
    """Return the seconds from SIGTERM to the end of the process."""
    return f"{measured.exit.seconds:.1f} s" if measured.exit.status != 137 else "never"


def rows(results: Results) -> list[str]:
    """Return the names of the measured cases, in their order."""
    return [name for name in (*(case.name for case in CASES), outage.NAME) if any(name == row for _, row in results)]


def columns(results: Results) -> list[str]:
    """Return the names of the measured readers, in their order."""
    return [name for name in readers.NAMES if any(name == reader for reader, _ in results)]


def tables(results: Results) -> str:
    """Return the results as Markdown."""
    names = columns(results)
    priced = [case.name for case in CASES if case.priced and case.name in rows(results)]
    drained = [case.name for case in CASES if case.drain and case.name in rows(results)]

    def section(title: str, chosen: Sequence[str], show: Callable[[Measurement, str], str]) -> list[str]:
        found = {row: [results.get((name, row)) for name in names] for row in chosen}
        lines = [[row, *(show(one, row) if one else "" for one in ones)] for row, ones in found.items()]
        return table(title, ["case", *names], lines) if lines else []

    text = section(LOST, rows(results), lambda one, _: fate(one))
    text += notes(results)
    price = f"Cores per 10,000 lines/s (relative to {readers.YARDSTICK}), and peak memory"
    text += section(price, priced, lambda one, row: cost(one, results.get((readers.YARDSTICK, row))))
    text += [
        f"{outage.NAME}, {reader}: {one.cores:.2f} core and {one.usage.peak_bytes / 1e6:.0f} MB "
        f"at {outage.RATE:,} lines/s; the reader wakes for each line.\n"
        for (reader, row), one in results.items()
        if row == outage.NAME
    ]
    text += section(f"From SIGTERM to exit (never: killed after {GRACE_SECONDS} s)", drained, lambda one, _: end(one))
    ends = [(row, one) for (reader, row), one in results.items() if reader == nodes.AGENT]
    if ends:
        text += ["## Ends of a node", "", "| case | lines | lost / duplicated | from SIGTERM to exit | peak memory |"]
        text += ["|" + " --- |" * 5]
    text += [
        f"| {row} | {one.report.written:,} | {fate(one)} | {'-' if one.exit.status == 137 else end(one)} "
        f"| {one.usage.peak_bytes / 1e6:.0f} MB |"
        for row, one in ends
    ]
    return "\n".join([*text, ""] if ends else text)


def notes(results: Results) -> list[str]:
    """Return the lines that the application could not write, and its longest write."""
    full = [measured for (_, case), measured in results.items() if measured.failed]
    if not full:
        return []
    slowest = max(measured.slowest for measured in full)
    return [
        f"log volume full: {full[0].failed:,} lines could not be written; the application counted them. Its",
        f"longest write took {slowest:.3f} s, with any reader.",
        "",
    ]


def write(results: Results, *, full: bool) -> None:
    """Write the page of the results."""
    FOLDER.mkdir(exist_ok=True)
    FOLDER.joinpath("README.md").write_text(document(results, full=full), encoding="utf-8")


def document(results: Results, *, full: bool) -> str:
    """Return the page of the results: tables, conditions of the measurement, explanations."""
    arguments = '"--write --full"' if full else "--write"
    return f"""# The loss matrix

Written by `make bench ARGS={arguments}` on {datetime.now(UTC):%Y-%m-%d}, on {machine()},
with {versions()}. Lines of 101 bytes; each figure is one run, with other work going on.
[What can be lost](../loss.md) explains the losses and how to avoid them.

![Share of the lines that were lost or duplicated, by case and reader](loss.svg)

![CPU and memory by reader](cost.svg)

The readers are the articles' `busybox tail -f`, the common alternatives `GNU tail -F` and Fluent Bit with defaults, and
the engines of log-sidecar: `chart: tail`, `chart: fluent-bit` and, where it is installed, `chart: fluentd`.

- The reader starts first, as a native sidecar does, on an empty file. Exceptions are the link swaps and the cases whose
  name says otherwise. Lines that have not arrived 3 s after the others count as lost. When a pod or Job ends, the
  reader gets SIGTERM as soon as the writer has ended.
- copytruncate loses lines that are not read between the copy and the truncation, with every reader. The case with a
  pause shows whether a reader loses lines when it has time to read them.
- A SIGKILL during a write to stdout makes Fluent Bit repeat that write, up to a thousand lines. This happens in about
  one of sixty kills at 20,000 lines/s, and proportionally less at lower rates. The case is then measured again.
- In the case "on disk", another process fills the state volume for two seconds. The reader's own metrics count the
  losses: lines read minus lines delivered. By default, the state volume for stdout is memory, which no other process
  can fill.
- In the backend outage, the chart's Fluent Bit sends to an Elasticsearch that answers 503, answers 429, and refuses
  connections, in turn{f", for {outage.FULL_SECONDS / 60:.0f} minutes" if full else ""}.
- *Line by line*: one write for each line. The other cases write 50 lines at a time. `make bench` fails when the chart
  uses more than {LINE_BY_LINE.limits[readers.FLUENT_BIT]:.0f} times the CPU of Fluent Bit's defaults.
- [Ends of a node](#ends-of-a-node) measures the log agent of observability-stack with its default values, lines of
  1 KB, and a CloudWatch that responds within {nodes.LATENCY_SECONDS} s. It answers 503 until the backlog waits.
  *Drained*: then the preStop hook, SIGTERM, and SIGKILL after the pod's grace period. *Spot notice*: applications write
  1,000 lines/s for another 30 s, then the same, and the instance is gone 120 s after the notice. *Lost*: SIGKILL during
  the outage. Nothing starts afterwards, because the node's disk is gone.

{tables(results)}"""


def machine() -> str:
    """Return the machine of the measurement."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release().split('-')[0]}"


def versions() -> str:
    """Return the measured programs and their versions."""
    found = []
    busybox = os.environ.get("BUSYBOX", "busybox")
    for command in (["tail", "--version"], [busybox], [str(images.fluent_bit())], ["fluentd", "--version"]):
        options = ["--version"] if "fluent-bit" in command[0] else []
        try:
            done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
        except OSError:
            continue
        found.append((done.stdout or done.stderr).splitlines()[0].split(" (Debian")[0])
    return ", ".join(found)


def worse(results: Results) -> list[str]:
    """Return the cases in which the chart's engines lost or duplicated lines, and the committed results show none."""
    luck = {(name, case.name) for case in CASES for name in case.lucky}
    before = committed(FOLDER / "README.md", LOST)
    return (
        [
            f"{name}, {row}: {fate(measured)}, was 0 / 0"
            for (name, row), measured in results.items()
            if name in readers.OURS
            and (name, row) not in luck
            and before.get((name, row)) == "0 / 0"
            and fate(measured) != "0 / 0"
        ]
        + [
            f"{row}: {fate(measured)}, but every lost line must be counted"
            for (name, row), measured in results.items()
            if name == nodes.AGENT and measured.report.lost != (measured.counted or 0)
        ]
        + [
            f"{name}, {case.name}: {ratio:.1f} times the CPU of {readers.DEFAULTS}, at most {limit:.1f}"
            for case in CASES
            for name, limit in case.limits.items()
            if (ratio := _ratio(results, name, case.name)) and ratio > limit
        ]
    )


def _ratio(results: Results, name: str, row: str) -> float | None:
    """Return the cost of a reader relative to that of Fluent Bit with defaults; None if one is unknown."""
    one, other = results.get((name, row)), results.get((readers.DEFAULTS, row))
    costs = [unit_cost(measured) for measured in (one, other) if measured]
    return costs[0] / costs[1] if len(costs) == 2 and costs[0] and costs[1] else None


def committed(page: Path, title: str) -> dict[tuple[str, str], str]:
    """Return the cells of a page's table by column and row; none if the page does not exist."""
    if not page.exists():
        return {}
    section = page.read_text(encoding="utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("| ").split("|")] for line in section.splitlines() if "|" in line]
    names = cells[0][1:] if cells else []
    return {(name, row[0]): text for row in cells[2:] for name, text in zip(names, row[1:], strict=False)}


def table(title: str, head: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    """Return a section with a Markdown table; the first column has the names of the rows."""
    return [f"## {title}", "", _row(head), "|" + " --- |" * len(head), *map(_row, lines), ""]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
