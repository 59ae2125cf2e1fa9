"""Sends a trace of each request: segments to an X-Ray daemon over UDP, or spans to OpenTelemetry with OTLP over HTTP.

A request with a trace header (X-Amzn-Trace-Id or traceparent) continues this trace. Tracing never blocks the
application: traces that find the queue full or cannot be sent are counted as lost. It requires only the standard
library.
"""

import http.client
import json
import os
import queue
import re
import secrets
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

QUEUE_LENGTH = 1000
LARGEST_BATCH = 100
TIMEOUT_SECONDS = 5.0
# Resolve the host again after this time, as a recreated Service has another address.
RESOLVE_SECONDS = 10.0
XRAY_HEADER = b'{"format": "json", "version": 1}\n'
ROOT = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})")
TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


class Trace:
    """Trace of one request.

    Attributes:
        id: the trace ID in the format of X-Ray.
        sampled: whether the trace is sent.
        status: status code of the response.
    """

    def __init__(self, request: str, headers: Mapping[str, str]) -> None:
        # An X-Ray ID begins with the time, and X-Ray rejects old ones.
        self.hex = f"{int(time.time()):08x}{secrets.token_hex(12)}"
        self.parent = ""
        self.sampled = True
        self._continue(headers)
        self.id = f"1-{self.hex[:8]}-{self.hex[8:]}"
        self.span = secrets.token_hex(8)
        self.method, _, self.path = request.partition(" ")
        self.status = 200
        self.started = self.ended = time.time()
        self.steps: list[dict[str, Any]] = []

    def _continue(self, headers: Mapping[str, str]) -> None:
        given = dict(
            part.strip().split("=", 1) for part in headers.get("X-Amzn-Trace-Id", "").split(";") if "=" in part
        )
        root, w3c = ROOT.fullmatch(given.get("Root", "")), TRACEPARENT.fullmatch(headers.get("traceparent", ""))
        if root:
            self.hex, self.parent = root[1] + root[2], given.get("Parent", "")
            self.sampled = given.get("Sampled") != "0"
        elif w3c:
            self.hex, self.parent, self.sampled = w3c[1], w3c[2], bool(int(w3c[3], 16) & 1)

    @contextmanager
    def step(self, name: str, **annotations: Any) -> Iterator[None]:
        """Record a part of the request."""
        started = time.time()
        try:
            yield
        finally:
            part = {"id": secrets.token_hex(8), "name": name, "start_time": started, "end_time": time.time()}
            self.steps.append({**part, "annotations": annotations})


class Tracer:
    """Passes traces to a thread that sends them.

    Args:
        protocol: `xray` or `otlp`.
        endpoint: `host:port` of a daemon, or `http://host:port` of a collector.
        service: name of the application in traces.
        log_group: CloudWatch log group in which X-Ray searches for the lines of a trace; empty: none.

    Attributes:
        sent: number of sent traces; UDP has no acknowledgment.
        lost: number of traces that could not be sent, or that found the queue full.
    """

    def __init__(self, protocol: str, endpoint: str, service: str, log_group: str = "") -> None:
        self._endpoint, self._service, self._log_group = endpoint, service, log_group
        self._send = {"xray": self._send_segments, "otlp": self._send_spans}[protocol]
        self._socket: Any = None
        self._known_until = 0.0
        self._queue: queue.Queue[Any] = queue.Queue(QUEUE_LENGTH)
        self._counting = threading.Lock()
        self._waiting = 0
        self.sent = 0
        self.lost = 0
        self._quiet_until = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @contextmanager
    def trace(self, request: str, headers: Mapping[str, str]) -> Iterator[Trace]:
        """Trace a request, given as `GET /path` and its headers."""
        trace = Trace(request, headers)
        try:
            yield trace
        except BaseException:
            trace.status = 500
            raise
        finally:
            trace.ended = time.time()
            if trace.sampled:
                self._take(trace)

    def end(self, seconds: float) -> None:
        """Send the waiting traces, at most for that time; count the rest as lost."""
        with suppress(queue.Full):
            self._queue.put(None, timeout=seconds)
            self._thread.join(seconds)
        self._count(lost=self._waiting)

    def _take(self, trace: Trace) -> None:
        self._count(waiting=1)
        try:
            self._queue.put_nowait(trace)
        except queue.Full:
            self._count(lost=1)

    def _count(self, *, waiting: int = 0, sent: int = 0, lost: int = 0) -> None:
        with self._counting:
            self._waiting += waiting - sent - lost
            self.sent += sent
            self.lost += lost

    def _run(self) -> None:
        ended = False
        while not ended:
            batch = [self._queue.get()]
            while len(batch) < LARGEST_BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            ended = None in batch
            traces = [trace for trace in batch if trace is not None]
            if not traces:
                continue
            try:
                self._send(traces)
                self._count(sent=len(traces))
            except (OSError, http.client.HTTPException, ValueError) as error:
                self._count(lost=len(traces))
                self._complain(error)

    def _complain(self, error: Exception) -> None:
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + 60
            print(f"traces do not reach {self._endpoint}: {error}", file=sys.stderr, flush=True)

    def _send_segments(self, traces: list[Trace]) -> None:
        for trace in traces:
            datagram = XRAY_HEADER + json.dumps(self._segment(trace)).encode()
            try:
                self._connect().send(datagram)
            except OSError:
                # The error concerns the previous datagram. Resolve the host again, and send this one.
                self._known_until = 0.0
                self._connect().send(datagram)

    def _connect(self) -> Any:
        if time.monotonic() >= self._known_until:
            if self._socket is not None:
                self._socket.close()
                self._socket = None
            host, _, port = self._endpoint.rpartition(":")
            family, kind, _, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_DGRAM)[0]
            self._socket = socket.socket(family, kind)
            self._socket.connect(address)
            self._known_until = time.monotonic() + RESOLVE_SECONDS
        return self._socket

    def _segment(self, trace: Trace) -> dict[str, Any]:
        groups = {"cloudwatch_logs": [{"log_group": self._log_group}]} if self._log_group else {}
        segment: dict[str, Any] = {
            "name": self._service,
            "id": trace.span,
            "trace_id": trace.id,
            "start_time": trace.started,
            "end_time": trace.ended,
            "origin": "AWS::EKS::Container",
            "http": {
                "request": {"method": trace.method, "url": trace.path},
                "response": {"status": trace.status},
            },
            "aws": {"eks": {"pod": os.uname().nodename}, **groups},
            "subsegments": trace.steps,
        }
        # In X-Ray, an error is the client's, and a fault the application's.
        segment.update({"error": True} if 400 <= trace.status < 500 else {})
        segment.update({"fault": True} if trace.status >= 500 else {})
        return {**segment, "parent_id": trace.parent} if trace.parent else segment

    def _send_spans(self, traces: list[Trace]) -> None:
        about = {"service.name": self._service, "k8s.pod.name": os.uname().nodename}
        resource = [_attribute(key, value) for key, value in about.items()]
        if self._log_group:
            groups = {"arrayValue": {"values": [{"stringValue": self._log_group}]}}
            resource.append({"key": "aws.log.group.names", "value": groups})
        scope = {"spans": [span for trace in traces for span in _spans(trace)]}
        body = {"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [scope]}]}
        request = urllib.request.Request(
            f"{self._endpoint}/v1/traces", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS).close()


def _spans(trace: Trace) -> list[dict[str, Any]]:
    """Return a trace as spans of OpenTelemetry: a server span, and one for each step."""
    about = {
        "http.request.method": trace.method,
        "url.path": trace.path,
        "http.response.status_code": trace.status,
    }
    server = {
        "traceId": trace.hex,
        "spanId": trace.span,
        "parentSpanId": trace.parent,
        "name": f"{trace.method} {trace.path.partition('?')[0]}",
        "kind": 2,
        "startTimeUnixNano": _nanoseconds(trace.started),
        "endTimeUnixNano": _nanoseconds(trace.ended),
        "attributes": [_attribute(key, value) for key, value in about.items()],
        "status": {"code": 2 if trace.status >= 500 else 0},
    }
    steps = [
        {
            "traceId": trace.hex,
            "spanId": step["id"],
            "parentSpanId": trace.span,
            "name": step["name"],
            "kind": 1,
            "startTimeUnixNano": _nanoseconds(step["start_time"]),
            "endTimeUnixNano": _nanoseconds(step["end_time"]),
            "attributes": [_attribute(key, value) for key, value in step["annotations"].items()],
        }
        for step in trace.steps
    ]
    return [server, *steps]


def _attribute(key: str, value: Any) -> dict[str, Any]:
    return {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}


def _nanoseconds(seconds: float) -> str:
    return str(int(seconds * 1e9))
