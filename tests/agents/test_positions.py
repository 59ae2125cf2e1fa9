"""Positions in rotated files: an agent that is stopped as the kubelet does, and the next one deliver each line once."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.backends.receivers import HOST, JsonReceiver

from .conftest import Sidecar
from .node import Node

pytestmark = pytest.mark.slow


def test_node_agent_delivers_rotated_files_once(
    tmp_path: Path, node: Callable[..., Node], backend: JsonReceiver
) -> None:
    """Files that rotated while an agent ran, and while none ran, are not delivered again by the next agents."""
    log = tmp_path / "pods" / "shop_web-1_uid" / "app" / "0.log"

    def run(number: int) -> None:
        made = node(metadata={"from": "tag"})
        made.write("web-1", f"{number} before a rotation")
        made.wait(lambda: made.metric("fluentbit_output_proc_records_total") == 1)
        log.rename(log.with_name(f"0.log.20261128-01010{number}"))
        made.write("web-1", f"{number} after it")
        made.wait(lambda: made.metric("fluentbit_input_files_rotated_total") == 1)
        made.wait(lambda: made.metric("fluentbit_output_proc_records_total") == 2)
        made.stop()
        log.rename(log.with_name(f"0.log.20261128-02020{number}"))

    for number in range(3):
        run(number)
    made = node(metadata={"from": "tag"})
    made.write("web-1", "the last")
    made.wait(lambda: any(record["log"] == "the last" for record in backend.records))
    lines = [f"{number} {when}" for number in range(3) for when in ("before a rotation", "after it")]
    assert Counter(record["log"] for record in backend.records) == Counter([*lines, "the last"])


def test_sidecar_delivers_rotated_files_once(sidecar: Callable[..., Sidecar]) -> None:
    """As above, for a sidecar whose volumes outlive it."""
    with JsonReceiver() as receiver:
        backend = {"type": "http", "host": HOST, "port": receiver.port, "tls": {"enabled": False}}
        started = sidecar({"outputs": {"http": backend, "stdout": {"enabled": False}}})
        for number in range(3):
            started.file.write_text(f"{number} before a rotation\n")
            started.wait_for(lambda: started.metric("fluentbit_output_proc_records_total", name="http") == 1)
            started.file.rename(started.file.with_name(f"app.log.{2 * number}"))
            started.file.write_text(f"{number} after it\n")
            started.wait_for(lambda: started.metric("fluentbit_output_proc_records_total", name="http") == 2)
            assert started.terminating()() == 0
            started.file.rename(started.file.with_name(f"app.log.{2 * number + 1}"))
            started.restart()
        started.file.write_text("the last\n")
        started.wait_for(lambda: "the last" in [record["log"] for record in receiver.records])
        lines = [f"{number} {when}" for number in range(3) for when in ("before a rotation", "after it")]
        assert Counter(record["log"] for record in receiver.records) == Counter([*lines, "the last"])
