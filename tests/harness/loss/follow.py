"""The followers, for a container's files on the node, the API's log stream, and a plain process.

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

from harness.loss._api import ApiFollower
from harness.loss._directory import DirectoryFollower, container_directory
from harness.loss._follower import Follower
from harness.loss._process import ProcessFollower

__all__ = ["ApiFollower", "DirectoryFollower", "Follower", "ProcessFollower", "container_directory"]
