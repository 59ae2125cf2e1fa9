"""The loss matrix of node agents: its rows."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator

from bench.node_agents import POLLING, Node, node, written_by
from bench.outage import FULL_SECONDS, SHORT_SECONDS
from harness.errors import HarnessError
from harness.loss import Measurement, count

LEAD_SECONDS = 4.0  # until an agent has started
PAUSE_SECONDS = 1.0  # between the end of a pod and the start of its successor
QUIET_SECONDS = 15.0  # the add-on finds new files every 10 s, and flushes every 5 s
LONGEST = 8000  # longer lines are not numbered
# fluent/helm-charts finds new files once a minute, and agents with unlimited retries wait for about as long.
LONG_QUIET_SECONDS = 65.0


@dataclasses.dataclass(frozen=True)
class NodeCase:
    """How containers write, and what happens to the agent at the same time.

    Attributes:
        name: name of the row.
        writer: options of ``python -m harness.loss.runtime``.
        full: options for a full measurement, if they differ.
        containers: number of containers, each in a pod.
        kills: number of SIGKILLs, distributed evenly over `seconds`; the agent is restarted.
        rolls: likewise, number of times that the agent's pod is replaced.
        seconds: duration of the writing, if the agent is killed, rolled or without a backend.
        outage: the backend fails for SHORT_SECONDS, or FULL_SECONDS.
        late_files: files are created while the agent runs; otherwise, before it starts.
        quiet: seconds without a line after which the missing ones are lost.
        lucky: agents for which a loss depends on chance, and is not a regression.
    """

    name: str
    writer: str
    full: str = ""
    containers: int = 20
    kills: int = 0
    rolls: int = 0
    seconds: float = 0
    outage: bool = False
    late_files: bool = False
    quiet: float = QUIET_SECONDS
    lucky: tuple[str, ...] = ()


ROTATED = "--lines 120000 --rate 10000 --rotate-seconds 3"
OUTAGE_RATE = 1000
CASES = (
    NodeCase("steady 10,000/s", "--lines 60000 --rate 10000", "--lines 600000 --rate 10000"),
    NodeCase("steady 50,000/s", "--lines 300000 --rate 50000", "--lines 3000000 --rate 50000"),
    NodeCase("rotation every 3 s, 10,000/s", ROTATED, "--lines 600000 --rate 10000 --rotate-seconds 3"),
    NodeCase("rotation, 20 late lines each", f"{ROTATED} --late 20"),
    NodeCase("rotation, a line split each", f"{ROTATED} --split"),
    NodeCase("2 x SIGKILL, rotation every 3 s", ROTATED, kills=2, seconds=11),
    NodeCase("agent replaced twice, rotation every 3 s", ROTATED, rolls=2, seconds=12),
    NodeCase(
        "backend outage",
        f"--lines {int(SHORT_SECONDS + 6) * OUTAGE_RATE} --rate {OUTAGE_RATE}",
        f"--lines {int(FULL_SECONDS + 6) * OUTAGE_RATE} --rate {OUTAGE_RATE}",
        outage=True,
        quiet=LONG_QUIET_SECONDS,
    ),
    NodeCase("a line of 60 MB among others", "--lines 30000 --rate 3000 --long-line 60"),
    NodeCase(
        "110 pods start at once",
        "--lines 55000 --rate 20000",
        containers=110,
        late_files=True,
        quiet=LONG_QUIET_SECONDS,
    ),
    NodeCase("20 pods end, deleted 0.3 s later", "--lines 60000 --rate 10000 --delete-after 0.3", lucky=(POLLING,)),
    NodeCase(
        "2 busy pods end, deleted 0.3 s later",
        "--lines 70000 --rate 20000 --delete-after 0.3",
        containers=2,
        lucky=(POLLING,),
    ),
)


def measure(case: NodeCase, name: str, *, full: bool = False) -> Measurement:
    """Run one case with one agent. `kills` of the result are those for exceeding the memory limit."""
    options = (case.full if full and case.full else case.writer).split()
    lead = 0 if case.late_files else LEAD_SECONDS
    with node(name, containers=case.containers) as made, contextlib.ExitStack() as stack:
        if case.late_files:
            made.agent.start()
            time.sleep(LEAD_SECONDS)
        writer = made.write(["--containers", str(case.containers), "--lead", str(lead), *options])
        if not case.late_files:
            made.wait_for_files(case.containers)
            made.agent.start()
            time.sleep(LEAD_SECONDS)
        if not made.agent.running:
            raise HarnessError(f"{name} exited: {(made.folder / 'agent.log').read_text()[-2000:]}")
        killed = stack.enter_context(made.agent.limited())
        begin = time.monotonic()
        for _ in _evenly(case.kills + case.rolls, case.seconds):
            _replace(made, kill=case.kills > 0)
        if case.outage:
            time.sleep(3)
            made.backend.suffer(("503", "429", "refuse"), seconds=FULL_SECONDS if full else SHORT_SECONDS)
        written = written_by(writer)
        seconds = time.monotonic() - begin
        made.backend.wait(sum(written.values()), quiet=case.quiet)
        usage = made.agent.usage()
        ended = made.agent.terminate(timeout=made.agent.grace)
        report = count([event.line for event in made.backend.delivered() if len(event.line) < LONGEST], written)
    return Measurement(report, usage, ended, seconds, kills=len(killed))


def _replace(made: Node, *, kill: bool) -> None:
    """End the agent, and start it again as the kubelet does."""
    if kill:
        made.agent.kill()
    else:
        made.agent.terminate(timeout=made.agent.grace)
        time.sleep(PAUSE_SECONDS)
    made.agent.restart()


def _evenly(times: int, seconds: float) -> Iterator[int]:
    for number in range(times):
        time.sleep(seconds / (times + 1))
        yield number
