"""The loss meter: write numbered lines into one end of a log pipeline, count what leaves the other.

    written --> file --> collector --> stdout --> follower --> count
    writer.py            under test              follow.py     count.py

Around a pod::

    where = container_directory(pod_logs, namespace="prd", pod="x-*", container="sidecar")
    with DirectoryFollower(where) as sidecar:
        ...                                    # install the chart with WRITER_SOURCE as its application
        report = sidecar.count(200_000)
    assert report.exact, report

Around a plain process: `measure_process`, or ``python -m harness.loss process --help``.
"""

from pathlib import Path

from harness.loss import writer
from harness.loss._process import Exit, Usage
from harness.loss.count import Report, count, written_by
from harness.loss.follow import (
    ApiFollower,
    DirectoryFollower,
    Follower,
    ProcessFollower,
    container_directory,
)
from harness.loss.measure import Measurement, measure_process

WRITER_SOURCE = Path(writer.__file__)
"""The writer as a file: it needs a Python 3.11 and nothing else, so it can be mounted from a ConfigMap."""

__all__ = [
    "WRITER_SOURCE",
    "ApiFollower",
    "DirectoryFollower",
    "Exit",
    "Follower",
    "Measurement",
    "ProcessFollower",
    "Report",
    "Usage",
    "container_directory",
    "count",
    "measure_process",
    "written_by",
]
