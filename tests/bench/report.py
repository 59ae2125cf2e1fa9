"""The tables, and what got worse since they were last written."""

import os
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import outage, readers
from bench.cases import CASES
from harness import images
from harness.loss import Measurement

FOLDER = Path(__file__).parents[2] / "docs" / "benchmarks"
GRACE_SECONDS = 5
LOST = "Lines lost / doubled"
Results = Mapping[tuple[str, str], Measurement]


def fate(measured: Measurement) -> str:
    """Lost / doubled, the figures that must not grow; and how many of the lost the reader's own metrics tell of."""
    text = f"{measured.report.lost:,} / {measured.report.duplicated:,}"
    return text if measured.counted is None else f"{text} (it counted {measured.counted:,})"


def unit_cost(measured: Measurement) -> float | None:
    """Cores that 10,000 lines/s take; None if too few lines came through to tell."""
    seconds, lines = measured.usage.cpu_seconds, measured.report.delivered
    return seconds / lines * 10_000 if measured.report.complete else None


def cost(measured: Measurement, yardstick: Measurement | None) -> str:
    """Cores that 10,000 lines/s take, with the yardstick's as unit, and megabytes."""
    cores, unit = unit_cost(measured), unit_cost(yardstick) if yardstick else None
    if cores is None:
        return f"-, {measured.usage.peak_bytes / 1e6:.0f} MB"
    ratio = f" ({cores / unit:.1f} x)" if unit and yardstick is not measured else ""
    return f"{cores:.3f} core{ratio}, {measured.usage.peak_bytes / 1e6:.0f} MB"


def end(measured: Measurement) -> str:
    """Seconds from SIGTERM to the end."""
    return f"{measured.exit.seconds:.1f} s" if measured.exit.status != 137 else "never"


def rows(results: Results) -> list[str]:
    """The names of the cases that were measured, in their order."""
    return [name for name in (*(case.name for case in CASES), outage.NAME) if any(name == row for _, row in results)]


def columns(results: Results) -> list[str]:
    """The names of the readers that were measured, in their order."""
    return [name for name in readers.NAMES if any(name == reader for reader, _ in results)]


def tables(results: Results) -> str:
    """The results as Markdown."""
    names = columns(results)
    priced = [case.name for case in CASES if case.priced and case.name in rows(results)]
    drained = [case.name for case in CASES if case.drain and case.name in rows(results)]

    def table(title: str, chosen: Sequence[str], show: Callable[[Measurement, str], str]) -> list[str]:
        if not chosen:
            return []
        lines = [f"## {title}", "", f"| case | {' | '.join(names)} |", "|" + " --- |" * (len(names) + 1)]
        for row in chosen:
            found = [results.get((name, row)) for name in names]
            lines.append(f"| {row} | {' | '.join(show(one, row) if one else '' for one in found)} |")
        return [*lines, ""]

    text = table(LOST, rows(results), lambda one, _: fate(one))
    text += notes(results)
    price = f"Cores that 10,000 lines/s take (and {readers.YARDSTICK} = 1), and peak memory"
    text += table(price, priced, lambda one, row: cost(one, results.get((readers.YARDSTICK, row))))
    text += [
        f"{outage.NAME}, {reader}: {one.cores:.2f} core and {one.usage.peak_bytes / 1e6:.0f} MB "
        f"at {outage.RATE:,} lines/s, each of which wakes the reader.\n"
        for (reader, row), one in results.items()
        if row == outage.NAME
    ]
    text += table(
        f"From SIGTERM to the end (never: had to be killed after {GRACE_SECONDS} s)", drained, lambda one, _: end(one)
    )
    return "\n".join(text)


def notes(results: Results) -> list[str]:
    """What the application could not write, and whether anything held it up."""
    full = [measured for (_, case), measured in results.items() if measured.failed]
    if not full:
        return []
    slowest = max(measured.slowest for measured in full)
    return [
        f"log volume full: {full[0].failed:,} lines could not be written in the first place and were counted by the",
        f"application; its longest write took {slowest:.3f} s, with any reader.",
        "",
    ]


def write(results: Results, *, full: bool) -> None:
    """Write the tables, and what they were measured with."""
    FOLDER.mkdir(exist_ok=True)
    FOLDER.joinpath("README.md").write_text(document(results, full=full), encoding="utf-8")


def document(results: Results, *, full: bool) -> str:
    """The page of the results."""
    arguments = '"--write --full"' if full else "--write"
    return f"""# The loss matrix

Written by `make bench ARGS={arguments}` on {datetime.now(UTC):%Y-%m-%d}, on {machine()},
with {versions()}. Lines of 101 bytes; each figure is one run, with other work going on.
[What can be lost](../loss.md) tells why and what to do about it.

![Share of the lines that were lost or doubled, by case and reader](loss.svg)

![CPU and memory by reader](cost.svg)

The readers: `busybox tail -f` is what the articles run; `GNU tail -F` and Fluent Bit's defaults are what else is
common; `chart: tail`, `chart: fluent-bit` and, where it is installed, `chart: fluentd` are what log-sidecar runs.

The file is there, empty, when the reader starts, but for the link and where the case says otherwise: a native
sidecar starts before its application. What has not come 3 s after the rest counts as lost; in the last rows, those of
pods and Jobs that end, the reader gets SIGTERM the moment the writer has ended.
A copytruncate loses what was not read in the moment between copy and truncation, with every reader; the row with a
pause shows whether a reader that has time to read loses any.
Two SIGKILLs: a kill in the middle of a write to stdout makes Fluent Bit repeat that write, up to a thousand lines, in
about one of sixty kills at 20,000 lines/s (and in proportion fewer at lower rates). When that happens the row is
measured once more.
The state volume of the row "on disk" is filled by somebody else for two seconds; the reader's own metrics, lines read
less lines delivered, count what is lost. By default it is memory, which nobody else can fill, when lines go to stdout.
In the row of the outage the chart's Fluent Bit sends to an Elasticsearch that in turn answers 503, answers 429, and
refuses connections{f" for {outage.FULL_SECONDS / 60:.0f} minutes" if full else ""}.

{tables(results)}"""


def machine() -> str:
    """What it was measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release().split('-')[0]}"


def versions() -> str:
    """The programs that were measured."""
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
    """Where the chart's engines lost or doubled lines although the committed results show none."""
    page = FOLDER / "README.md"
    if not page.exists():
        return []
    section = page.read_text(encoding="utf-8").partition(f"## {LOST}")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("| ").split("|")] for line in section.splitlines() if "|" in line]
    names = cells[0][1:] if cells else []
    luck = {(name, case.name) for case in CASES for name in case.lucky}
    before = {(name, row[0]): text for row in cells[2:] for name, text in zip(names, row[1:], strict=False)}
    return [
        f"{name}, {row}: {fate(measured)}, was 0 / 0"
        for (name, row), measured in results.items()
        if name in readers.OURS
        and (name, row) not in luck
        and before.get((name, row)) == "0 / 0"
        and fate(measured) != "0 / 0"
    ]
