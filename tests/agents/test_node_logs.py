"""Fluent Bit as a node agent: limits in an outage, requests to the kubelet, files and journal, and outputs."""

import json
import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from harness.backends.aws import REGION, Aws, CloudWatchLogs
from harness.backends.otlp import OtlpGrpcReceiver, OtlpReceiver
from harness.backends.ports import own_address
from harness.backends.receivers import HOST, BulkReceiver, JsonReceiver
from harness.backends.vendors import LokiReceiver

from .node import NOW, PASSWORD, USER, Kubelet, Node, http

pytestmark = pytest.mark.slow


def test_outage_fills_the_disk_up_to_its_bound_and_no_memory(node: Callable[..., Node], backend: JsonReceiver) -> None:
    """In an outage with five times the disk limit, the newest records arrive, and every dropped one is counted."""
    off = {"enabled": False}
    small = {"storage": {"totalLimitSize": "16M"}}
    made = node(metadata={"from": "tag"}, application=small, dataplane=off, host=off, storage={"maxChunksUp": 16})
    backend.fail("503")
    written = 0
    for _ in range(80):
        made.write("web-1", *(f"{number:08} {'x' * 991}" for number in range(written, written + 1000)))
        written += 1000
    dropped = "fluentbit_output_dropped_records_total"
    made.wait(lambda: made.metric("fluentbit_input_records_total") + made.metric(dropped) >= written)
    assert made.kept_mebibytes() < 24
    # The limit is 64 MiB, and 2 MiB for each chunk.
    assert made.peak_mebibytes() < 64 + 2 * 16
    assert made.metric(dropped) > 0
    backend.heal()
    made.write("web-1", "the newest")
    made.wait(lambda: any(record["log"] == "the newest" for record in backend.records))
    made.wait(lambda: made.metric("fluentbit_storage_chunks") == 0 or len(backend.records) > 1000)
    one = backend.records[0]
    assert one.items() >= {"cluster": "eks", "pipeline": "application", "node": "node-1"}.items()


def test_failing_backend_makes_the_agent_unready_and_restarts_nothing(
    node: Callable[..., Node], backend: JsonReceiver
) -> None:
    """The readiness probe fails while retries are exhausted; the liveness probe never does."""
    outputs = {"backend": http(backend.port, retryLimit=1)}
    health = {"hcErrorsCount": 1, "hcRetryFailureCount": 1, "hcPeriod": 5}
    made = node(metadata={"from": "tag"}, outputs=outputs, httpServer=health)
    made.write("web-1", "first")
    made.wait(lambda: len(backend.records) == 1)
    assert (made.status("/"), made.status("/api/v1/health")) == (200, 200)
    backend.fail("503")

    def is_unready() -> bool:
        made.write("web-1", "more")
        return made.status("/api/v1/health") == 500

    made.wait(is_unready)
    assert made.status("/") == 200
    backend.heal()
    made.wait(lambda: made.status("/api/v1/health") == 200)


def test_full_node_asks_its_kubelet_once_for_each_container(
    tmp_path: Path, node: Callable[..., Node], backend: JsonReceiver
) -> None:
    """For 40 pods of 45 KB, there are as many requests at the start, none afterwards, and every record is complete."""
    pods = [f"web-{number}" for number in range(40)]
    status = {"podIP": "10.0.0.9", "containerStatuses": [{"name": "app", "containerID": f"containerd://{'a' * 64}"}]}
    items = [
        {
            "metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}", "annotations": {"a": "y" * 45_000}},
            "spec": {"nodeName": "node-1"},
            "status": status,
        }
        for name in pods
    ]
    with Kubelet(tmp_path / "pki", {"kind": "PodList", "items": items}) as kubelet:
        (tmp_path / "token").write_text("token", encoding="ascii")
        asks = {"kubelet_port": kubelet.port, "kube_ca_file": str(tmp_path / "pki" / "ca.crt")}
        asks |= {"kube_token_file": str(tmp_path / "token"), "kube_namespace_file": str(tmp_path / "token")}
        made = node(changed=asks)
        for _ in range(3):
            for name in pods:
                made.write(name, "hello")
        made.wait(lambda: len(backend.records) >= 3 * len(pods))
        asked = len(kubelet.log)
        # One more, which checks that the kubelet responds.
        assert asked <= len(pods) + 1
        for name in pods:
            made.write(name, "hello")
        made.wait(lambda: len(backend.records) == 4 * len(pods))
        assert len(kubelet.log) == asked
    assert {record["kubernetes"]["pod_id"] for record in backend.records} == {f"uid-{name}" for name in pods}
    assert {record["kubernetes"]["pod_ip"] for record in backend.records} == {"10.0.0.9"}


def test_events_belong_to_workloads(tmp_path: Path, node: Callable[..., Node]) -> None:
    """CloudWatch Logs is told the workload of each pod, and events lack the fields that Fluent Bit derives it from."""
    owners = {"web-5d4f8c7b9d-abcde": ("ReplicaSet", "web-5d4f8c7b9d"), "db-0": ("StatefulSet", "db"), "bare": ("", "")}
    status = {"containerStatuses": [{"name": "app", "containerID": f"containerd://{'a' * 64}"}]}
    items = []
    for name, (kind, owner) in owners.items():
        metadata = {"name": name, "namespace": "shop", "uid": name}
        if owner:
            metadata["ownerReferences"] = [{"kind": kind, "name": owner}]
        items.append({"metadata": metadata, "spec": {"nodeName": "node-1"}, "status": status})
    with (
        CloudWatchLogs(tmp_path / "aws") as api,
        Kubelet(tmp_path / "pki", {"kind": "PodList", "items": items}) as kubelet,
    ):
        (tmp_path / "token").write_text("token", encoding="ascii")
        asks = {"kubelet_port": kubelet.port, "kube_ca_file": str(tmp_path / "pki" / "ca.crt")}
        asks |= {"kube_token_file": str(tmp_path / "token"), "kube_namespace_file": str(tmp_path / "token")}
        output = {
            "enabled": True,
            "endpoint": HOST,
            "port": api.port,
            "tls": {"caFile": str(api.ca)},
            "addEntity": True,
        }
        cluster = {"name": "shop", "region": REGION, "accountId": "111122223333"}
        made = node(changed=asks, outputs={"cloudwatch": output}, values={"cluster": cluster})
        for line in range(100):
            for name in owners:
                made.write(name, str(line))
        group = "/aws/containerinsights/shop/application"
        made.wait(lambda: group in api.groups() and len(api.messages(group)) >= 300)
        stored = [json.loads(message) for message in api.messages(group)]
        entities = api.entities()
    assert sorted(int(record["log"]) for record in stored) == [line for line in range(100) for _ in owners]
    assert "aws_entity" not in json.dumps(stored)
    assert all(record["kubernetes"]["pod_id"] == record["kubernetes"]["pod_name"] for record in stored)
    workloads = {stream: entity["keyAttributes"]["Name"] for stream, entity in entities.items()}
    prefix = "node-1-application.pods.shop_"
    assert workloads == {
        f"{prefix}{name}_app": workload for name, workload in zip(owners, ("web", "db", "bare"), strict=True)
    }
    [web] = [entity for stream, entity in entities.items() if "web" in stream]
    assert web["keyAttributes"].items() >= {"Type": "Service", "AwsAccountId": "111122223333"}.items()
    assert web["attributes"].items() >= {"K8s.Namespace": "shop", "K8s.Node": "node-1", "K8s.Workload": "web"}.items()


@pytest.mark.parametrize("permitted", [True, False], ids=["permitted", "default"])
def test_annotations_of_pods(tmp_path: Path, node: Callable[..., Node], backend: JsonReceiver, permitted: bool) -> None:
    """If permitted, pods choose a known parser or exclude their logs, which is counted; by default, neither."""
    annotations = {
        "hidden": {"fluentbit.io/exclude": "true"},
        "errors": {"fluentbit.io/exclude_stdout": "true"},
        "parsed": {"fluentbit.io/parser": "level"},
        "unknown": {"fluentbit.io/parser": "none"},
        "plain": {},
    }
    status = {"containerStatuses": [{"name": "app", "containerID": f"containerd://{'a' * 64}"}]}
    items = [
        {"metadata": {"name": name, "namespace": "shop", "uid": name, "annotations": given}, "status": status}
        for name, given in annotations.items()
    ]
    with Kubelet(tmp_path / "pki", {"kind": "PodList", "items": items}) as kubelet:
        (tmp_path / "token").write_text("token", encoding="ascii")
        asks = {"kubelet_port": kubelet.port, "kube_ca_file": str(tmp_path / "pki" / "ca.crt")}
        asks |= {"kube_token_file": str(tmp_path / "token"), "kube_namespace_file": str(tmp_path / "token")}
        made = node(
            changed=asks,
            metadata={"k8sLogging": {"exclude": permitted, "parser": permitted}},
            application={"parseJson": True},
            extraParsers=[{"name": "level", "format": "regex", "regex": "^(?<level>[A-Z]+) (?<text>.*)$"}],
        )
        for name in annotations:
            made.write(name, "WARN hello")
        expected = {"parsed", "unknown", "plain"} if permitted else {*annotations}
        made.wait(lambda: len(backend.records) >= len(expected))
        dropped = 'fluentbit_filter_drop_records_total{name="metadata"}'
        made.wait(lambda: made.metric(dropped) == (2 if permitted else 0))
    found = {record["kubernetes"]["pod_name"]: record.get("log_processed") for record in backend.records}
    parsed = {"level": "WARN", "text": "hello"}
    assert found == {name: parsed if permitted and name == "parsed" else None for name in expected}


@pytest.mark.parametrize("kind", ["elasticsearch", "opensearch"])
def test_bulk_api_gets_every_record(kind: str, tmp_path: Path, node: Callable[..., Node]) -> None:
    """With basic authentication, each record is in the index once, although a third is rejected at first."""
    tls = {"tls": tmp_path / "pki"} if kind == "opensearch" else {}
    with BulkReceiver(user=USER, password=PASSWORD, **tls) as receiver:
        login = {"httpUser": {"name": "login", "key": "user"}, "httpPasswd": {"name": "login", "key": "password"}}
        secured = {"tls": {"caFile": str(receiver.ca)} if tls else {"enabled": False}}
        receiver.fail("partial")
        backend = {"type": kind, "host": HOST, "port": receiver.port, **login, **secured}
        made = node(metadata={"from": "tag"}, outputs={"backend": backend})
        made.write("web-1", *(str(number) for number in range(2000)))
        made.wait(lambda: len(receiver.records) > 0)
        receiver.heal()
        made.wait(lambda: len(receiver.records) >= 2000)
    assert sorted(int(record["log"]) for record in receiver.records) == [*range(2000)]
    assert receiver.indices == {"eks"} and receiver.unauthorized == 0
    assert receiver.records[0].items() >= {"cluster": "eks", "pipeline": "application", "node": "node-1"}.items()


@pytest.mark.parametrize("service", ["es", "aoss"])
def test_opensearch_service_gets_signed_requests(service: str, tmp_path: Path, node: Callable[..., Node]) -> None:
    """Each request has a valid signature for the cluster's Region and the service."""
    with BulkReceiver(tls=tmp_path / "pki", signed=(REGION, service)) as receiver:
        place = {"host": HOST, "port": receiver.port, "tls": {"caFile": str(receiver.ca)}}
        backend = {"type": "opensearch", "awsAuth": True, "awsServiceName": service, **place}
        made = node(metadata={"from": "tag"}, outputs={"backend": backend})
        made.write("web-1", "hello")
        made.wait(lambda: len(receiver.records) == 1)
    assert receiver.unauthorized == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to listen where AWS does")
@pytest.mark.parametrize("kind", ["firehose", "s3"])
def test_bucket_gets_every_record(kind: str, tmp_path: Path, node: Callable[..., Node]) -> None:
    """With S3 and Firehose, each record is in the bucket once, also records that waited when the agent stopped."""
    # Fluent Bit connects to port 443 of an endpoint.
    own = own_address()
    with Aws(tmp_path / "pki", host=own, port=443) as aws:
        bucket = aws.client("s3")
        bucket.create_bucket(Bucket="logs")
        if kind == "firehose":
            into = {"BucketARN": "arn:aws:s3:::logs", "RoleARN": "arn:aws:iam::123456789012:role/firehose"}
            aws.client("firehose").create_delivery_stream(
                DeliveryStreamName="logs", ExtendedS3DestinationConfiguration=into
            )
        into = {"deliveryStream": "logs"} if kind == "firehose" else {"bucket": "logs"}
        backend = {"type": kind, "endpoint": own, "tls": {"caFile": str(aws.ca)}, **into}
        made = node(metadata={"from": "tag"}, outputs={"backend": backend})
        made.write("web-1", *(str(number) for number in range(2000)))
        made.wait(lambda: made.metric("fluentbit_output_proc_records_total") == 2000)
        made.stop()
        objects = bucket.list_objects_v2(Bucket="logs").get("Contents", [])
        texts = [bucket.get_object(Bucket="logs", Key=each["Key"])["Body"].read().decode() for each in objects]
    records = [json.loads(line) for text in texts for line in text.replace("}{", "}\n{").splitlines()]
    assert sorted(int(record["log"]) for record in records) == [*range(2000)]
    assert records[0].items() >= {"cluster": "eks", "pipeline": "application", "node": "node-1"}.items()


def test_loki_gets_a_stream_for_each_container(tmp_path: Path, node: Callable[..., Node]) -> None:
    """After an outage at the start, Loki has each record once, in streams with the names of namespace and container."""
    with LokiReceiver() as receiver:
        receiver.fail("503")
        loki = {"type": "loki", "host": HOST, "port": receiver.port, "tls": {"enabled": False}}
        made = node(metadata={"from": "tag"}, outputs={"loki": loki})
        for namespace in ("shop", "prd"):
            made.write("web-1", *(f"{namespace} {number}" for number in range(1000)), namespace=namespace)
        made.wait(lambda: made.metric("fluentbit_output_retries_total") > 0)
        receiver.heal()
        made.wait(lambda: len(receiver) >= 2000)
    lines = Counter(record["log"] for record in receiver.records)
    assert lines == Counter(f"{namespace} {number}" for namespace in ("shop", "prd") for number in range(1000))
    common = {"job": "fluent-bit", "cluster": "eks", "pipeline": "application", "container": "app"}
    assert sorted(stream["namespace"] for stream in receiver.streams) == ["prd", "shop"]
    assert [common.items() <= stream.items() for stream in receiver.streams] == [True, True]


@pytest.mark.parametrize("over", ["HTTP", "gRPC"])
def test_otlp_has_fields_as_attributes(over: str, tmp_path: Path, node: Callable[..., Node]) -> None:
    """After an outage at the start, each line is the body of one log record, with the time and the pod of the line."""
    with (OtlpReceiver if over == "HTTP" else OtlpGrpcReceiver)(tls=tmp_path / "pki") as receiver:
        receiver.fail("503")
        place = {"host": HOST, "port": receiver.port, "tls": {"caFile": str(receiver.ca)}}
        made = node(metadata={"from": "tag"}, outputs={"otlp": {"type": "otlp", "grpc": over == "gRPC", **place}})
        made.write("web-1", *(str(number) for number in range(2000)))
        made.wait(lambda: made.metric("fluentbit_output_retries_total") > 0)
        receiver.heal()
        made.wait(lambda: len(receiver) >= 2000)
    assert sorted(int(record["log"]) for record in receiver.records) == [*range(2000)]
    first = receiver.records[0]
    assert first.items() >= {"cluster": "eks", "pipeline": "application", "node": "node-1"}.items()
    assert first["kubernetes"] == {"namespace_name": "shop", "pod_name": "web-1", "container_name": "app"}
    written = datetime.fromisoformat(NOW.replace("000000001Z", "000000+00:00"))
    assert {record["time"] for record in receiver.records} == {int(written.timestamp()) * 10**9 + 1}


def test_two_backends_get_every_record(tmp_path: Path, node: Callable[..., Node], backend: JsonReceiver) -> None:
    """CloudWatch Logs and an HTTP backend receive each record once, although one of them is unavailable at first."""
    with CloudWatchLogs(tmp_path / "pki") as api:
        cloudwatch = {"enabled": True, "endpoint": HOST, "port": api.port, "tls": {"caFile": str(api.ca)}}
        backend.fail("503")
        made = node(metadata={"from": "tag"}, outputs={"cloudwatch": cloudwatch, "backend": http(backend.port)})
        made.write("web-1", *(str(number) for number in range(2000)))
        group = "/aws/containerinsights/eks/application"
        made.wait(lambda: group in api.groups() and len(api.messages(group)) >= 2000)
        backend.heal()
        made.wait(lambda: len(backend.records) >= 2000)
        made.stop()
        stored = [json.loads(message) for message in api.messages(group)]
        assert api.streams(group) == {"node-1-application.pods.shop_web-1_app"}
    for records in (stored, backend.records):
        assert sorted(int(record["log"]) for record in records) == [*range(2000)]
        assert records[0].items() >= {"cluster": "eks", "pipeline": "application", "node": "node-1"}.items()


def test_namespaces_are_split_between_outputs(node: Callable[..., Node], backend: JsonReceiver) -> None:
    """With globs in `match.namespaces`, each record reaches only the output of its namespace, once."""
    with JsonReceiver() as other:
        outputs = {
            "backend": http(backend.port, match={"namespaces": {"include": ["shop*", "default"]}}),
            "other": http(other.port, match={"namespaces": {"exclude": ["shop*", "default"]}}),
        }
        made = node(metadata={"from": "tag"}, outputs=outputs)
        expected: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
        for namespace in ("shop", "shop-2", "default", "default-2", "my-shop", "kube-system"):
            lines = [f"{namespace} {number}" for number in range(200)]
            # The pod and its container are named like another namespace.
            made.write("shop", *lines, namespace=namespace)
            expected[namespace.startswith("shop") or namespace == "default"].update(lines)
        made.wait(lambda: len(backend.records) >= 600 and len(other.records) >= 600)
        made.stop()
        assert Counter(record["log"] for record in backend.records) == expected[True]
        assert Counter(record["log"] for record in other.records) == expected[False]


def test_records_are_joined_parsed_and_bounded(node: Callable[..., Node], backend: JsonReceiver) -> None:
    """A stack trace is one record, JSON fields are below `log_processed`, and records above the rate are dropped."""
    wanted = {"multiline": ["java"], "parseJson": True, "rateLimit": 100}
    made = node(metadata={"from": "tag"}, application=wanted)
    trace = ["Exception in thread main java.lang.RuntimeException: no", "\tat x.A.b(A.java:1)", "\tat x.A.c(A.java:2)"]
    made.write("web-1", "plain", '{"level": "info", "user": 7}', *trace, "after")
    made.wait(lambda: len(backend.records) >= 4)
    assert [record.get("log") for record in backend.records] == ["plain", None, "\n".join(trace), "after"]
    assert backend.records[1]["log_processed"] == {"level": "info", "user": 7}
    names = {"namespace_name": "shop", "pod_name": "web-1", "container_name": "app"}
    assert [record["kubernetes"] for record in backend.records] == [names] * 4
    made.write("web-2", *map(str, range(5000)))
    dropped = 'fluentbit_filter_drop_records_total{name="rate-application"}'
    made.wait(lambda: made.metric(dropped) + len(backend.records) == 5004)
    assert len(backend.records) < 2000


@pytest.mark.parametrize("join", [True, False], ids=["joined", "apart"])
def test_parts_of_a_line(join: bool, node: Callable[..., Node], backend: JsonReceiver) -> None:
    """Parts of a line are joined, or one record each; without joining, an endless line uses no additional memory."""
    made = node(metadata={"from": "tag"}, joinParts=join)
    parts = 3 if join else 2000
    made.write("web-1", *("x" * 16384 for _ in range(parts)), flag="P")
    made.write("web-1", "end", "after")
    made.wait(lambda: any(record["log"] == "after" for record in backend.records))
    made.wait(lambda: len(backend.records) >= (2 if join else parts + 2))
    whole = Counter({"x" * 16384 * parts + "end": 1} if join else {"x" * 16384: parts, "end": 1})
    assert Counter(record["log"] for record in backend.records) == whole + Counter(["after"])
    flags = Counter({None: 2} if join else {"P": parts, "F": 2})
    assert Counter(record.get("_p") for record in backend.records) == flags
    assert made.peak_mebibytes() < 64 + 2 * 32


def test_journal_is_parted_into_data_plane_and_host(
    tmp_path: Path, node: Callable[..., Node], backend: JsonReceiver
) -> None:
    """Kubelet entries are in the data plane pipeline, kernel entries in the host pipeline, and others are not read."""
    writer = shutil.which("systemd-journal-remote", path=f"{os.environ['PATH']}:/lib/systemd")
    if writer is None:
        pytest.skip("needs systemd-journal-remote on PATH, which writes a journal")
    said = [("kubelet", "_SYSTEMD_UNIT=kubelet.service"), ("kernel", "_TRANSPORT=kernel"), ("x", "_SYSTEMD_UNIT=x")]
    common = f"_BOOT_ID={'1' * 32}\n_MACHINE_ID={'2' * 32}\n_HOSTNAME=node-1\nPRIORITY=3\n"
    times = f"__REALTIME_TIMESTAMP={time.time_ns() // 1000}\n__MONOTONIC_TIMESTAMP=1\n"
    entries = [f"{times}{common}MESSAGE={name}: hello\nSYSLOG_IDENTIFIER={name}\n{field}\n" for name, field in said]
    (tmp_path / "journal" / ("2" * 32)).mkdir(parents=True)
    into = tmp_path / "journal" / ("2" * 32) / "system.journal"
    subprocess.run([writer, "-o", str(into), "-"], input="\n".join(entries) + "\n", text=True, check=True)
    made = node(metadata={"from": "tag"})
    made.wait(lambda: len(backend.records) >= 2)
    fields = ("pipeline", "identifier", "message", "systemd_unit", "hostname", "priority")
    found = {tuple(record.get(field) for field in fields) for record in backend.records}
    assert found == {
        ("dataplane", "kubelet", "kubelet: hello", "kubelet.service", "node-1", "3"),
        ("host", "kernel", "kernel: hello", None, "node-1", "3"),
    }
