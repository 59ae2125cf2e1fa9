"""Fields of the node agent's records: `logs.metadata.fields` with the real Fluent Bit and metadata of a kubelet."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.node_agents import CloudWatch
from harness.backends.aws import CloudWatchLogs
from harness.backends.receivers import HOST, JsonReceiver

from .node import NOW, Kubelet, Node

pytestmark = pytest.mark.slow

POD = {
    "metadata": {"name": "web", "namespace": "shop", "uid": "1234", "labels": {"app": "web", "tier": "front"}},
    "spec": {"nodeName": "node-1", "containers": [{"name": "app", "image": "shop/web:1"}]},
    "status": {
        "podIP": "10.0.0.1",
        "containerStatuses": [
            {
                "name": "app",
                "containerID": f"containerd://{'a' * 64}",
                "image": "shop/web:1",
                "imageID": f"shop/web@sha256:{'b' * 64}",
            }
        ],
    },
}
NAMES = {"pod_name": "web", "namespace_name": "shop", "container_name": "app"}
IDS = {"pod_id": "1234", "pod_ip": "10.0.0.1", "host": "node-1", "docker_id": "a" * 64}
IMAGE = {"container_hash": f"shop/web@sha256:{'b' * 64}", "container_image": "shop/web:1"}
LABELS = {"labels": {"app": "web", "tier": "front"}}
# What Lua would change: an empty list, and numbers that a float does not hold or that are one.
LINE = '{"order": 9007199254740993, "price": 2.0, "items": []}'
PARSED = {"order": 9007199254740993, "price": 2.0, "items": []}
SHORT = ["stream", *(f"kubernetes.{name}" for name in NAMES)]


def asks(kubelet: Kubelet, folder: Path) -> dict[str, Any]:
    """Return options of the filter that asks a kubelet."""
    (folder / "token").write_text("token", encoding="ascii")
    token = {name: str(folder / "token") for name in ("kube_token_file", "kube_namespace_file")}
    return {"kubelet_port": kubelet.port, "kube_ca_file": str(folder / "pki" / "ca.crt"), **token}


@pytest.mark.parametrize(
    ("fields", "metadata", "kept"),
    [
        ([], {}, {"time", "stream", *NAMES, *IDS, *IMAGE}),
        (SHORT, {}, {"stream", *NAMES}),
        ([*SHORT, "kubernetes.host"], {"labels": True}, {"stream", *NAMES, "host", "labels"}),
        (["time"], {}, {"time"}),
        (SHORT, {"from": "tag"}, {"stream", *NAMES}),
    ],
    ids=["default", "names", "names, node and labels", "time", "names from tags"],
)
def test_records_have_the_listed_fields(
    tmp_path: Path,
    node: Callable[..., Node],
    backend: JsonReceiver,
    fields: list[str],
    metadata: dict[str, Any],
    kept: set[str],
) -> None:
    """A record has the line, its parsed fields without a change, the origin, and exactly the listed metadata."""
    with Kubelet(tmp_path / "pki", {"kind": "PodList", "items": [POD]}) as kubelet:
        made = node(
            changed=asks(kubelet, tmp_path), metadata={"fields": fields, **metadata}, application={"parseJson": True}
        )
        made.write("web", "plain", LINE)
        made.wait(lambda: len(backend.records) >= 2)
        made.stop()
    origin = {"cluster": "eks", "pipeline": "application", "node": "node-1"}
    values = {"stream": "stdout", "time": NOW, **NAMES, **IDS, **IMAGE, **LABELS}
    below = {name: values[name] for name in kept - {"time", "stream"}}
    expected = {**origin, **{name: values[name] for name in kept & {"time", "stream"}}}
    if below:
        expected["kubernetes"] = below
    # The output adds the time of the record as a field `time`, with fewer digits, before the record's own.
    plain, parsed = (
        {key: value for key, value in record.items() if key != "time" or value == NOW} for record in backend.records
    )
    assert plain == {**expected, "log": "plain"}
    assert parsed == {**expected, "log_processed": PARSED}


@pytest.mark.parametrize(
    ("fields", "smallest", "largest"),
    [([], 550, 620), ([*SHORT, "kubernetes.host"], 200, 345)],
    ids=["all fields", "short list"],
)
def test_size_of_events(
    tmp_path: Path, node: Callable[..., Node], fields: list[str], smallest: int, largest: int
) -> None:
    """With the short list of the documentation, CloudWatch gets at most 345 bytes for a line of 100 bytes."""
    pods = {"kind": "PodList", "items": [POD]}
    with CloudWatch(tmp_path / "tls") as cloudwatch, Kubelet(tmp_path / "pki", pods) as kubelet:
        output = {"endpoint": HOST, "port": cloudwatch.port, "tls": {"caFile": str(cloudwatch.ca)}}
        cloud = {"cloudwatch": {"enabled": True, **output}}
        made = node(changed=asks(kubelet, tmp_path), outputs=cloud, metadata={"fields": fields})
        made.write("web", *(f"{number:099}" for number in range(1000)))
        made.wait(lambda: cloudwatch.events >= 1000)
        made.stop()
    assert cloudwatch.events == 1000
    assert smallest <= cloudwatch.sent / cloudwatch.events <= largest


def test_labels_choose_log_groups(tmp_path: Path, node: Callable[..., Node]) -> None:
    """A template sends records to the log group of their pod's label, also one with a slash, or to `logGroupName`."""
    labels = {"web": {"example.com/team": "blue"}, "api": {"example.com/team": "red"}, "job": {}}
    pods = [
        {"metadata": {"name": name, "namespace": "shop", "uid": name, "labels": given}, "status": POD["status"]}
        for name, given in labels.items()
    ]
    with (
        CloudWatchLogs(tmp_path / "tls") as api,
        Kubelet(tmp_path / "pki", {"kind": "PodList", "items": pods}) as kubelet,
    ):
        groups = {"logGroupName": "/shop/rest", "logGroupTemplate": "/shop/$kubernetes['labels']['example.com/team']"}
        output = {"endpoint": HOST, "port": api.port, "tls": {"caFile": str(api.ca)}, **groups}
        cloud = {"cloudwatch": {"enabled": True, **output}}
        made = node(changed=asks(kubelet, tmp_path), outputs=cloud, metadata={"labels": True})
        for name in labels:
            made.write(name, *(f"{name} {line}" for line in range(100)))
        expected = {"/shop/blue": "web", "/shop/red": "api", "/shop/rest": "job"}
        made.wait(lambda: {*api.groups()} >= {*expected} and all(len(api.messages(group)) >= 100 for group in expected))
        made.stop()
        for group, name in expected.items():
            found = [json.loads(message)["log"] for message in api.messages(group)]
            assert sorted(found) == sorted(f"{name} {line}" for line in range(100))
