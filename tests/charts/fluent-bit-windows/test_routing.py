"""A real Fluent Bit with the rendered configuration, from container log files to the log groups of CloudWatch.

Linux replaces Windows here: the directories are below that of the test, and a stand-in replaces CloudWatch Logs. Tags,
filters, routes and templates are as rendered.
"""

import errno
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pytest

from harness import fluentbit, images
from harness.backends.aws import CREDENTIALS, HOST, REGION, CloudWatchLogs
from harness.backends.ports import free_port
from harness.render.manifests import Manifests
from harness.tools.cache import locked

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, for which there is a Fluent Bit at hand"),
]
Install = Callable[..., Manifests]
NAMESPACES = ("default", "amazon-cloudwatch", "shop", "team-a", "kube-system")
PATIENCE_SECONDS = 30.0
HTTPS = 443
NOW = "2026-11-21T10:00:00.000000001Z"
FORMATS: dict[str, Callable[[str], str]] = {
    "containerd": lambda line: f"{NOW} stdout F {line}\n",
    "docker": lambda line: json.dumps({"log": f"{line}\n", "stream": "stdout", "time": NOW}) + "\n",
}


class Node:
    """A Windows node: container logs as containerd writes them, links to them, and the agent.

    Log groups have the prefix of a cluster of their own, as several nodes can share a stand-in. Names here omit it.
    """

    def __init__(
        self, folder: Path, api: CloudWatchLogs, cluster: str, made: Manifests, environment: Mapping[str, str]
    ) -> None:
        self._environment = {**os.environ, **CREDENTIALS, "HOST_NAME": "node-1", **environment}
        self._folder = folder
        self._api = api
        self._prefix = f"/aws/containerinsights/{cluster}/"
        for name in ("C/var/log/containers", "C/var/log/pods", "state"):
            folder.joinpath(name).mkdir(parents=True)
        [(name, text)] = [
            item
            for item in made.one("ConfigMap", "x-fluent-bit-windows")["data"].items()
            if item[0].startswith("fluent-bit.")
        ]
        config = _moved(fluentbit.read(text))
        legacy = name.endswith(".conf")
        for output in config["pipeline"]["outputs"]:
            output |= {"endpoint": HOST, "tls.ca_file": str(api.ca)}
            # The stand-in closes connections after a response; Fluent Bit 1.9.10 can notice too late and retry.
            output |= {"net.keepalive": False} if legacy else {"port": api.port}
        config["service"] |= {"http_port": free_port(HOST), "http_listen": HOST}
        self._config = folder / name
        self._config.write_text(fluentbit.write(config, classic=legacy), encoding="utf-8")
        self._program = images.fluent_bit_legacy() if legacy else images.fluent_bit()
        self._agent: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = [str(self._program), "-q", "-c", str(self._config)]
        with open(self._folder / "agent.log", "ab") as log:
            self._agent = subprocess.Popen(command, cwd=self._folder, env=self._environment, stdout=log, stderr=log)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._agent is not None
        self._agent.terminate()
        self._agent.wait(timeout=PATIENCE_SECONDS)

    def write(self, namespace: str, *lines: str, runtime: str = "containerd") -> None:
        """Write lines of a container in the namespace's pod, in the format of a container runtime."""
        self.write_raw(namespace, "".join(FORMATS[runtime](line) for line in lines))

    def write_raw(self, namespace: str, text: str) -> None:
        file = self._log(namespace)
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            file.touch()
        link = self._folder / "C/var/log/containers" / f"web-1_{namespace}_app-{'c0ffee42' * 8}.log"
        if not link.is_symlink():
            link.symlink_to(file)
        with file.open("a", encoding="utf-8") as log:
            log.write(text)

    def rotate(self, namespace: str) -> None:
        """Rotate as the kubelet does: rename the file to a name that is not read, and create a new file."""
        file = self._log(namespace)
        file.rename(file.with_name("0.log.20261121-100000"))
        file.touch()

    def wait_for(self, group: str, *lines: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not set(lines) <= set(self.lines(group)):
            errors = (self._folder / "agent.log").read_text(encoding="utf-8")
            assert time.monotonic() < deadline, f"not in {group}: {set(lines) - set(self.lines(group))}\n{errors}"
            time.sleep(0.2)

    def wait_for_reader(self, namespace: str) -> None:
        """Wait until the agent logs that it has found a file."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while f"web-1_{namespace}_" not in (self._folder / "agent.log").read_text(encoding="utf-8"):
            assert time.monotonic() < deadline, f"the log of {namespace} is not read"
            time.sleep(0.05)

    def lines(self, group: str) -> list[str]:
        # Docker's records contain the line break.
        return [record["log"].removesuffix("\n") for record in self.records(group)]

    def records(self, group: str) -> list[dict[str, Any]]:
        return [json.loads(message) for message in self._api.messages(self._prefix + group)]

    def retention(self) -> dict[str, int | None]:
        """Return the log groups and their retention, in days."""
        found = self._api.retention().items()
        return {name.removeprefix(self._prefix): days for name, days in found if name.startswith(self._prefix)}

    def streams(self, group: str) -> set[str]:
        return self._api.streams(self._prefix + group)

    def _log(self, namespace: str) -> Path:
        return self._folder / "C/var/log/pods" / f"{namespace}_web-1" / "0.log"


def _moved(value: Any) -> Any:
    """Move the directories of a Windows node below the agent's working directory, without other changes."""
    if isinstance(value, dict):
        return {key: _moved(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_moved(child) for child in value]
    if isinstance(value, str) and value.startswith(("C:\\var\\log\\", "C:\\fluent-bit-state")):
        return value.replace("C:\\fluent-bit-state", "state").replace("C:\\", "C/").replace("\\", "/")
    return value


@pytest.fixture(params=["upstream", "aws-legacy"])
def profile(request: pytest.FixtureRequest) -> str:
    """Each profile whose version of Fluent Bit is available."""
    if request.param == "upstream" and images.fluent_bit() is None:
        pytest.skip("needs fluent-bit on PATH (or in $FLUENT_BIT)")
    if request.param == "aws-legacy" and images.fluent_bit_legacy() is None:
        pytest.skip("needs Fluent Bit 1.9.10 in $FLUENT_BIT_LEGACY (or on PATH)")
    return str(request.param)


def trouble_with(port: int) -> str:
    """Return why a port is unavailable; connections of the previous test can occupy it for a moment."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_server((HOST, port)).close()
            return ""
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                return str(error)
            time.sleep(0.2)


@pytest.fixture
def api(tmp_path: Path, profile: str) -> Iterator[CloudWatchLogs]:
    """A stand-in for CloudWatch Logs, on the default port, which is the only one that 1.9.10 supports."""
    with ExitStack() as stack:
        if profile == "aws-legacy":
            stack.enter_context(locked(f"port-{HTTPS}"))
            if trouble := trouble_with(HTTPS):
                pytest.skip(f"needs port {HTTPS} of {HOST} for Fluent Bit 1.9.10: {trouble}")
        port = HTTPS if profile == "aws-legacy" else 0
        yield stack.enter_context(CloudWatchLogs(tmp_path / "pki", port=port))


@pytest.fixture
def node(api: CloudWatchLogs, install: Install, tmp_path: Path, profile: str) -> Callable[..., Node]:
    """A node with the agent of an installation, which is not started yet."""

    def of(environment: Mapping[str, str] | None = None, **values: Any) -> Node:
        cluster = {"name": tmp_path.name, "region": REGION}
        quick = {"readFromHead": True, "refreshInterval": 1, **values.pop("logs", {})}
        builds = {"windows": {"builds": [{"name": "2022"}]}}
        made = install({"profile": profile, "cluster": cluster, "logs": quick, "flush": 0.2, **builds, **values})
        return Node(tmp_path / "node", api, tmp_path.name, made, environment or {})

    return of


def test_each_namespace_has_its_group(node: Callable[..., Node]) -> None:
    """Records of five unlisted namespaces arrive once each in five log groups, with their pods and streams."""
    written = {name: [f"{name} {number}" for number in range(50)] for name in NAMESPACES}
    with node() as running:
        for name, lines in written.items():
            running.write(name, *lines)
        for name, lines in written.items():
            running.wait_for(name, *lines)
    assert running.retention() == dict.fromkeys(NAMESPACES, 30)
    for name, lines in written.items():
        records = running.records(name)
        assert Counter(record["log"] for record in records) == Counter(lines)
        for record in records:
            assert "_p" not in record
            assert record["kubernetes"]["namespace_name"] == name
            assert record["kubernetes"]["pod_name"] == "web-1"
            assert record["kubernetes"]["container_name"] == "app"
        assert running.streams(name) == {"web-1.app"}


def to_group(name: str, **namespaces: list[str]) -> dict[str, Any]:
    """Return an output to one log group of the cluster for some namespaces."""
    group = f"/aws/containerinsights/{{cluster}}/{name}"
    return {"type": "cloudwatch", "logGroupName": group, "match": {"namespaces": namespaces}}


def test_remaining_namespaces_have_a_group(node: Callable[..., Node]) -> None:
    """Records of namespaces that no output includes arrive once each in the log group of the remaining output."""
    listed = ["default", "amazon-cloudwatch"]
    outputs: dict[str, Any] = {name: to_group(name, include=[name]) for name in listed}
    outputs["cloudwatch"] = {**to_group("other", exclude=listed), "logGroupTemplate": ""}
    with node(outputs=outputs) as running:
        for name in NAMESPACES:
            running.write(name, name)
        running.wait_for("default", "default")
        running.wait_for("amazon-cloudwatch", "amazon-cloudwatch")
        running.wait_for("other", "shop", "team-a", "kube-system")
    assert {group: sorted(running.lines(group)) for group in running.retention()} == {
        "default": ["default"],
        "amazon-cloudwatch": ["amazon-cloudwatch"],
        "other": ["kube-system", "shop", "team-a"],
    }


def test_logs_of_the_node_have_their_own_group(node: Callable[..., Node], tmp_path: Path) -> None:
    """Logs of services arrive in the log group of their pipeline, and records of pods in those of their namespaces."""
    folder = tmp_path / "node" / "C/var/log/eks"
    running = node(logs={"dataplane": {"enabled": True, "directories": ["C:\\var\\log\\eks"]}})
    folder.mkdir()
    (folder / "kubelet.log").write_text("kubelet is ready\n", encoding="utf-8")
    with running:
        running.write("shop", "of a pod")
        running.wait_for("dataplane", "kubelet is ready")
        running.wait_for("shop", "of a pod")
    assert running.retention() == {"dataplane": 30, "shop": 30}
    [stream] = running.streams("dataplane")
    assert stream.startswith("node-1-dataplane.files.") and stream.endswith("kubelet.log")


def test_rotation_and_restart_lose_nothing(node: Callable[..., Node]) -> None:
    """Lines written before and after a rotation, and while the agent was stopped, arrive once each."""
    group = "default"
    parts = [[f"{part} {number}" for number in range(200)] for part in ("first", "rotated", "away", "back")]
    running = node()
    with running:
        running.write("default", *parts[0])
        running.wait_for(group, *parts[0])
        running.rotate("default")
        running.write("default", *parts[1])
        running.wait_for(group, *parts[1])
    running.write("default", *parts[2])
    with running:
        running.wait_for(group, *parts[2])
        running.write("default", *parts[3])
        running.wait_for(group, *parts[3])
    assert Counter(running.lines(group)) == Counter(line for part in parts for line in part)


def test_multiline_records_arrive_as_one(node: Callable[..., Node]) -> None:
    """A stack trace is one record, with the metadata of its pod, in the log group of its namespace."""
    trace = [
        "java.lang.IllegalStateException: gone",
        "\tat shop.Cart.add(Cart.java:7)",
        "\tat shop.Main.main(Main.java:3)",
    ]
    with node(logs={"application": {"multiline": ["java"]}}) as running:
        running.write("shop", *trace, "ready")
        running.wait_for("shop", "ready")
    [record] = [record for record in running.records("shop") if "gone" in record["log"]]
    assert record["log"].splitlines() == trace
    assert record["kubernetes"]["namespace_name"] == "shop"


def test_both_runtimes_are_read(node: Callable[..., Node]) -> None:
    """Records of Docker and containerd arrive in the same format, even on one node; parts of a line are joined."""
    with node() as running:
        running.write("default", "of docker", "again", runtime="docker")
        running.write("shop", "of containerd")
        running.write_raw("shop", f"{NOW} stdout P long, \n{NOW} stdout F and whole\n")
        running.wait_for("shop", "of containerd")
        running.wait_for("default", "of docker", "again")
        running.wait_for("shop", "long, and whole")
    [record] = [record for record in running.records("default") if "again" in record["log"]]
    assert record["stream"] == "stdout"
    assert sorted(running.lines("shop")) == ["long, and whole", "of containerd"]


def test_only_old_lines_are_skipped(node: Callable[..., Node]) -> None:
    """With `readFromHead: false`, old lines are skipped, and a pod that starts later is read from its first line."""
    running = node(logs={"readFromHead": False})
    running.write("default", "old")
    with running:
        running.wait_for_reader("default")
        running.write("shop", "first", "second")
        running.wait_for("shop", "first", "second")
        running.write("default", "new")
        running.wait_for("default", "new")
    assert running.lines("default") == ["new"]


@pytest.mark.parametrize("from_head", [True, False], ids=["from-head", "from-tail"])
def test_lines_written_while_the_agent_is_down(node: Callable[..., Node], from_head: bool) -> None:
    """A restarted agent reads a known file to its end; `readFromHead: false` skips the lines of a new one."""
    running = node(logs={"readFromHead": from_head})
    running.write("default", "old")
    with running:
        running.wait_for_reader("default")
        running.write("default", "known")
        running.wait_for("default", "known")
    running.write("default", "missed")
    running.write("shop", "first")
    with running:
        running.wait_for("default", "missed")
        running.write("amazon-cloudwatch", "later")
        running.wait_for("amazon-cloudwatch", "later")
        running.write("shop", "second")
        running.wait_for("shop", *(["first"] if from_head else []), "second")
    assert running.lines("shop") == [*(["first"] if from_head else []), "second"]


@pytest.mark.parametrize("name", ["READ_FROM_HEAD", "FluentBitReadFromHead"])
def test_config_map_overrides_values(node: Callable[..., Node], tmp_path: Path, name: str) -> None:
    """The article's ConfigMap sets the cluster, the Region and the read position, with either spelling of its keys."""
    given = {"CLUSTER_NAME": tmp_path.name, "LOGS_REGION": REGION, name: "On"}
    running = node(given, logs={"readFromHead": False}, cluster={"configMap": {"name": "fluent-bit-cluster-info"}})
    running.write("default", "old")
    with running:
        running.wait_for("default", "old")
