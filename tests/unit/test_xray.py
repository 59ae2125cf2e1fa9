"""The X-Ray stand-in: signed documents are stored once, other requests are rejected."""

import json
import time
from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError

from harness.backends.aws import CREDENTIALS
from harness.backends.receivers import HOST
from harness.backends.xray import XRay

NOW = time.time()
TRACE = f"1-{int(NOW):08x}-0123456789abcdef01234567"
DOCUMENT = {"name": "a", "id": "0123456789abcdef", "trace_id": TRACE, "start_time": NOW, "end_time": NOW}


@pytest.fixture
def xray() -> Iterator[XRay]:
    with XRay("eu-west-1") as made:
        yield made


def put(xray: XRay, region: str, *documents: dict[str, object]) -> None:
    client = boto3.client(
        "xray",
        region_name=region,
        endpoint_url=xray.url,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )
    try:
        client.put_trace_segments(TraceSegmentDocuments=[json.dumps(document) for document in documents])
    finally:
        client.close()


def test_a_segment_is_there_once(xray: XRay) -> None:
    """A document that is sent again, as after a lost answer, takes the place of the first; it is known who sent it."""
    for _ in range(2):
        put(xray, "eu-west-1", DOCUMENT, {**DOCUMENT, "id": "fedcba9876543210"})
    assert sorted(document["id"] for document in xray.segments()[TRACE]) == ["0123456789abcdef", "fedcba9876543210"]
    assert (xray.host, xray.reasons) == (HOST, [])
    assert xray.senders == {TRACE: {HOST}}


def test_one_api_does_not_see_what_another_was_sent(xray: XRay) -> None:
    """Segments are there while it runs, and gone for the next one of the same process."""
    with XRay("eu-west-1") as other:
        put(other, "eu-west-1", DOCUMENT)
        assert other.segments().keys() == {TRACE}
    assert xray.segments() == {}


def test_what_is_signed_for_another_region_is_rejected(xray: XRay) -> None:
    """It says for which region it was signed."""
    with pytest.raises(ClientError, match="not for xray in eu-west-1"):
        put(xray, "us-east-1", {})
    assert xray.senders == {}
