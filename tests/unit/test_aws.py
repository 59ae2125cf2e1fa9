"""The stand-ins for CloudWatch Logs and Kinesis."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.backends.aws import CloudWatchLogs, Kinesis
from harness.backends.ports import own_address


@pytest.mark.slow
def test_one_stand_in_does_not_see_what_another_was_sent(tmp_path: Path) -> None:
    """Groups are there while it runs, and gone for the next one of the same process."""
    with CloudWatchLogs(tmp_path / "first") as api:
        api.client("logs").create_log_group(logGroupName="first")
        assert api.groups() == {"first"}
    with CloudWatchLogs(tmp_path / "second") as api:
        assert api.groups() == set()


def test_it_waits_for_its_address(tmp_path: Path) -> None:
    """An address that another socket still has for a moment is not an error."""
    taken = socket.create_server((own_address(), 0))
    host, port = taken.getsockname()
    threading.Timer(0.5, taken.close).start()
    with CloudWatchLogs(tmp_path / "pki", host=host, port=port) as api:
        assert api.groups() == set()


def test_stream_keeps_the_records_of_requests_at_the_same_time(tmp_path: Path) -> None:
    """Two clients write at once, and every record is in the stream once."""
    with Kinesis(tmp_path / "pki", stream="logs") as stream:
        client = stream.client("kinesis")

        def put(batch: int) -> None:
            lines = [f'{{"log": "{batch}-{number}"}}\n' for number in range(500)]
            records = [{"Data": line.encode(), "PartitionKey": "a"} for line in lines]
            client.put_records(StreamName="logs", Records=records)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(put, range(6)))
        assert sorted(stream.lines()) == sorted(
            f"{batch}-{number}".encode() for batch in range(6) for number in range(500)
        )
