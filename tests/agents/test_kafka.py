"""Kafka brokers receive every record once, also after an outage, over TLS and with credentials."""

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness.backends.aws import CREDENTIALS
from harness.backends.kafka import Kafka
from harness.loss.count import count

from .test_backends import LINES, SECRET, Start, arrive

pytestmark = pytest.mark.slow
CLUSTER = "arn:aws:kafka:eu-west-1:111122223333:cluster/shop/5b1a-7"


def to_kafka(broker: Kafka, **block: Any) -> dict[str, Any]:
    """Return values with an output to a broker, by default without TLS."""
    output = {"type": "kafka", "brokers": f"127.0.0.1:{broker.port}", "topics": "logs", "tls": {"enabled": False}}
    return {"logs": {"labels": {"cluster": "c 1"}}, "outputs": {"stdout": {"enabled": False}, "kafka": output | block}}


@pytest.mark.parametrize("compress", ["lz4", "gzip", "snappy", ""])
def test_every_record_arrives_once_after_an_outage(sidecar: Start, compress: str) -> None:
    """A broker that starts after the agent gets every record once, with its fields and its time."""
    broker = Kafka()
    started = sidecar(to_kafka(broker, compress=compress))
    written = started.write(LINES)
    started.wait_for(lambda: "Connection refused" in started.errors())
    with broker:
        arrive(started, broker, written, ordered=False)
    time = datetime.fromisoformat(broker.records[0]["@timestamp"])
    assert abs(datetime.now(UTC) - time).total_seconds() < 600


def test_scram_over_tls(sidecar: Start, tmp_path: Path) -> None:
    """Records arrive over TLS with a private CA, and with user and password from Secrets."""
    with Kafka(tls=tmp_path / "pki", user="shop", password="p$ {w}") as broker:
        block = {"saslUsername": SECRET, "saslPassword": SECRET, "tls": {"caSecret": SECRET}}
        secrets = {"OUTPUT_KAFKA__SASL_USERNAME": "shop", "OUTPUT_KAFKA__SASL_PASSWORD": "p$ {w}"}
        started = sidecar(to_kafka(broker, **block), secrets=secrets, ca=broker.ca)
        arrive(started, broker, started.write(LINES), ordered=False)


def test_long_outage_loses_nothing(sidecar: Start) -> None:
    """Records that librdkafka has no memory for wait on disk; those of one chunk, at most 2 MB, can be duplicated."""
    broker = Kafka()
    started = sidecar(to_kafka(broker))
    written = started.write("--lines 120000 --rate 40000")
    # Fluent Bit waits for memory ten times, one second each, before it retries the chunk.
    started.wait_for(lambda: started.errors().count("internal queue is full") > 10)
    with broker:
        started.wait_for(lambda: len({message["value"] for message in broker.messages}) >= written)
        report = count(broker.lines(), written)
    assert (report.lost, report.mangled, report.unknown) == (0, 0, 0)
    assert report.duplicated < 12_000


@pytest.mark.parametrize("wrong", ["CA", "password"])
def test_strangers_get_nothing(sidecar: Start, tmp_path: Path, wrong: str) -> None:
    """A broker with a certificate of another CA, or that rejects the password, gets no record."""
    with Kafka(tls=tmp_path / "pki", user="shop", password="secret") as broker:
        tls = {} if wrong == "CA" else {"caSecret": SECRET}
        block = {"saslUsername": "shop", "saslPassword": SECRET, "tls": tls}
        password = "wrong" if wrong == "password" else "secret"
        started = sidecar(to_kafka(broker, **block), secrets={"OUTPUT_KAFKA__SASL_PASSWORD": password}, ca=broker.ca)
        started.write(LINES)
        reason = {"CA": "certificate verify failed", "password": "SASL"}[wrong]
        started.wait_for(lambda: reason in started.errors())
        assert len(broker) == 0


def test_iam_signs_in(sidecar: Start, tmp_path: Path) -> None:
    """The token for Amazon MSK is a URL that the credentials sign for the Region and service, and that expires."""
    with Kafka(tls=tmp_path / "pki") as broker:
        block = {"awsMskIamClusterArn": CLUSTER, "tls": {"caSecret": SECRET}}
        started = sidecar(to_kafka(broker, **block), ca=broker.ca)
        arrive(started, broker, started.write(LINES), ordered=False)
    token = broker.tokens[0]
    url = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    signed, _, rest = url.partition("&X-Amz-Signature=")
    query = dict(parse_qsl(urlsplit(signed).query))
    assert signed.startswith("https://kafka.eu-west-1.amazonaws.com/?")
    assert (query["Action"], query["X-Amz-Expires"]) == ("kafka-cluster:Connect", "900")
    keys = Credentials(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])
    signer = SigV4QueryAuth(keys, "kafka-cluster", "eu-west-1")
    request = AWSRequest("GET", signed)
    request.context["timestamp"] = query["X-Amz-Date"]
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert rest.split("&")[0] == signer.signature(text, request)


def test_topics_and_keys(sidecar: Start) -> None:
    """A field selects one of the topics, others get the first; a field is the key, and `raw` sends the line alone."""
    files = [{"name": name, "path": f"/var/log/app/{name}.log"} for name in ("app", "audit", "other")]
    with Kafka(topics="app,audit") as broker:
        block = {"topics": "app,audit", "topicKey": "file", "messageKeyField": "pod", "format": "raw"}
        values = to_kafka(broker, **block)
        values["logs"]["files"] = files
        started = sidecar(values)
        for file in files:
            started.file.with_name(f"{file['name']}.log").write_text(f"of {file['name']}\n")
        started.wait_for(lambda: len(broker) >= len(files))
    found = sorted((message["topic"], message["key"], message["value"]) for message in broker.messages)
    assert found == [("app", "shop-0", "of app"), ("app", "shop-0", "of other"), ("audit", "shop-0", "of audit")]


def test_rejected_messages_are_logged(sidecar: Start) -> None:
    """The broker rejects one message that is too large: it is logged, and the others of its chunk arrive."""
    with Kafka() as broker:
        values = to_kafka(broker, compress="")
        values["sidecar"] = {"fluentBit": {"bufferMaxSize": "4M"}}
        started = sidecar(values)
        started.file.write_text(f"first\n{'x' * 1_100_000}\nlast\n")
        started.wait_for(lambda: len(broker) >= 2)
        warnings = started.metric("fluentbit_logger_logs_total", message_type="warn")
        # Fluent Bit asks for the results of its messages when it sends the next ones.
        with started.file.open("a") as file:
            file.write("next\n")
        started.wait_for(lambda: "Broker: Message size too large" in started.errors() and len(broker) >= 3)
        assert sorted(broker.lines()) == [b"first", b"last", b"next"]
        started.wait_for(lambda: started.metric("fluentbit_logger_logs_total", message_type="warn") == warnings + 1)
        assert started.metric("fluentbit_output_dropped_records_total", name="kafka") == 0
