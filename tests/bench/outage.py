"""The case of a failing backend: 503, 429 and refused connections, for a third of the time each."""

import os
import sys
import tempfile
import time
from pathlib import Path

from bench import readers
from harness import images
from harness.backends.receivers import HOST, BulkReceiver
from harness.loss import Measurement, ProcessFollower, count
from harness.loss.measure import finish_writer, run_writer

NAME = "backend outage"
SHORT_SECONDS = 15.0
FULL_SECONDS = 300.0
LEAD_SECONDS = 3.0
PATIENCE_SECONDS = 120.0  # a retry may be due a minute after the backend has recovered
RATE = 1000
# Variables that the kubelet would set.
POD = {"OUTPUT_POD": "shop-0", "OUTPUT_NAMESPACE": "prd", "OUTPUT_NODE": "node-1", "POD_IP": "127.0.0.1"}


def measure(*, seconds: float) -> Measurement | None:
    """Send lines to an Elasticsearch that fails for `seconds` in the middle; return None without Fluent Bit."""
    agent = images.fluent_bit()
    if agent is None:
        return None
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary, BulkReceiver() as backend:
        folder = Path(temporary)
        for part in ("logs", "state", "config"):
            (folder / part).mkdir()
        output = {"type": "elasticsearch", "host": HOST, "port": backend.port, "tls": {"enabled": False}}
        reader = readers.from_chart("fluent-bit", folder, agent=agent, output=output)
        with ProcessFollower(
            reader.command,
            environment=reader.environment | POD,
            stderr=folder / "stderr",
            as_init=sys.platform == "linux" and os.geteuid() == 0,
        ) as process:
            time.sleep(1)
            lines = int((seconds + 2 * LEAD_SECONDS) * RATE)
            options = f"--lines {lines} --rate {RATE} --rotate rename --rotate-bytes 2000000"
            writing = run_writer(folder / "logs" / "app.log", options.split())
            time.sleep(LEAD_SECONDS)
            backend.suffer(("503", "429", "refuse"), seconds=seconds)
            summary = finish_writer(writing)
            until = time.monotonic() + PATIENCE_SECONDS
            while len(backend) < summary.written and time.monotonic() < until:
                time.sleep(0.2)
            usage = process.usage()
            ended = process.terminate()
        report = count(backend.lines(), summary.written)
    return Measurement(report, usage, ended, summary.seconds, kills=0)
