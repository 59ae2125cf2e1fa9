"""The rendered configurations in Fluent Bit for Windows, under Wine: paths, tags, routes, rotation and restarts.

Paths, links and commands are as rendered, on drive C of a Wine prefix. The inputs of the event log (`winevtlog`) of
`ci/all-values.yaml` are removed, because Wine has no event log that they could read, and outputs write to files.
Wine shows the links in C:/var/log/containers as files, so the code of Fluent Bit that recognizes links does not run.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.node import Kubelet
from harness import fluentbit
from harness.backends.aws import HOST
from harness.backends.receivers import JsonReceiver
from harness.render.manifests import Manifests

from .logmonitor import CHART
from .node import NOW, Node

pytestmark = pytest.mark.slow
Installed = Callable[..., Manifests]
NAMESPACES = ("amazon-cloudwatch", "default", "kube-system", "security-audit", "shop")
# Logs of a node, and names that rotated ones get.
SERVICES = {
    "eks": "C:\\ProgramData\\Amazon\\EKS\\logs\\vpc-bridge.log",
    "containerd": "C:\\ProgramData\\containerd\\root\\panic.log",
}
ROTATED = "C:\\ProgramData\\Amazon\\EKS\\logs\\vpc-bridge.log.2026-11-21-10"
# By values file: the namespaces and the logs of the node that each output receives.
EXPECTED: dict[str, dict[str, set[str]]] = {
    "all": {
        "cloudwatch-application": {"amazon-cloudwatch", "default", "shop"},
        "cloudwatch-dataplane": {"eks", "containerd"},
        "security-application": {"security-audit"},
    },
    "default": {"cloudwatch": {*NAMESPACES}},
    "http": {"backend-application": {"default", "shop"}, "backend-dataplane": {"eks"}},
    "legacy": {
        "cloudwatch-application": {"kube-system", "security-audit", "shop"},
        "cloudwatch-dataplane": {"eks", "containerd"},
        "default-application": {"default"},
        "observability-application": {"amazon-cloudwatch"},
    },
}
FILES = {file.stem.removesuffix("-values"): file for file in sorted(CHART.glob("ci/*-values.yaml"))}
every_file = pytest.mark.parametrize("name", FILES)
# Those that ask the API server or the kubelet for the labels of pods.
ASKING = ("all", "legacy")
LABELS = {"app": "web"}


@pytest.fixture
def started(node: Callable[..., Node], installed: Installed, tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """Start the agent of a values file; one server stands in for the API server and the kubelet."""
    with Kubelet(tmp_path / "pki", pods()) as kubelet:

        def start(name: str, **values: Any) -> Node:
            address = {"all": {"kubelet_port": kubelet.port}, "legacy": {"kube_url": f"https://{HOST}:{kubelet.port}"}}
            made = node(installed(FILES[name], **values), metadata=address.get(name))
            for file, text in {"ca.crt": (tmp_path / "pki" / "ca.crt").read_text(), "token": "token"}.items():
                made.write_file(made.path(f"C:\\var\\run\\secrets\\kubernetes.io\\serviceaccount\\{file}"), text)
            made.start()
            return made

        yield start


def pods() -> dict[str, Any]:
    """Return the pods of the node as a kubelet, and one as the API server, would."""
    status = {"containerStatuses": [{"name": "app", "containerID": f"containerd://{'c0ffee42' * 8}"}]}
    items = [
        {
            "metadata": {"name": "web-1", "namespace": name, "uid": f"uid-{name}", "labels": LABELS},
            "spec": {"nodeName": "node-1"},
            "status": status,
        }
        for name in NAMESPACES
    ]
    return {**items[0], "kind": "PodList", "items": items}


def tag_of(source: str) -> str:
    """Return the tag on Windows of the log of a namespace or of the node."""
    if source in SERVICES:
        return "dataplane.files." + SERVICES[source].replace(":", "").replace("\\", ".")
    return f"application.C.var.log.containers.web-1_{source}_app-{'c0ffee42' * 8}.log"


def test_every_values_file_has_expectations() -> None:
    """The table above covers every file of values that the chart is tested with."""
    assert set(EXPECTED) == set(FILES)


def path_of(source: str) -> str:
    """Return the path from which the agent reads a namespace or a service."""
    return SERVICES.get(source) or fluentbit.container_log(source, "web-1")


def written(sources: Iterable[str]) -> Counter[tuple[str, str]]:
    """Return tags and lines of sources to which `write_all` has written."""
    return Counter((tag_of(source), line) for source in sources for line in (f"of {source}", "again"))


def write_all(running: Node) -> None:
    """Write two lines to the log of every namespace and service, and to a rotated log."""
    for namespace in NAMESPACES:
        running.write(namespace, f"of {namespace}", "again")
    for source, path in SERVICES.items():
        running.service_log(path, f"of {source}", "again")
    running.service_log(ROTATED, "rotated")


@every_file
def test_each_record_reaches_its_output_once(name: str, started: Callable[..., Node]) -> None:
    """Each output receives the records of its namespaces and services once, with the tags of Windows, and no others.

    The agent does not even open the files of excluded namespaces, nor those with rotated names.
    """
    running = started(name)
    write_all(running)
    for alias, sources in EXPECTED[name].items():
        running.wait_for(lambda alias=alias, sources=sources: len(running.received(alias)) >= 2 * len(sources))
    running.kill()
    assert running.outputs() == set(EXPECTED[name])
    for alias, sources in EXPECTED[name].items():
        found = Counter((tag, record["log"]) for tag, record in running.received(alias))
        assert found == written(sources)
    sources = {source for sources in EXPECTED[name].values() for source in sources}
    assert set(running.positions()) == {path_of(source) for source in sources}


@every_file
def test_records_have_their_metadata(name: str, started: Callable[..., Node]) -> None:
    """Records of pods have the names of pod, namespace and container, and labels where the values select them."""
    running = started(name)
    running.write("default", "hello")
    [alias] = [alias for alias, sources in EXPECTED[name].items() if "default" in sources]
    running.wait_for(lambda: running.received(alias))
    [(_, record)] = running.received(alias)
    assert record["log"] == "hello" and "_p" not in record
    found = record["kubernetes"]
    assert found.items() >= {"pod_name": "web-1", "namespace_name": "default", "container_name": "app"}.items()
    assert found.get("labels") == (LABELS if name in ASKING else None)


@every_file
def test_parts_of_a_line_are_joined(name: str, started: Callable[..., Node]) -> None:
    """Parts into which containerd splits a long line arrive as one record, and lines of docker arrive as they are."""
    running = started(name)
    running.write_raw("default", f"{NOW} stdout P one, \n{NOW} stdout P two, \n{NOW} stdout F three\n")
    running.write("shop", "of docker", runtime="docker")
    outputs = {source: alias for alias, sources in EXPECTED[name].items() for source in sources}
    running.wait_for(lambda: "one, two, three" in running.lines(outputs["default"]))
    running.wait_for(lambda: "of docker" in running.lines(outputs["shop"]))


@every_file
def test_rotation_and_restart_lose_nothing(name: str, started: Callable[..., Node]) -> None:
    """Lines written before and after a rotation, and while no agent ran, arrive once each."""
    running = started(name)
    [alias] = [alias for alias, sources in EXPECTED[name].items() if "default" in sources]
    parts = [[f"{part} {number}" for number in range(100)] for part in ("first", "rotated", "away", "back")]

    def deliver(lines: list[str]) -> None:
        running.write("default", *lines)
        running.wait_for(lambda: set(lines) <= set(running.lines(alias)))

    deliver(parts[0])
    running.rotate("default")
    deliver(parts[1])
    running.kill()
    running.write("default", *parts[2])
    running.start()
    deliver(parts[3])
    assert Counter(running.lines(alias)) == Counter(line for part in parts for line in part)


@pytest.mark.parametrize("end", ["kill", "interrupt"])
def test_rotated_files_are_delivered_once(end: str, started: Callable[..., Node]) -> None:
    """Files that rotated while an agent ran, and while none ran, are not delivered again by the next agents.

    An agent that ends in order deletes the positions of rotated files (flb_tail_file_remove in
    plugins/in_tail/tail_file.c), which does no harm here: no input reads rotated names.
    """
    running = started("default")
    for number in range(3):
        running.write("default", f"{number} before a rotation")
        running.wait_for(lambda number=number: f"{number} before a rotation" in running.lines("cloudwatch"))
        running.rotate("default", f"20261128-01010{number}")
        running.write("default", f"{number} after it")
        running.wait_for(lambda number=number: f"{number} after it" in running.lines("cloudwatch"))
        getattr(running, end)()
        running.rotate("default", f"20261128-02020{number}")
        running.start()
    running.write("default", "the last")
    running.wait_for(lambda: "the last" in running.lines("cloudwatch"))
    lines = [f"{number} {when}" for number in range(3) for when in ("before a rotation", "after it")]
    assert Counter(running.lines("cloudwatch")) == Counter([*lines, "the last"])


def test_service_log_that_keeps_its_ending_is_delivered_once(started: Callable[..., Node]) -> None:
    """A service may rotate to a name that the agent's paths match: the file is not read again, however long it exists.

    Fluent Bit deletes the position of a rotated file after `rotate_wait` (flb_tail_file_purge in
    plugins/in_tail/tail_file.c), here that of container logs, which have other names when they are rotated.
    """
    running = started("default", logs={"rotateWait": 1, "dataplane": {"enabled": True}})
    service, container = "cloudwatch-dataplane", "cloudwatch-application"
    for number in range(2):
        running.service_log(SERVICES["eks"], f"{number}")
        running.write("default", f"{number}")
        for alias in (service, container):
            running.wait_for(lambda number=number, alias=alias: f"{number}" in running.lines(alias))
        running.rotate_service(SERVICES["eks"], SERVICES["eks"].replace(".log", f"-2026112{number}.log"))
        running.rotate("default", f"2026112{number}-100000")
        running.wait_for(lambda number=number: running.metric("fluentbit_input_files_closed_total") > number)
    # The agent finds this file when it scans the directory, later than it closed the log of the container.
    running.service_log(SERVICES["eks"].replace("vpc-bridge", "new"), "new")
    running.wait_for(lambda: "new" in running.lines(service))
    assert (sorted(running.lines(service)), running.lines(container)) == (["0", "1", "new"], ["0", "1"])


def test_rest_of_a_file_that_rotates_without_an_agent_is_lost(started: Callable[..., Node]) -> None:
    """Lines that are unread when a file rotates, while no agent runs, are not delivered: the README warns of this."""
    running = started("default")
    running.write("default", "read")
    running.wait_for(lambda: "read" in running.lines("cloudwatch"))
    running.kill()
    running.write("default", "unread")
    running.rotate("default")
    running.start()
    running.write("default", "new")
    running.wait_for(lambda: "new" in running.lines("cloudwatch"))
    assert running.lines("cloudwatch") == ["read", "new"]


@pytest.mark.parametrize("wait", [86400, 5])
def test_rotated_file_waits_for_the_backend(wait: int, node: Callable[..., Node], installed: Installed) -> None:
    """A paused input reads a rotated file to its end after an outage, unless `logs.rotateWait` is shorter.

    The agent closes a rotated file within seconds after it is deleted (tail_fs_check in tail_fs_stat.c).
    """
    with JsonReceiver() as backend:
        made = installed(FILES["http"], logs={"memBufLimit": "200k", "rotateWait": wait})
        to = {"host": backend.host, "port": backend.port, "tls": False, "retry_limit": "no_limits"}
        running = node(made, kept=to)
        running.start()

        def arrived(line: str) -> bool:
            return line in [record["log"] for record in backend.records]

        running.write("default", "first")
        running.wait_for(lambda: arrived("first"))
        rotated = running.rotate("default")
        running.wait_for(lambda: running.metric("fluentbit_input_files_rotated_total") == 1)
        backend.fail("503")
        running.write("default", *(f"{number} {'x' * 1000}" for number in range(500)))
        running.wait_for(lambda: "paused" in running.log())
        with rotated.open("a", encoding="utf-8") as log:
            log.write(f"{NOW} stdout F the rest\n")
        if wait == 5:
            running.wait_for(lambda: running.metric("fluentbit_input_files_closed_total") == 1)
        backend.heal()
        running.wait_for(lambda: len([record for record in backend.records if "x" * 1000 in record["log"]]) == 500)
        if wait == 5:
            assert not arrived("the rest")
        else:
            running.wait_for(lambda: arrived("the rest"))
            rotated.unlink()
            running.wait_for(lambda: running.metric("fluentbit_input_files_closed_total") == 1)
