"""Backends that reject records: what is stored, what is lost, and what the metrics of a node agent say about it."""

import functools
import itertools
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.backends.aws import Aws
from harness.backends.ports import own_address
from harness.backends.receivers import HOST, BulkReceiver, JsonReceiver

from .node import Node

pytestmark = pytest.mark.slow
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to listen where AWS does")
OFF = {"enabled": False}
CHUNK = 200


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Aws]:
    """AWS with the bucket `logs`; Fluent Bit connects to port 443 of an endpoint."""
    with Aws(tmp_path / "pki", host=own_address(), port=443) as stand_in:
        stand_in.client("s3").create_bucket(Bucket="logs")
        yield stand_in


def only(kind: str, **options: Any) -> dict[str, Any]:
    """Return values with one output, for the logs of pods."""
    output = {"type": kind, **options}
    return {"metadata": {"from": "tag"}, "dataplane": OFF, "host": OFF, "outputs": {"backend": output}}


def archive(aws: Aws, **options: Any) -> dict[str, Any]:
    """Return values with an output to the bucket."""
    place = {"bucket": "logs", "endpoint": aws.host, "tls": {"caFile": str(aws.ca)}}
    return only("s3", uploadTimeout="1s", **place, **options)


def output(agent: Node, metric: str) -> int:
    """Return a metric of the agent's outputs."""
    return int(agent.metric(f"fluentbit_output_{metric}_total"))


def written(agent: Node, line: str, *, until: Callable[[], bool]) -> int:
    """Write numbered lines, each chunk when the agent has read the last; return their number."""
    for lines in itertools.count(0, CHUNK):
        agent.wait(functools.partial(has_read, agent, lines))
        if until():
            return lines
        agent.write("web-1", *(line.format(number) for number in range(lines, lines + CHUNK)))
    raise AssertionError


def has_read(agent: Node, lines: int) -> bool:
    return agent.metric("fluentbit_input_records_total") >= lines


def stored(aws: Aws) -> Counter[str]:
    """Return how often the bucket has each line."""
    bucket = aws.client("s3")
    objects = bucket.list_objects_v2(Bucket="logs").get("Contents", [])
    texts = [bucket.get_object(Bucket="logs", Key=each["Key"])["Body"].read().decode() for each in objects]
    return Counter(json.loads(line)["log"] for text in texts for line in text.replace("}{", "}\n{").splitlines())


@needs_root
@pytest.mark.parametrize("kind", ["403", "503"])
@pytest.mark.parametrize("killed", [False, True], ids=["running", "killed"])
def test_bucket_that_refuses_costs_nothing(kind: str, killed: bool, aws: Aws, node: Callable[..., Node]) -> None:
    """Records that S3 refuses are uploaded once when it accepts them, also by an agent that starts meanwhile."""
    made = node(**archive(aws))
    aws.fail(kind)
    lines = written(made, "{}", until=lambda: output(made, "errors") >= 2)
    assert made.metric("fluentbit_output_errors_total", name="backend.s3") == output(made, "errors")
    if killed:
        made.kill()
        made = node(**archive(aws))
    aws.heal()
    made.write("web-1", str(lines))
    made.wait(lambda: len(stored(aws)) == lines + 1)
    made.stop()
    assert stored(aws) == Counter(str(number) for number in range(lines + 1))


@needs_root
def test_bucket_that_refuses_for_long_costs_what_is_counted(aws: Aws, node: Callable[..., Node]) -> None:
    """When neither files nor chunks have room, each lost record counts as dropped; only failed uploads count others."""
    made = node(**archive(aws, storage={"totalLimitSize": "1M"}))
    aws.fail("403")
    lines = written(made, "{} " + "x" * 1000, until=lambda: output(made, "dropped_records") >= 3000)
    assert made.kept_mebibytes() < 4
    aws.heal()
    made.wait(lambda: made.metric("fluentbit_storage_chunks") == 0)
    dropped, kept = output(made, "dropped_records"), output(made, "errors") * CHUNK
    made.stop()
    found = stored(aws)
    assert set(found.values()) == {1}
    assert dropped - kept <= lines - len(found) <= dropped


def test_document_with_a_conflict_delays_only_its_chunk(node: Callable[..., Node]) -> None:
    """If an index rejects one document in three, it has the others once, and the chunk is retried, and not lost."""
    with BulkReceiver(conflicts=lambda document: int(document["log"]) % 3 == 0) as index:
        made = node(**only("opensearch", host=HOST, port=index.port, tls=OFF))
        made.write("web-1", *(str(number) for number in range(90)))
        made.wait(lambda: output(made, "retries") >= 2)
        made.write("web-2", "91")
        made.wait(lambda: output(made, "proc_records") == 1)
        assert Counter(record["log"] for record in index.records) == Counter(
            str(number) for number in [*range(90), 91] if number % 3
        )
        assert (output(made, "errors"), output(made, "dropped_records")) == (0, 0)
        made.kill()


def test_document_with_a_conflict_is_given_up_after_its_retries(node: Callable[..., Node]) -> None:
    """With `retryLimit`, the records of such a chunk count as dropped, also those that are stored."""
    with BulkReceiver(conflicts=lambda document: int(document["log"]) % 3 == 0) as index:
        made = node(**only("opensearch", host=HOST, port=index.port, tls=OFF, retryLimit=1))
        made.write("web-1", *(str(number) for number in range(90)))
        made.wait(lambda: output(made, "dropped_records") == 90)
        assert (len(index.records), output(made, "retries_failed")) == (60, 1)


@needs_root
def test_group_that_denies_access_costs_nothing(aws: Aws, node: Callable[..., Node]) -> None:
    """CloudWatch Logs gets each record once when the role has its permissions; until then, chunks are retried."""
    logs = aws.client("logs")
    made = node(**only("cloudwatch", endpoint=aws.host, tls={"caFile": str(aws.ca)}))
    aws.fail("403")
    made.write("web-1", *(str(number) for number in range(90)))
    made.wait(lambda: output(made, "retries") >= 2)
    assert (output(made, "errors"), output(made, "dropped_records")) == (0, 0)
    aws.heal()
    made.wait(lambda: output(made, "proc_records") == 90)
    events = logs.filter_log_events(logGroupName="/aws/containerinsights/eks/application")["events"]
    assert Counter(json.loads(event["message"])["log"] for event in events) == Counter(map(str, range(90)))


@pytest.mark.parametrize("kind", ["400", "401", "403"])
def test_endpoint_that_rejects_loses_what_is_counted(
    kind: str, node: Callable[..., Node], backend: JsonReceiver
) -> None:
    """With HTTP, a chunk that the endpoint rejects is dropped at once, with its records and an error counted."""
    made = node(**only("http", host=HOST, port=backend.port, tls=OFF))
    backend.fail(kind)
    made.write("web-1", *(str(number) for number in range(90)))
    made.wait(lambda: output(made, "dropped_records") == 90)
    assert (output(made, "errors"), output(made, "retries")) == (backend.failed[kind], 0)
    backend.heal()
    made.write("web-1", "next")
    made.wait(lambda: len(backend.records) == 1)
    assert [record["log"] for record in backend.records] == ["next"]
