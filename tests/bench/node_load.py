"""What node agents cost at a steady load: CPU, wakeups, disk writes, latency, memory and bytes, side by side."""

import dataclasses
import statistics
import time
from collections.abc import Sequence

from bench.node_agents import NAMES, Event, Node, node, written_by
from harness.loss import count

RATE = 10_000
CONTAINERS = 10
LEAD_SECONDS = 4.0  # files exist before the agent starts, because fluent/helm-charts finds new ones once a minute
WARM_UP_SECONDS = 3.0
SHORT_SECONDS, FULL_SECONDS = 15.0, 60.0
ROUNDS = 3
QUIET_SECONDS = 15.0


@dataclasses.dataclass(frozen=True)
class Load:
    """The figures of one run.

    Attributes:
        cores: CPU seconds per second.
        wakes: wakeups of the agent's threads per second.
        disk_writes: writes of the node's disk per second; None without a disk of its own.
        p50, p99: seconds from the write of a line to its arrival.
        peak: largest resident memory in bytes.
        line_bytes: bytes of the request bodies per line.
        lost, duplicated: lines.
    """

    cores: float
    wakes: float
    disk_writes: float | None
    p50: float
    p99: float
    peak: int
    line_bytes: float
    lost: int = 0
    duplicated: int = 0


def measure(name: str, *, seconds: float) -> Load:
    """Run an agent for that many seconds of load, after a warm-up."""
    with node(name, containers=CONTAINERS) as made:
        lines = int(RATE * (WARM_UP_SECONDS + seconds))
        options = f"--containers {CONTAINERS} --lines {lines} --rate {RATE} --lead {LEAD_SECONDS}"
        writer = made.write(options.split())
        made.wait_for_files(CONTAINERS)
        made.agent.start()
        time.sleep(LEAD_SECONDS + WARM_UP_SECONDS)
        begin, before = time.time(), _sample(made)
        time.sleep(seconds - 1)
        end, after = time.time(), _sample(made)
        written = written_by(writer)
        made.backend.wait(lines, quiet=QUIET_SECONDS)
        peak = made.agent.resident("VmHWM")
        events = list(made.backend.delivered())
    spans = [(late - early) / (end - begin) for early, late in zip(before, after, strict=True)]
    report = count([event.line for event in events], written)
    p50, p99 = latencies([event for event in events if begin <= event.written < end])
    return Load(
        cores=spans[0],
        wakes=spans[1],
        disk_writes=spans[2] if made.disk else None,
        p50=p50,
        p99=p99,
        peak=peak,
        line_bytes=made.backend.sent / max(1, made.backend.events),
        lost=report.lost,
        duplicated=report.duplicated,
    )


def _sample(made: Node) -> tuple[float, float, float]:
    writes = made.disk.writes() if made.disk else 0
    return made.agent.usage().cpu_seconds, made.agent.wakes(), writes


def latencies(events: Sequence[Event]) -> tuple[float, float]:
    """Return the median and the 99th percentile of the seconds until arrival; infinite if nothing arrived."""
    spans = sorted(event.arrived - event.written for event in events)
    if not spans:
        return float("inf"), float("inf")
    return spans[len(spans) // 2], spans[len(spans) * 99 // 100]


def medians(runs: Sequence[Load]) -> Load:
    """Return the median of each figure; of losses and duplicates, the largest."""
    columns = {field.name: [getattr(run, field.name) for run in runs] for field in dataclasses.fields(Load)}
    found = {name: statistics.median(column) for name, column in columns.items() if None not in column}
    worst = {name: max(columns[name]) for name in ("lost", "duplicated")}
    return Load(**{"disk_writes": None, **found, "peak": int(found["peak"]), **worst})


def measure_all(*, full: bool, rounds: int = ROUNDS) -> dict[str, Load]:
    """Measure every agent in turn, several times, so that other load on the machine affects all of them."""
    seconds = FULL_SECONDS if full else SHORT_SECONDS
    runs: dict[str, list[Load]] = {name: [] for name in NAMES}
    for number in range(rounds):
        for name, found in runs.items():
            found.append(measure(name, seconds=seconds))
            print(f"steady load, round {number + 1}, {name}: {found[-1]}", flush=True)
    return {name: medians(found) for name, found in runs.items()}
