"""The loss meter: writes numbered lines to a log pipeline and counts the delivered lines."""

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
"""The writer as a file: it requires only Python 3.11, so it can be mounted from a ConfigMap."""

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
