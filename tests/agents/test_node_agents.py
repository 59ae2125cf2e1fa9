"""The node agents of the benchmark deliver what containers write, so that it compares working configurations."""

import pytest

from bench.node_agents import NAMES, OURS, node, written_by
from harness.loss import count

pytestmark = pytest.mark.slow
ROTATED = ["--rotate-seconds", "1.1", "--late", "3"]


@pytest.mark.usefixtures("fluent_bit")
@pytest.mark.parametrize("name", NAMES)
def test_every_line_arrives_once(name: str) -> None:
    """Each agent sends every line with its pod; this chart's also do through rotations as the kubelet's."""
    options = ["--containers", "3", "--lines", "3000", "--rate", "1000", "--lead", "3"]
    with node(name, containers=3) as made:
        writer = made.write([*options, *(ROTATED if name in OURS else [])])
        made.wait_for_files(3)
        made.agent.start()
        written = written_by(writer)
        made.backend.wait(sum(written.values()), quiet=20)
        report = count([event.line for event in made.backend.delivered()], written)
    assert report.once, report
