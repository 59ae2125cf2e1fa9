"""Compare ways of printing a log file: those of the articles, common ones, and the two that log-sidecar ships.

    python tests/bench/engines.py              measure, and compare with results.md: status 1 if the chart's
                                               engines lose or double a line where they did not before
    python tests/bench/engines.py --write      measure, and write results.md
    python tests/bench/engines.py --only kill  cases whose name contains "kill"

Each reader runs as process 1 of a PID namespace while a writer rotates the file. The chart's readers are the
script and the configuration that it renders, with folders of this machine in place of its volumes. Costs are
given beside GNU tail's on the same machine: ratios travel, seconds do not. Readers that are not installed are
left out, and named.
"""

import argparse
import dataclasses
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness import images
from harness.errors import HarnessError
from harness.helm import Helm
from harness.loss import Measurement, measure_process
from harness.progress import elapsed

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("results.md")
GRACE_SECONDS = 5
YARDSTICK = "GNU tail -F"
OURS = ("chart: tail", "chart: fluent-bit")

FLUENT_BIT_AS_IT_COMES = """
pipeline:
  inputs: [{name: tail, path: LOGS/*.log, read_from_head: true, db: STATE/app.db}]
  outputs: [{name: file, match: '*', file: /dev/stdout, format: template, template: '{log}'}]
"""


@dataclasses.dataclass(frozen=True)
class Case:
    """One way to write, and what happens to the reader meanwhile."""

    name: str
    writer: str
    kills: int = 0
    drain: bool = False
    copytruncate: bool = False
    new_file: bool = False


CASES = [
    Case("steady 20,000/s, 10 s", "--lines 200000 --rate 20000"),
    Case("burst 100,000/s, 3 s", "--lines 300000 --rate 100000"),
    Case("10 renames", "--lines 200000 --rate 20000 --rotate rename --rotations 10"),
    Case("10 renames, 50 late lines", "--lines 200000 --rate 20000 --rotate rename --rotations 10 --late 50"),
    Case("10 link swaps", "--lines 200000 --rate 20000 --rotate symlink --rotations 10", new_file=True),
    Case(
        "10 copytruncates",
        "--lines 200000 --rate 20000 --rotate copytruncate --rotations 10 --pause 0.2",
        copytruncate=True,
    ),
    Case("10 renames, file made late", "--lines 200000 --rate 20000 --rotate rename --rotations 10", new_file=True),
    Case("10 renames, 2 kills", "--lines 200000 --rate 20000 --rotate rename --rotations 10", kills=2),
    Case("500 last lines, SIGTERM", "--delay 1 --last-millisecond 500", drain=True),
    Case("500 last lines in a new file", "--delay 1 --last-millisecond 500", drain=True, new_file=True),
]


@dataclasses.dataclass(frozen=True)
class Reader:
    """A command and its environment; `{file}` stands for the log file."""

    command: Sequence[str]
    environment: dict[str, str] = dataclasses.field(default_factory=dict)


def reader(name: str, folder: Path, case: Case) -> Reader | None:
    """The reader of that name, its files below `folder`; None if this machine lacks a program that it needs."""
    fluent_bit, busybox = images.fluent_bit(), shutil.which(os.environ.get("BUSYBOX", "busybox"))
    if name == "busybox tail -f" and busybox:
        (folder / "logs" / "app.log").touch()  # it does not wait for its file
        return Reader([busybox, "tail", "-n+1", "-f", "{file}"])
    if name == "busybox tail -F" and busybox:
        return Reader([busybox, "tail", "-n+1", "-F", "{file}"])
    if name == YARDSTICK:
        return Reader(["tail", "-n", "+1", "-F", "{file}"])
    if name == "Fluent Bit, defaults" and fluent_bit:
        config = FLUENT_BIT_AS_IT_COMES.replace("LOGS", f"{folder}/logs").replace("STATE", f"{folder}/state")
        (folder / "fluent-bit.yaml").write_text(config)
        return Reader([str(fluent_bit), "-q", "-c", f"{folder}/fluent-bit.yaml"])
    if name == "chart: tail":
        return from_chart("tail", folder, case)
    if name == "chart: fluent-bit" and fluent_bit:
        return from_chart("fluent-bit", folder, case, agent=str(fluent_bit))
    return None


READERS = ["busybox tail -f", "busybox tail -F", YARDSTICK, "Fluent Bit, defaults", *OURS]


def from_chart(engine: str, folder: Path, case: Case, *, agent: str = "") -> Reader:
    """What the chart's sidecar runs, moved to `folder`."""
    rotation = "copytruncate" if case.copytruncate else "rename"
    values = {
        "app": {"demo": {"enabled": False}, "command": ["serve"]},
        "logs": {"files": [{"name": "app", "path": "/var/log/app/app.log", "rotation": rotation}]},
        "sidecar": {"engine": engine, "fluentBit": {"metrics": {"listen": "127.0.0.1", "port": 20200}}},
    }
    rendered = Helm().render(ROOT / "charts" / "log-sidecar", values=values)

    def moved(text: str) -> str:
        for inside, outside in (
            ("/var/log/app", "logs"),
            ("/var/lib/log-sidecar", "state"),
            ("/etc/log-sidecar", "config"),
        ):
            text = text.replace(inside, str(folder / outside))
        return text

    [container] = rendered.containers("sidecar")
    for item in rendered.select("ConfigMap", component="sidecar"):
        for name, text in item["data"].items():
            (folder / "config" / name).write_text(moved(text))
    environment = {entry["name"]: moved(entry["value"]) for entry in container["env"]}
    if agent:
        environment["AGENT"] = agent
    return Reader([*container["command"], moved(container["args"][0])], environment)


def measure(name: str, case: Case) -> Measurement | None:
    """Run one case with one reader; None if the reader is not installed."""
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = Path(temporary)
        for part in ("logs", "state", "config"):
            (folder / part).mkdir()
        if not case.new_file:
            (folder / "logs" / "app.log").touch()
        chosen = reader(name, folder, case)
        if chosen is None:
            return None
        return measure_process(
            chosen.command,
            folder / "logs" / "app.log",
            case.writer.split(),
            kills=case.kills,
            drain=case.drain,
            environment=chosen.environment,
            stderr=folder / "stderr",
            grace=GRACE_SECONDS,
            quiet=3,
            as_init=sys.platform == "linux" and os.geteuid() == 0,
        )


def fate(measured: Measurement) -> str:
    """Lost / doubled, the figures that must not grow."""
    return f"{measured.report.lost:,} / {measured.report.doubled:,}"


def cost(measured: Measurement, yardstick: Measurement | None) -> str:
    """Cores and megabytes, with the yardstick's as unit."""
    text = f"{measured.cores:.3f} core"
    # Who reads only part of the lines is no measure of the others' work.
    if yardstick and yardstick is not measured and yardstick.cores and yardstick.report.complete:
        text += f" ({measured.cores / yardstick.cores:.1f} x)"
    return f"{text}, {measured.usage.peak_bytes / 1e6:.0f} MB"


def table(cases: Sequence[Case], results: dict[tuple[str, str], Measurement]) -> str:
    """The results as Markdown: one table of fates, one of costs."""
    names = [name for name in READERS if any((name, case.name) in results for case in cases)]
    head = f"| case | {' | '.join(names)} |\n|{' --- |' * (len(names) + 1)}\n"

    def rows(chosen: Sequence[Case], show: Callable[[Measurement, Measurement | None], str]) -> str:
        text = ""
        for case in chosen:
            unit = results.get((YARDSTICK, case.name))
            found = (results.get((name, case.name)) for name in names)
            text += f"| {case.name} | {' | '.join(show(one, unit) if one else '' for one in found)} |\n"
        return text

    bodies = [f"## Lines lost / doubled\n\n{head}{rows(cases, lambda one, _: fate(one))}"]
    if costly := [case for case in cases if not case.drain]:
        bodies.append(f"## CPU and peak memory (and CPU of {YARDSTICK} = 1)\n\n{head}{rows(costly, cost)}")
    ends = rows(cases, lambda one, _: f"{one.exit.seconds:.1f} s" if one.exit.status != 137 else "never")
    bodies.append(f"## From SIGTERM to the end (never: had to be killed after {GRACE_SECONDS} s)\n\n{head}{ends}")
    return "\n".join(bodies)


def document(text: str) -> str:
    """The results file."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"""# Engines side by side

Written by `make bench ARGS=--write` on {datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores, {memory:.0f} GiB,
Linux {platform.release().split("-")[0]}, other work going on. Lines of 101 bytes; each figure is one run.

The file is there, empty, when the reader starts, but for the link and where the case says otherwise: a native
sidecar starts before its application. There GNU tail looks for the file once a second, Fluent Bit's defaults once a
minute; what has not come 3 s after the rest counts as lost.
Before each copytruncate the writer pauses for 0.2 s: what has not been read by then is lost with every reader.
GNU tail loses lines that a program still writes to a file after its rename ("late"). A SIGKILL doubles what the
engine printed and had not yet ticked off: with the chart's Fluent Bit a part of one chunk, in 4 of 220 kills.

{text}"""


def worse(cases: Sequence[Case], results: dict[tuple[str, str], Measurement]) -> list[str]:
    """Where the chart's engines lost or doubled lines although the committed results show none."""
    if not RESULTS.exists():
        return []
    section = RESULTS.read_text().partition("## Lines lost")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in section.splitlines() if "|" in line]
    names = rows[0][1:] if rows else []
    before = {(name, row[0]): fate for row in rows[2:] for name, fate in zip(names, row[1:], strict=False)}
    return [
        f"{name}, {case.name}: {fate(results[name, case.name])}, was 0 / 0"
        for name in OURS
        for case in cases
        if (name, case.name) in results and before.get((name, case.name)) == "0 / 0"
        if fate(results[name, case.name]) != "0 / 0"
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every case with every reader."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write results.md")
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases whose name contains TEXT")
    options = parser.parse_args(arguments)
    cases = [case for case in CASES if options.only in case.name]
    if not cases:
        parser.error(f"no case contains {options.only!r}; there are: {', '.join(case.name for case in CASES)}")
    results: dict[tuple[str, str], Measurement] = {}
    absent = set()
    begin = datetime.now(UTC)
    for number, case in enumerate(cases, start=1):
        for name in READERS:
            measured = measure(name, case)
            if measured is None:
                absent.add(name)
                continue
            results[name, case.name] = measured
            spent = elapsed((datetime.now(UTC) - begin).total_seconds())
            print(f"[{number}/{len(cases)} {spent}] {case.name}, {name}: {measured.report}", flush=True)
    text = table(cases, results)
    print(f"\n{text}")
    if absent:
        print(f"not installed here: {', '.join(sorted(absent))}")
    if options.write:
        RESULTS.write_text(document(text))
        return 0
    complaints = worse(cases, results)
    for complaint in complaints:
        print(f"worse than {RESULTS.name}: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
