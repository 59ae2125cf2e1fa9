"""From container output to CloudWatch Logs: Fluent Bit on a real node with frequent log rotation.

The tests use one release, in this order.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cluster.metrics import CHART, apply, until, wait_as_it_shrinks
from cluster.pods import PYTHON
from cluster.stage import Stage, namespace, own_name
from harness.backends.aws import CREDENTIALS, REGION, CloudWatchLogs
from harness.clusters import LocalCluster
from harness.clusters.local.config import Options
from harness.render.helm import Helm, HelmError

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.environment("ipv4", "node-logs"),
    pytest.mark.minutes(2),
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a local cluster needs Linux and root"),
]
PREFIX = "/aws/containerinsights/shop"
POD = "app.kubernetes.io/component=logs"
APPS = ("t-logs-a", "t-logs-b", "t-logs-c")
# A log exceeds 1 MiB after 26 s. The kubelet then renames it, and compresses it at the next rotation, so an agent must
# not be away for longer. Ten seconds of records stay below 1 MB, the limit of a CloudWatch request: if a chunk needs
# two requests and the second fails, the first is repeated.
LINES, RATE, BACKLOG_SECONDS = 3_200, 40, 10
# `buffer_chunk_size` (64k) of lines that the runtime stores with 1,056 bytes.
MOST_OF_A_READ = 62
# Prints at least this many lines, goes on until /tmp/enough exists, and leaves their number in /tmp/written.
WRITER = """\
import os, sys, time
lines, most, rate = map(int, sys.argv[1:])
start = time.monotonic()
for number in range(most):
    if number >= lines and os.path.exists("/tmp/enough"):
        break
    print(f"line {number:06} " + "x" * 1000, flush=True)
    time.sleep(max(0, start + number / rate - time.monotonic()))
else:
    number = most
with open("/tmp/written.new", "w") as file:
    file.write(str(number))
os.rename("/tmp/written.new", "/tmp/written")
time.sleep(3600)
"""
# The endpoint option has no port; Fluent Bit trusts /etc/ssl/certs/ca-bundle.crt.
HTTPS = 443


@dataclass
class Logs:
    """A release that collects logs, and the received log events.

    Attributes:
        stage: the namespace of the release.
        api: the destination of the logs.
        state: folder of the node with positions and buffers.
    """

    stage: Stage
    api: CloudWatchLogs
    state: str

    def install(self, **logs: Any) -> None:
        """Install or upgrade the release, also with these values of `logs`."""
        values = {
            "metrics": {"enabled": False},
            "cluster": {"name": "shop", "region": REGION},
            "logs": {
                "enabled": True,
                "state": {"hostPath": self.state},
                # The kubelet has a self-signed certificate here.
                "metadata": {"insecureSkipVerify": True},
                "extraEnv": [{"name": name, "value": value} for name, value in CREDENTIALS.items()],
                "extraVolumes": [{"name": "authority", "configMap": {"name": "authority"}}],
                "extraVolumeMounts": [{"name": "authority", "mountPath": "/etc/ssl/certs", "readOnly": True}],
                **logs,
            },
            "outputs": {
                "cloudwatch": {"endpoint": self.api.host, "logGroupTemplate": f"{PREFIX}/$kubernetes['namespace_name']"}
            },
        }
        self.stage.install("l", values, chart=CHART)

    def records(self, group: str) -> list[dict[str, Any]]:
        """Return the events of a log group, by the last part of its name."""
        return [json.loads(message) for message in self.api.messages(f"{PREFIX}/{group}")]

    def pod(self) -> dict[str, Any]:
        """Return the agent pod."""
        [pod] = self.stage.get("pods", POD)
        return pod

    def restarts(self) -> int:
        """Return the restart count of the agent's container."""
        count: int = self.pod()["status"]["containerStatuses"][0]["restartCount"]
        return count


def run(logs: Logs, space: str, name: str, lines: int, most: int) -> None:
    """Start a pod that prints numbered lines."""
    box = {"name": "app", "image": PYTHON, "command": ["python3", "-c", WRITER, str(lines), str(most), str(RATE)]}
    spec = {"terminationGracePeriodSeconds": 0, "containers": [box]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    apply(Stage(logs.stage.cluster, space, logs.stage.helm), [pod])


def behind(logs: Logs, space: str) -> float:
    """Return the age of the newest record of a namespace, in seconds."""
    now = time.time()
    return now - logs.api.newest(f"{PREFIX}/{space}")


def finish(logs: Logs, space: str) -> int:
    """Let the writer of a namespace end, and return the number of its lines."""
    inside = ("exec", "--namespace", space, "web-1", "--", "sh", "-c")
    wait = "touch /tmp/enough; until [ -e /tmp/written ]; do sleep 0.2; done; cat /tmp/written"
    return int(logs.stage.kubectl(*inside, wait))


@pytest.fixture(scope="module")
def logs(helm: Helm, ip_family: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logs]:
    """The chart with only logs, one log group per namespace."""
    folder = tmp_path_factory.mktemp("logs")
    (folder / "state").mkdir()
    with LocalCluster(own_name("logs"), Options(ip_family=ip_family, container_log_max_size="1Mi")) as cluster:
        stage = Stage(cluster, "t-logs", helm)
        address = cluster.host_address()
        assert address is not None
        with namespace(stage), CloudWatchLogs(folder / "pki", host=address, port=HTTPS) as api:
            stage.load_images([PYTHON])
            authority = {"ca-bundle.crt": api.ca.read_text(encoding="ascii")}
            apply(
                stage, [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "authority"}, "data": authority}]
            )
            made = Logs(stage, api, str(folder / "state"))
            run(made, "kube-system", "aws-node-x", 3, 3)
            for space in APPS:
                stage.kubectl("create", "namespace", space)
            made.install()
            yield made


def test_every_line_arrives_once(logs: Logs) -> None:
    """Across rotation, a new pod, and a kill in an outage, every line arrives once; a kill may repeat one read."""

    def arrived(space: str) -> Counter[str]:
        return Counter(record["log"][:11] for record in logs.records(space))

    for space in APPS:
        run(logs, space, "web-1", LINES, 1_000_000)
    until(lambda: all(logs.api.newest(f"{PREFIX}/{space}") for space in APPS), "the first lines of each namespace")
    logs.stage.kubectl("delete", "pod", logs.pod()["metadata"]["name"], "--wait=true")
    # The backlog of the new pod leaves no pause between chunks.
    until(lambda: all(behind(logs, space) < BACKLOG_SECONDS for space in APPS), "the next pod to catch up", 180)
    again = {space: [line for line, count in arrived(space).items() if count > 1] for space in APPS}
    assert again == {space: [] for space in APPS}, "lines that the new pod repeated"
    logs.api.fail_between_chunks("503")
    until(lambda: logs.api.failed.get("503"), "a request that failed")
    [status] = logs.pod()["status"]["containerStatuses"]
    logs.stage.cluster.kill_container(status["containerID"])
    until(lambda: logs.restarts() == 1, "a restart")
    logs.api.fail("refuse")
    logs.api.heal()
    written = {space: finish(logs, space) for space in APPS}
    wait_as_it_shrinks(lambda: sum(max(0, written[space] - len(arrived(space))) for space in APPS))
    assert logs.stage.cluster.pod_logs is not None
    repeated = {}
    for space in APPS:
        wanted = Counter(f"line {number:06}" for number in range(written[space]))
        found = arrived(space)
        assert [*(wanted - found)] == [], "lines that are missing"
        repeated[space] = sorted((found - wanted).elements())
        rotated = [*logs.stage.cluster.pod_logs.glob(f"{space}_*/app/0.log.*")]
        assert len(rotated) >= 2, "the kubelet did not rotate"
    assert _is_one_read(repeated), f"more than one read was repeated: {repeated}"


def _is_one_read(repeated: dict[str, list[str]]) -> bool:
    """Whether these lines, by namespace, are at most what the agent reads at once.

    Fluent Bit stores the lines of a read, then its position, so a kill between the two repeats that read.
    """
    runs = [[int(line.removeprefix("line ")) for line in lines] for lines in repeated.values() if lines]
    if len(runs) != 1:
        return not runs
    [run] = runs
    return run == [*range(run[0], run[0] + len(run))] and len(run) <= MOST_OF_A_READ


@pytest.mark.parametrize(
    ("repeated", "one"),
    [
        ({"a": [], "b": []}, True),
        ({"a": ["line 000007", "line 000008"], "b": []}, True),
        ({"a": ["line 000007", "line 000009"], "b": []}, False),
        ({"a": ["line 000007", "line 000007"], "b": []}, False),
        ({"a": ["line 000007"], "b": ["line 000007"]}, False),
        ({"a": [f"line {number:06}" for number in range(100)], "b": []}, False),
    ],
    ids=["nothing", "neighbors", "gap", "twice more", "two containers", "too many"],
)
def test_one_read_is_told_from_more(repeated: dict[str, list[str]], one: bool) -> None:
    """Only neighboring lines of one container, as many as fit into the agent's buffer, are one read."""
    assert _is_one_read(repeated) == one


def test_records_say_where_they_are_from(logs: Logs) -> None:
    """Each record has its pod's names, ID, address and node from the kubelet, and is in its namespace's group."""
    for space in APPS:
        pod = json.loads(logs.stage.kubectl("get", "pod", "web-1", "-n", space, "-o", "json"))
        names = {"namespace_name": space, "pod_name": "web-1", "container_name": "app"}
        known = {**names, "pod_id": pod["metadata"]["uid"], "host": pod["spec"]["nodeName"]}
        records = logs.records(space)
        assert [record for record in records if not known.items() <= record["kubernetes"].items()][:1] == []
        assert {frozenset(record) for record in records} == {frozenset(("time", "stream", "log", "kubernetes"))}
        assert logs.api.streams(f"{PREFIX}/{space}") == {
            f"{pod['spec']['nodeName']}-application.pods.{space}_web-1_app"
        }


def test_pods_of_the_data_plane_are_apart(logs: Logs) -> None:
    """Output of aws-node is only in the data plane group; the agent's own log is in no group."""
    assert [record["log"][:11] for record in logs.records("dataplane")] == [f"line {n:06}" for n in range(3)]
    assert logs.api.groups() == {f"{PREFIX}/{name}" for name in (*APPS, "dataplane")}


def test_file_of_log_sidecar_reaches_cloudwatch(logs: Logs) -> None:
    """Lines of an application's file and stdout are in its namespace's group, once each."""
    app = Stage(logs.stage.cluster, "t-logs-file", logs.stage.helm)
    with namespace(app, {"pod-security.kubernetes.io/enforce": "restricted"}):
        app.install("x")
        [service] = [service["metadata"]["name"] for service in app.get("services")]
        url = f"/api/v1/namespaces/{app.namespace}/services/{service}:http/proxy/log"
        written = [line for _ in range(20) for line in app.kubectl("get", "--raw", url).splitlines()]
        assert len(written) == 200
        until(lambda: {*written} <= {record["log"] for record in logs.records(app.namespace)}, "every line of the file")
        records = logs.records(app.namespace)
    arrived = Counter(record["log"] for record in records)
    assert {line: arrived[line] for line in written} == dict.fromkeys(written, 1)
    assert {record["kubernetes"]["container_name"] for record in records if record["log"] in written} == {"sidecar"}
    assert [line for line in arrived if "demo listens on port 5000" in line]


def test_configuration_with_which_the_agent_does_not_start_changes_nothing(logs: Logs) -> None:
    """Helm names the Job whose log has the reason, and the agents stay; with a valid filter, they get it."""
    [before] = logs.stage.get("daemonsets", POD)
    with pytest.raises(HelmError) as caught:
        logs.install(extraFilters=[{"name": "grep", "match": "application.*", "exclude": "log ("}])
    assert "observability-stack-logs-check" in caught.value.stderr
    assert "could not compile regex pattern '('" in logs.stage.kubectl("logs", "job/l-observability-stack-logs-check")
    assert logs.stage.get("daemonsets", POD) == [before]
    logs.install(extraFilters=[{"name": "grep", "match": "application.*", "exclude": "log ^DEBUG"}])
    [after] = logs.stage.get("daemonsets", POD)
    assert after["metadata"]["generation"] > before["metadata"]["generation"]
    assert logs.stage.get("jobs") == []
