"""AWS stand-ins on this machine's loopback address; no request reaches AWS."""

import contextlib
import io
import json
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import boto3
from moto.backends import get_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from harness.backends.pki import Authority
from harness.backends.ports import free_port, in_url
from harness.backends.receivers import Trouble

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HOST = "127.0.0.1"
_PAUSE_SECONDS = 0.4
REGION = "us-east-1"
_NUMBER = "x-amzn-RequestId"
_FAULTS = {
    "429": ("400 Bad Request", "ThrottlingException"),
    "403": ("400 Bad Request", "AccessDeniedException"),
    "503": ("503 Service Unavailable", "ServiceUnavailableException"),
}
# The stand-in accepts any credentials, but clients sign only when they have some.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        """Do not log: a line per request would hide the output of a test."""


class Aws(Trouble):
    """The APIs of AWS, by moto, over TLS, which agents require; also a context manager.

    It can fail, see `Trouble`; for 429 and 403 it answers as AWS does, with the name of the error and, except for S3,
    status 400. Its data is deleted when it ends.

    Args:
        folder: folder for its certificates; must not exist.
        host: address of this machine to listen on.
        port: port to listen on; 0: any free port.
        names: further host names in its certificate.

    Attributes:
        host, port: address of the server.
        ca: certificate of the CA that signed the server certificate.
    """

    def __init__(self, folder: Path, *, host: str = HOST, port: int = 0, names: Sequence[str] = ()) -> None:
        super().__init__()
        authority = Authority(folder)
        authority.issue("server", "aws", hosts=("localhost", ip_address(host), *names))
        self.ca = folder / "ca.crt"
        self._certificate = (str(folder / "server.crt"), str(folder / "server.key"))
        self._application = _Moody(DomainDispatcherApplication(create_backend_app), self)
        self._server: BaseWSGIServer | None = None
        self._clients: dict[str, Any] = {}
        self.host = host
        self.port = port or free_port(host)
        self._listen()

    def client(self, service: str) -> Any:
        """Return a boto3 client for a service, for example ``s3``."""
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                region_name=REGION,
                endpoint_url=f"https://{in_url(self.host)}:{self.port}",
                verify=str(self.ca),
                aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            )
        return self._clients[service]

    def fail(self, kind: str) -> None:
        super().fail(kind)
        if kind == "refuse":
            self._close()
        else:
            self._listen()

    def heal(self) -> None:
        super().heal()
        self._listen()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        for service, client in self._clients.items():
            client.close()
            # moto's state is shared within the process; reset it for the next stand-in.
            get_backend(service).reset()  # type: ignore[call-overload]

    def fail_between_chunks(self, kind: str) -> None:
        """Fail as by `fail`, but not between two requests of an agent for the same chunk, which it would then repeat.

        Fluent Bit sends the requests of a chunk immediately one after the other, and then waits for its next flush.

        Raises:
            TimeoutError: the agent sends without a pause.
        """
        deadline = time.monotonic() + 60
        while self._application.seconds_without_write() < _PAUSE_SECONDS:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no pause of {_PAUSE_SECONDS} s between writes in 60 s")
            time.sleep(0.01)
        self.fail(kind)

    def _listen(self) -> None:
        deadline = time.monotonic() + 10
        while self._server is None:
            try:
                self._server = make_server(
                    self.host,
                    self.port,
                    self._application,
                    threaded=True,
                    request_handler=_Quiet,
                    ssl_context=self._certificate,
                )
            except SystemExit:
                # Another socket has the address, perhaps the one that was closed just before.
                if time.monotonic() > deadline:
                    raise OSError(f"{self.host}:{self.port} is taken; stop the program that listens there") from None
                time.sleep(0.1)
            else:
                threading.Thread(target=self._server.serve_forever, name="aws", daemon=True).start()

    def _close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class CloudWatchLogs(Aws):
    """A CloudWatch Logs API."""

    def __init__(self, folder: Path, *, host: str = HOST, port: int = 0, names: Sequence[str] = ()) -> None:
        super().__init__(folder, host=host, port=port, names=names)
        self._client = self.client("logs")

    @property
    def formats(self) -> set[str]:
        """The formats that requests state for their events (`x-amzn-logs-format`)."""
        return {stated for stated, _ in self._application.puts if stated}

    def entities(self) -> dict[str, Any]:
        """Return the newest entity of each log stream."""
        puts = [json.loads(body) for _, body in self._application.puts]
        return {put["logStreamName"]: put["entity"] for put in puts if "entity" in put}

    def groups(self) -> set[str]:
        """Return the names of the log groups."""
        pages = self._client.get_paginator("describe_log_groups").paginate()
        return {group["logGroupName"] for page in pages for group in page["logGroups"]}

    def retention(self) -> dict[str, int | None]:
        """Return the retention of each log group in days; ``None`` if events never expire."""
        pages = self._client.get_paginator("describe_log_groups").paginate()
        return {group["logGroupName"]: group.get("retentionInDays") for page in pages for group in page["logGroups"]}

    def streams(self, group: str) -> set[str]:
        """Return the names of the streams in a group."""
        pages = self._client.get_paginator("describe_log_streams").paginate(logGroupName=group)
        return {stream["logStreamName"] for page in pages for stream in page["logStreams"]}

    def newest(self, group: str) -> float:
        """Return the time of the newest event in a group, in seconds since the epoch; 0 if there is none."""
        if group not in self.groups():
            return 0
        pages = self._client.get_paginator("describe_log_streams").paginate(logGroupName=group)
        # A new stream has no events yet.
        times = [stream.get("lastEventTimestamp", 0) for page in pages for stream in page["logStreams"]]
        return max(times, default=0) / 1000

    def messages(self, group: str) -> list[str]:
        """Return the messages of all streams in a group; none if the group does not exist."""
        if group not in self.groups():
            return []
        pages = self._client.get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]


class Kinesis(Aws):
    """A Kinesis API with one data stream, whose records are lines of JSON.

    Args:
        folder: folder for its certificates; must not exist.
        stream: name of the stream.
    """

    def __init__(self, folder: Path, *, stream: str) -> None:
        super().__init__(folder)
        # Of two requests at a time, moto overwrites records (`Shard.put_record`: "not safe for concurrency").
        self._application.one_by_one = threading.Lock()
        self._stream = stream
        self._client = self.client("kinesis")
        self._client.create_stream(StreamName=stream, ShardCount=1)

    @property
    def records(self) -> list[dict[str, Any]]:
        """The lines of the stream's records, in order."""
        data: list[bytes] = []
        at = self._client.get_shard_iterator(
            StreamName=self._stream, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while found := (answer := self._client.get_records(ShardIterator=at))["Records"]:
            data += [record["Data"] for record in found]
            at = answer["NextShardIterator"]
        return [json.loads(line) for lines in data for line in lines.splitlines()]

    def __len__(self) -> int:
        return len(self.records)

    def lines(self, field: str = "log") -> list[bytes]:
        """Return one field of every record, in order."""
        return [record[field].encode() for record in self.records]


class _Moody:
    """Answers with the current trouble instead of the API; for `lost`, the API first handles the request.

    Attributes:
        one_by_one: held while the API handles a request.
        puts: the stated format and the body of each request with log events.
    """

    def __init__(self, application: "WSGIApplication", trouble: Trouble) -> None:
        self._application = application
        self._trouble = trouble
        self._lock = threading.Lock()
        self.one_by_one: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        self.puts: list[tuple[str, bytes]] = []
        self._writes = 0
        self._last_write = 0.0

    def seconds_without_write(self) -> float:
        """Return how long ago log events were last written; 0 while some are being written."""
        with self._lock:
            return 0.0 if self._writes else time.monotonic() - self._last_write

    @contextlib.contextmanager
    def _counted(self, target: str) -> Iterator[None]:
        change = int(target.endswith(".PutLogEvents"))
        with self._lock:
            self._writes += change
        try:
            yield
        finally:
            with self._lock:
                self._writes -= change
                self._last_write = time.monotonic() if change else self._last_write

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        kind = self._trouble.kind
        if not kind:
            if environ.get("HTTP_X_AMZ_TARGET", "").endswith(".PutLogEvents"):
                body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                environ = {**environ, "wsgi.input": io.BytesIO(body)}
                self.puts.append((environ.get("HTTP_X_AMZN_LOGS_FORMAT", ""), body))
            with self._counted(environ.get("HTTP_X_AMZ_TARGET", "")), self.one_by_one:
                return self._application(environ, _numbered(start_response))
        self._trouble.count_failure()
        # Unread data would be parsed as the next request on this connection.
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if kind == "lost":
            list(self._application({**environ, "wsgi.input": io.BytesIO(body)}, _nowhere))
        status, fault = _FAULTS.get(kind, ("500 Internal Server Error", "ServiceUnavailableException"))
        if kind == "403" and "HTTP_X_AMZ_TARGET" not in environ:
            status = "403 Forbidden"
        answer = json.dumps({"__type": fault, "message": "not now"}).encode()
        start_response(status, [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(answer)))])
        return [answer]


def _numbered(start_response: "StartResponse") -> "StartResponse":
    """Add the request ID of AWS to each answer: Fluent Bit 1.9.10 rejects answers without it."""

    def start(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
        kept = [(name, value) for name, value in headers if name.lower() != _NUMBER.lower()]
        return start_response(status, [*kept, (_NUMBER, str(uuid4()))], error)

    return start


def _nowhere(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
    """Discard an answer."""
    return bytes.__len__
