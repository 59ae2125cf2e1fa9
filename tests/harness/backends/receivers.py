"""Backends on this machine's loopback address: they record requests, and fail on demand."""

import base64
import contextlib
import gzip
import hmac
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness.backends.pki import Authority
from harness.backends.ports import family, free_port

HOST = "127.0.0.1"
_KEYS = Credentials("test", "test")
# AWS accepts a signature for this long (Signature Version 4: "within five minutes").
_SKEW = timedelta(minutes=5)
# Kinds of trouble: an HTTP status; `refuse`: connections refused; `lost`: request accepted, response dropped;
# `partial` (Bulk only): every third document of a request is rejected with 429.
TROUBLES = ("400", "401", "403", "500", "503", "429", "refuse", "lost", "partial")


class Trouble:
    """The current failure of a backend; shared by all stand-ins."""

    def __init__(self) -> None:
        self.kind = ""
        self.failed: dict[str, int] = {}

    def fail(self, kind: str) -> None:
        """Answer every request with this failure until `heal`.

        Raises:
            ValueError: the kind is unknown.
        """
        if kind not in TROUBLES:
            raise ValueError(f"{kind!r}: choose one of {', '.join(TROUBLES)}")
        self.kind = kind

    def heal(self) -> None:
        """Return to normal answers."""
        self.kind = ""

    def suffer(self, kinds: Sequence[str], *, seconds: float) -> None:
        """Fail for a time, divided equally among the kinds, then heal; blocks until done."""
        try:
            for kind in kinds:
                self.fail(kind)
                time.sleep(seconds / len(kinds))
        finally:
            self.heal()

    def count_failure(self) -> None:
        """Record that a request got the current failure."""
        self.failed[self.kind] = self.failed.get(self.kind, 0) + 1


class Request:
    """A received request with its decompressed body."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self.client: str = handler.client_address[0]
        self.method = handler.command
        self.path = handler.path
        self.headers = handler.headers
        self.raw = handler.rfile.read(int(self.headers.get("Content-Length") or 0))
        packed = self.headers.get("Content-Encoding") == "gzip"
        self.body = gzip.decompress(self.raw) if packed else self.raw


class Receiver(Trouble):
    """A small HTTP server; also a context manager. `records` are the accepted JSON objects, in order.

    Args:
        tls: folder for its certificates, which must not exist; without it, the server uses plain HTTP.
        names: further host names in its certificate.
        user, password: required basic authentication; without a user, none is required.
        host: address of this machine to listen on.
        signed: region and service of the required SigV4 signature; the keys are in `backends.aws`.
        keys: required headers, for example with an API key.

    Attributes:
        host, port: address of the server; the port stays the same while connections are refused.
        ca: certificate of the CA that signed the server certificate.
        headers: headers of the newest accepted request.
        paths: paths of all accepted requests.
        reasons: reasons why requests were rejected as unauthorized, in order of arrival.
        refused: the status of such a response.
    """

    refused = 401

    def __init__(
        self,
        *,
        tls: Path | None = None,
        user: str = "",
        password: str = "",
        host: str = HOST,
        signed: tuple[str, str] | None = None,
        names: Sequence[str] = (),
        keys: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.host = host
        self.port = free_port(host)
        self.records: list[dict[str, Any]] = []
        self.headers: Message = Message()
        self.paths: set[str] = set()
        self.reasons: list[str] = []
        self.ca: Path | None = None
        self._lock = threading.Lock()
        self._basic = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode() if user else ""
        self._signed = signed
        self._keys = dict(keys or {})
        self._tls: ssl.SSLContext | None = None
        if tls is not None:
            authority = Authority(tls)
            authority.issue("server", "receiver", hosts=("localhost", ip_address(host), *names))
            self.ca = tls / "ca.crt"
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(tls / "server.crt", tls / "server.key")
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def fail(self, kind: str) -> None:
        super().fail(kind)
        if kind == "refuse":
            self._close()
        elif self._server is None:
            self._listen()

    def heal(self) -> None:
        super().heal()
        if self._server is None:
            self._listen()

    def lines(self, field: str = "log") -> list[bytes]:
        """Return one field of every record, in order of arrival."""
        with self._lock:
            return [record[field].encode() for record in self.records]

    def __len__(self) -> int:
        return len(self.records)

    def take(self, request: Request) -> tuple[int, bytes]:
        """Store the content of a request; return the status and body of the response."""
        raise NotImplementedError

    def answer(self, request: Request) -> tuple[int, bytes] | None:
        """Return the status and body of the response, or None to close the connection."""
        kind = self.kind
        if kind:
            self.count_failure()
        if kind.isdigit():
            return int(kind), b'{"error": "not now"}'
        if kind == "refuse":
            # The server is closing: a request accepted now would never be acknowledged.
            return None
        if reason := self._why_refused(request):
            self.reasons.append(reason)
            return self.refused, json.dumps({"message": reason}).encode()
        with self._lock:
            answer = self.take(request)
            self.headers = request.headers
            self.paths.add(request.path)
        return None if kind == "lost" else answer

    @property
    def unauthorized(self) -> int:
        """Number of requests rejected as unauthorized."""
        return len(self.reasons)

    def _why_refused(self, request: Request) -> str:
        if self._basic and request.headers.get("Authorization", "") != self._basic:
            return "wrong user or password"
        if wrong := [name for name, text in self._keys.items() if request.headers.get(name) != text]:
            return f"wrong {wrong[0]}"
        return why_signature_fails(request, *self._signed) if self._signed else ""

    def _listen(self) -> None:
        self._server = _Server((self.host, self.port), self)
        if self._tls is not None:
            self._server.socket = self._tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="Receiver", daemon=True).start()

    def _close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.cut()
            self._server = None


class JsonReceiver(Receiver):
    """Accepts JSON lists and JSON lines by POST, as a Sumo Logic HTTP source does."""

    def take(self, request: Request) -> tuple[int, bytes]:
        text = request.body.decode()
        records = json.loads(text) if text.startswith("[") else map(json.loads, text.splitlines())
        self.records += records
        return 200, b""


class BulkReceiver(Receiver):
    """The bulk API of Elasticsearch and OpenSearch: a document whose ID exists is rejected with 409.

    Args:
        conflicts: whether the mapping of the index rejects a document, with 400.

    Attributes:
        repeated: number of documents with an existing ID.
        indices: names of the indices with documents.
    """

    def __init__(self, *, conflicts: Callable[[dict[str, Any]], bool] = lambda document: False, **options: Any) -> None:
        super().__init__(**options)
        self._conflicts = conflicts
        self.repeated = 0
        self.indices: set[str] = set()
        self._ids: set[tuple[str, str]] = set()
        self._turned_away = 0

    def take(self, request: Request) -> tuple[int, bytes]:
        lines = request.body.decode().splitlines()
        items = [self._document(lines[at], lines[at + 1]) for at in range(0, len(lines), 2)]
        failed = any(item["create"]["status"] >= 300 for item in items)
        answer = {"took": 1, "errors": failed, "items": items}
        return 200, json.dumps(answer, separators=(",", ":")).encode()

    def _document(self, action: str, source: str) -> dict[str, Any]:
        place = json.loads(action)["create"]
        index, number = place["_index"], place.get("_id")
        result: dict[str, Any] = {"_index": index, "_id": number or f"auto-{len(self.records)}", "status": 201}
        if self.kind == "partial":
            self._turned_away += 1
            if self._turned_away % 3 == 0:
                return {"create": {**result, "status": 429, "error": {"type": "es_rejected_execution_exception"}}}
        if self._conflicts(json.loads(source)):
            return {"create": {**result, "status": 400, "error": {"type": "mapper_parsing_exception"}}}
        if number is not None and (index, number) in self._ids:
            self.repeated += 1
            return {"create": {**result, "status": 409, "error": {"type": "version_conflict_engine_exception"}}}
        self._ids.add((index, result["_id"]))
        self.indices.add(index)
        self.records.append(json.loads(source))
        return {"create": {**result, "_version": 1, "result": "created", "_shards": {"total": 2, "successful": 1}}}


def why_signature_fails(request: Request, region: str, service: str, *, now: datetime | None = None) -> str:
    """Verify a SigV4 signature with the test keys; return the fault, or "" for a valid signature.

    Args:
        request: the request.
        region, service: expected scope of the signature.
        now: time of arrival.
    """
    try:
        fields = request.headers["Authorization"].removeprefix("AWS4-HMAC-SHA256 ").replace(",", " ").split()
        given = dict(field.split("=", 1) for field in fields)
        signed = given["SignedHeaders"].split(";")
        copy = AWSRequest(
            method=request.method,
            url=f"https://{request.headers['Host']}{request.path}",
            data=request.raw,
            headers={name: request.headers[name] for name in signed},
        )
        when = request.headers["X-Amz-Date"]
        date = datetime.strptime(when, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        key, *scope = given["Credential"].split("/")
        signature = given["Signature"]
    except (KeyError, ValueError, AttributeError):
        return "the request is not signed"
    if abs((now or datetime.now(UTC)) - date) > _SKEW:
        return f"the date {when} is not within {_SKEW.seconds // 60} minutes of now"
    if scope != [when[:8], region, service, "aws4_request"]:
        return f"the signature is for {'/'.join(scope)}, not for {service} in {region}"
    if "host" not in signed:
        return "the host header is not signed"
    if key != _KEYS.access_key:
        return f"unknown access key {key}"
    copy.context["timestamp"] = when
    signer = _Signer(_KEYS, service, region)
    text = signer.string_to_sign(copy, signer.canonical_request(copy))
    return "" if hmac.compare_digest(signer.signature(text, copy), signature) else "the signature does not match"


class _Signer(SigV4Auth):  # type: ignore[misc]
    """Signs the headers that the request lists; botocore itself never signs some, for example User-Agent."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPMessage:
        signed: HTTPMessage = request.headers
        return signed


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], receiver: Receiver) -> None:
        self._open: set[socket.socket] = set()
        self.address_family = family(address[0])
        super().__init__(address, _handler(receiver.answer))

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do not log clients that were killed during a request."""

    def cut(self) -> None:
        """Close keep-alive connections, which ends their threads."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _handler(answer: Callable[[Request], tuple[int, bytes] | None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Answer the product check of Elasticsearch clients."""
            said = b'{"version": {"number": "8.15.0"}, "tagline": "You Know, for Search"}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("X-Elastic-Product", "Elasticsearch")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def do_POST(self) -> None:
            answered = answer(Request(self))
            if answered is None:
                self.close_connection = True
                return
            status, body = answered
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_PUT = do_POST

        def log_message(self, format: str, *arguments: object) -> None:
            """Do not log: a line per request would hide the output of a test."""

    return Handler
