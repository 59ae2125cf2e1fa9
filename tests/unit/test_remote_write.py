"""The remote write endpoint: authentication, counts and rejected requests."""

import http.client
import re
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from google.protobuf.internal import encoder

from harness.backends import remote_write
from harness.backends.receivers import HOST
from harness.backends.remote_write import Labels, RemoteWriteReceiver

REGION = "eu-west-1"
UP: Labels = (("__name__", "up"), ("job", "kubelet"))
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]


def post(receiver: RemoteWriteReceiver, body: bytes, **headers: str) -> int:
    """Send a request as Prometheus does; returns the status of the answer."""
    connection = http.client.HTTPConnection(HOST, receiver.port, timeout=5)
    kind = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
    connection.request("POST", remote_write.PATH, body, {**kind, **headers})
    status = connection.getresponse().status
    connection.close()
    return status


def write(receiver: RemoteWriteReceiver, points: dict[int, float]) -> int:
    return post(receiver, remote_write.encode({UP: points}))


def signed(receiver: RemoteWriteReceiver, body: bytes, **changes: Any) -> dict[str, str]:
    """Return the headers of a signed request; `changes` are what is wrong with it."""
    request = AWSRequest("POST", f"http://{HOST}:{receiver.port}{remote_write.PATH}", data=body)
    keys = Credentials(changes.get("key", "test"), changes.get("secret", "test"))
    signer = SigV4Auth(keys, changes.get("service", "aps"), changes.get("region", REGION))
    # What botocore's add_auth() does, at a time of ours.
    when = datetime.now(UTC) + changes.get("age", timedelta())
    request.context["timestamp"] = when.strftime("%Y%m%dT%H%M%SZ")
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    text = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(text, request))
    return dict(request.headers)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({}, "", id="as it should be"),
        pytest.param({"secret": "guess"}, "the signature does not match", id="wrong secret"),
        pytest.param({"key": "guess"}, "unknown access key guess", id="wrong key"),
        pytest.param(
            {"region": "us-east-1"}, "/us-east-1/aps/aws4_request, not for aps in eu-west-1", id="wrong region"
        ),
        pytest.param({"service": "logs"}, "not for aps in eu-west-1", id="wrong service"),
        pytest.param({"age": timedelta(minutes=-6)}, "not within 5 minutes of now", id="stale"),
        pytest.param({"age": timedelta(minutes=6)}, "not within 5 minutes of now", id="from the future"),
        pytest.param({"age": timedelta(minutes=-4)}, "", id="a slow clock"),
    ],
)
def test_signature_is_computed_anew(changes: dict[str, Any], reason: str) -> None:
    """Only a signature by the right key, for the right region and service, at about the right time lets in."""
    body = remote_write.encode({UP: {1000: 1.0}})
    with RemoteWriteReceiver(region=REGION) as receiver:
        status = post(receiver, body, **signed(receiver, body, **changes))
        assert (status, len(receiver.series)) == ((403, 0) if reason else (200, 1))
        assert len(receiver.reasons) == bool(reason)
        if reason:
            assert re.search(reason, receiver.reasons[0])


def test_signature_covers_the_body() -> None:
    """A modified body and a request without a signature are rejected."""
    body, other = (remote_write.encode({UP: {1000: number}}) for number in (1.0, 2.0))
    with RemoteWriteReceiver(region=REGION) as receiver:
        assert [post(receiver, other, **signed(receiver, body)), post(receiver, body)] == [403, 403]
        assert (receiver.unauthorized, receiver.samples) == (2, 0)


def test_samples_are_counted_once_per_series_and_time() -> None:
    """A repeated sample counts as repeated, one older than its series' newest as late, a stale marker as none."""
    with RemoteWriteReceiver() as receiver:
        for points in ({1000: 1.0, 2000: 2.0}, {2000: 2.0, 3000: 3.0}, {2500: 2.5}, {4000: STALE}):
            assert write(receiver, points) == 200
        assert receiver.select("up", job="kubelet") == {UP: {1000: 1.0, 2000: 2.0, 3000: 3.0, 2500: 2.5}}
        assert receiver.select("up", job="cadvisor") == {}
        assert (receiver.samples, receiver.repeated, receiver.late) == (5, 1, 1)
        assert (receiver.stale, receiver.names()) == ({UP: [4000]}, {"up"})
        assert [count for _, count in receiver.arrivals] == [2, 2, 1, 0]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        pytest.param([0, 1000, 2400, 3300], [], id="scraped late"),
        pytest.param([0, 1000, 3000, 4000, 7000], [(1000, 3000), (4000, 7000)], id="two scrapes missing"),
    ],
)
def test_gap_is_a_missing_scrape(points: list[int], expected: list[tuple[int, int]]) -> None:
    """A pause longer than the interval is told with its ends."""
    with RemoteWriteReceiver() as receiver:
        write(receiver, dict.fromkeys(points, 1.0))
        assert receiver.gaps(1) == ({UP: expected} if expected else {})


def test_series_that_was_declared_gone_has_no_gap() -> None:
    """Prometheus ends the series of a pod that went; that it comes back later is no lost sample."""
    with RemoteWriteReceiver() as receiver:
        write(receiver, {1000: 1.0, 2000: STALE, 9000: 1.0})
        assert receiver.gaps(1) == {}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        pytest.param(b"not packed", {}, 400, id="not packed"),
        pytest.param(b"\x02\x04\x0a\x7f", {}, 400, id="no message"),
        pytest.param(
            b"", {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}, 415, id="2.0"
        ),
    ],
)
def test_what_is_no_remote_write_is_rejected(body: bytes, headers: dict[str, str], status: int) -> None:
    """An unreadable body, or one of an unknown version, is rejected and not counted."""
    with RemoteWriteReceiver() as receiver:
        assert (post(receiver, body, **headers), receiver.samples, receiver.arrivals) == (status, 0, [])


def test_unknown_fields_are_skipped() -> None:
    """Exemplars and native histograms of a series do not keep its samples from being read."""
    plain = remote_write._messages()["WriteRequest"]()
    series = plain.timeseries.add()
    series.labels.add(name="__name__", value="up")
    series.samples.add(value=1.0, timestamp=1)
    exemplar = encoder.TagBytes(3, 2) + b"\x02\x08\x01"
    inner = series.SerializeToString() + exemplar
    body = encoder.TagBytes(1, 2) + bytes([len(inner)]) + inner
    message = remote_write.decode(bytes(remote_write.cramjam.snappy.compress_raw(body)))
    assert [sample.value for sample in message.timeseries[0].samples] == [1.0]


@pytest.mark.parametrize("kind", ["429", "500"])
def test_trouble_is_answered_on_request(kind: str) -> None:
    """While it is in trouble nothing is taken; afterwards everything is."""
    with RemoteWriteReceiver() as receiver:
        receiver.fail(kind)
        assert (write(receiver, {1000: 1.0}), receiver.samples) == (int(kind), 0)
        receiver.heal()
        assert (write(receiver, {1000: 1.0}), receiver.samples, receiver.failed) == (200, 1, {kind: 1})


def test_outage_refuses_connections_and_keeps_the_port(tmp_path: Path) -> None:
    """During an outage nobody listens; afterwards the same address serves again, over TLS too."""
    with RemoteWriteReceiver(tls=tmp_path / "pki") as receiver:
        port = receiver.port
        receiver.fail("refuse")
        with pytest.raises(ConnectionRefusedError):
            post(receiver, b"")
        receiver.heal()
        assert receiver.port == port
