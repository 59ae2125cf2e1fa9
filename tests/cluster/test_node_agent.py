"""From a file in a pod to CloudWatch Logs: the sidecar's stdout, collected by a node agent."""

import os
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.stage import Stage
from harness import images
from harness.aws import CREDENTIALS, HOST, REGION, CloudWatchLogs

pytestmark = pytest.mark.cluster
GROUP = "/aws/containerinsights/test/application"


def node_agent(program: Path, logs: Path, api: CloudWatchLogs, state: Path) -> list[str]:
    """Return the command of a Fluent Bit that ships container logs as a node's DaemonSet does."""
    tail = {"path": logs, "multiline.parser": "cri", "read_from_head": "on", "refresh_interval": 1, "db": state / "db"}
    cloudwatch = {
        "match": "*",
        "region": REGION,
        "endpoint": HOST,
        "port": api.port,
        "tls.ca_file": api.ca,
        "log_group_name": GROUP,
        "log_stream_prefix": "node-",
        "auto_create_group": "on",
        "log_key": "log",
    }
    options = [("-i", "tail", tail), ("-o", "cloudwatch_logs", cloudwatch)]
    flags = [[kind, name, *(f"-p{key}={value}" for key, value in keys.items())] for kind, name, keys in options]
    return [str(program), "-q", "-f", "1", *flags[0], *flags[1]]


def test_lines_of_a_file_reach_cloudwatch(stage: Stage, tmp_path: Path, eventually: Callable[..., None]) -> None:
    """What the demo writes to its file is in the log group, each line once, and its start-up lines are not lost."""
    program = images.fluent_bit()
    if program is None:
        pytest.skip("needs fluent-bit on PATH (or in $FLUENT_BIT)")
    if stage.cluster.pod_logs is None:
        pytest.skip("needs --cluster-type local: a node agent outside the cluster reads the node's disk")
    logs = stage.cluster.pod_logs / f"{stage.namespace}_*" / "*" / "*.log"
    with (
        CloudWatchLogs(tmp_path / "pki") as api,
        subprocess.Popen(node_agent(program, logs, api, tmp_path), env={**os.environ, **CREDENTIALS}) as agent,
    ):
        try:
            stage.install("x")
            [service] = [service["metadata"]["name"] for service in stage.get("services")]
            url = f"/api/v1/namespaces/{stage.namespace}/services/{service}:http/proxy/log"
            written = [line for _ in range(20) for line in stage.kubectl("get", "--raw", url).splitlines()]
            assert len(written) == 200
            eventually(lambda: set(written) <= set(api.messages(GROUP)))
            arrived = Counter(api.messages(GROUP))
        finally:
            agent.terminate()
    assert {line: arrived[line] for line in written} == dict.fromkeys(written, 1)
    assert [line for line in arrived if "demo listens on port 5000" in line]
