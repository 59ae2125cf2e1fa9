"""Compare readers of a log file: the articles', common ones, and the engines of log-sidecar; and node agents.

    make bench                        measure, and compare with docs/benchmarks: status 1 if the chart's
                                      engines lose or duplicate lines that they did not before
    make bench ARGS=--write           measure, and write docs/benchmarks
    make bench ARGS="--only kill"     only cases whose name contains "kill"
    make bench ARGS="--page nodes"    only node agents: the page docs/benchmarks/nodes.md
    make bench ARGS=--full            60 s of steady load instead of 6, 5 minutes of outage instead of 15 s

Each reader runs as process 1 of a PID namespace while a writer rotates the file. The chart's readers run its rendered
script and configuration, with folders of this machine instead of volumes. CPU is shown relative to GNU tail on the
same machine, because ratios are comparable across machines and seconds are not. Readers that are not installed are
skipped, and listed.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from bench import node_cases, node_report, nodes, outage, plots, readers, report, volumes
from bench.cases import CASES, Case
from harness.errors import HarnessError
from harness.loss import Measurement, measure_process
from harness.tools.progress import elapsed

# Names of the cases by page.
PAGES = {
    "sidecar": [*(case.name for case in CASES), outage.NAME, *(end.name for end in nodes.ENDS)],
    "nodes": [node_report.LOAD, *(case.name for case in node_cases.CASES)],
}


def measure(name: str, case: Case, *, full: bool = False) -> Measurement | None:
    """Run one case with one reader; return None if the reader is not installed."""
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary, ExitStack() as mounts:
        folder = Path(temporary)
        for part in ("logs", "state", "config"):
            (folder / part).mkdir()
        mounts.enter_context(volumes.mounted(folder / "logs", case.logs))
        mounts.enter_context(volumes.mounted(folder / "state", case.state))
        if not case.new_file:
            (folder / "logs" / "app.log").touch()
        chosen = readers.make(name, folder, case)
        if chosen is None:
            return None
        writer = case.full if full and case.full else case.writer
        return measure_process(
            chosen.command,
            folder / "logs" / "app.log",
            writer.split(),
            kills=case.kills,
            meanwhile=case.meanwhile(folder),
            drain=case.drain,
            environment=chosen.environment,
            stderr=folder / "stderr",
            grace=10 if name.startswith("chart:") else report.GRACE_SECONDS if case.drain else 1,
            quiet=3,
            as_init=sys.platform == "linux" and os.geteuid() == 0,
            counted=readers.counted_losses if case.filled and name == readers.FLUENT_BIT else None,
        )


def measure_again_if_unlucky(name: str, case: Case, *, full: bool) -> Measurement | None:
    """Measure again, with a message, when a SIGKILL during a write repeated it, which about one in sixty does."""
    measured = measure(name, case, full=full)
    if (
        measured
        and case.kills
        and name == readers.FLUENT_BIT
        and measured.report.duplicated
        and measured.report.complete
    ):
        print(f"{case.name}, {name}: {measured.report.duplicated:,} duplicated by a kill during a write; again")
        return measure(name, case, full=full)
    return measured


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every case with every reader."""
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks")
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases whose name contains TEXT")
    parser.add_argument("--page", choices=PAGES, help="only the cases of one page of docs/benchmarks")
    parser.add_argument("--full", action="store_true", help="one minute of steady load, five minutes of outage")
    options = parser.parse_args(arguments)
    pages = [page for page in PAGES if options.page in (None, page)]
    names = [row for page in pages for row in PAGES[page]]
    if not any(options.only in name for name in names):
        parser.error(f"no case contains {options.only!r}; there are: {', '.join(names)}")
    if options.write and options.only:
        parser.error("--write requires all cases")
    complaints = []
    if "sidecar" in pages:
        complaints += measure_sidecars(options.only, full=options.full, write=options.write)
    if "nodes" in pages:
        complaints += node_report.run(options.only, full=options.full, write=options.write)
    for complaint in complaints:
        print(f"worse than docs/benchmarks: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


def measure_sidecars(only: str, *, full: bool, write: bool) -> list[str]:
    """Measure the cases whose name contains `only`, print them, and return what is worse than stated."""
    results: dict[tuple[str, str], Measurement] = {}
    left_out = set()
    begin = datetime.now(UTC)

    def tell(case: str, name: str, measured: Measurement) -> None:
        results[name, case] = measured
        spent = elapsed((datetime.now(UTC) - begin).total_seconds())
        print(f"[{spent}] {case}, {name}: {measured}", flush=True)

    for case in CASES:
        if only not in case.name:
            continue
        if case.mounts and not volumes.possible():
            left_out.add(f"{case.name} (needs root on Linux)")
            continue
        for name in case.only or readers.NAMES:
            measured = measure_again_if_unlucky(name, case, full=full)
            if measured is None:
                left_out.add(f"{name} (not installed)")
            else:
                tell(case.name, name, measured)
    if only in outage.NAME:
        measured = outage.measure(seconds=outage.FULL_SECONDS if full else outage.SHORT_SECONDS)
        if measured is None:
            left_out.add(f"{outage.NAME} (needs fluent-bit)")
        else:
            tell(outage.NAME, readers.FLUENT_BIT, measured)
    for end in nodes.ENDS:
        if only not in end.name:
            continue
        measured = nodes.measure(end)
        if measured is None:
            left_out.add(f"{end.name} (needs fluent-bit and Linux)")
        else:
            tell(end.name, nodes.AGENT, measured)
    print(f"\n{report.tables(results)}")
    if left_out:
        print(f"not measured here: {', '.join(sorted(left_out))}")
    if write:
        report.write(results, full=full)
        plots.write(results, report.FOLDER)
        return []
    return report.worse(results)


if __name__ == "__main__":
    volumes.enter()
    try:
        sys.exit(main())
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
