"""The demo application: an HTTP server that writes its log to a file.

    python3 app.py          serve HTTP: /log writes random lines to the file and returns them, /healthz
    python3 app.py batch    write $LINES lines and exit

It requires only the standard library. Environment variables: LOG_FILE, LOG_ROTATE_BYTES (0: never rotate),
LOG_ROTATE_KEEP, PORT, LINES_PER_REQUEST, LINES. With SHIP, a file of settings, it sends its lines to a backend instead.
With TRACES=xray (to AWS_XRAY_DAEMON_ADDRESS) or otlp (to OTEL_EXPORTER_OTLP_ENDPOINT), it sends traces of requests,
and the lines of a request end with its trace ID. /metrics counts sent and lost lines and traces.
"""

import itertools
import json
import logging
import logging.handlers
import os
import random
import signal
import socket
import sys
import threading
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LOG_FILE = os.environ.get("LOG_FILE", "/var/log/app/app.log")
FORMAT = "%(asctime)s %(levelname)s %(message)s"
LARGEST_REQUEST = 100_000
LEVELS = (logging.DEBUG, logging.INFO, logging.INFO, logging.INFO, logging.WARNING, logging.ERROR)
STATUSES = (200, 200, 200, 201, 404, 500)
ACTIONS = ("GET /cart", "GET /catalogue", "POST /login", "POST /orders", "PUT /basket", "DELETE /session")

log = logging.getLogger("demo")


class Lines:
    """Random log lines with consecutive numbers, so that a missing line is noticed."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._formatter = logging.Formatter(FORMAT)

    def write(self, count: int, trace_id: str = "") -> list[str]:
        """Log `count` lines, and return them as they are in the file."""
        end = f" trace_id={trace_id}" if trace_id else ""
        return [self._write_one(end) for _ in range(count)]

    def _write_one(self, end: str) -> str:
        level, action, status = random.choice(LEVELS), random.choice(ACTIONS), random.choice(STATUSES)
        text = f"id={next(self._numbers):07d} {action} {status} {random.randint(1, 900)}ms{end}"
        record = log.makeRecord(log.name, level, __file__, 0, text, (), None)
        log.handle(record)
        return self._formatter.format(record)


class Handler(BaseHTTPRequestHandler):
    """Serves /log, /healthz and /metrics."""

    server_version = "demo"
    sys_version = ""
    timeout = 5  # seconds that a client may be silent
    lines = Lines()
    shipper: Any = None
    tracer: Any = None
    trace: Any = None

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/healthz":
            self._answer(200, "ok")
        elif url.path == "/log":
            with self.tracer.trace(f"GET {self.path}", self.headers) if self.tracer else nullcontext() as self.trace:
                self._write_lines(parse_qs(url.query))
        elif url.path == "/metrics" and (self.shipper or self.tracer):
            self._answer(200, counts(self.shipper, self.tracer))
        else:
            self._answer(404, "not found; there are /log, /log?lines=100 and /healthz")

    def _write_lines(self, query: dict[str, list[str]]) -> None:
        asked = query.get("lines", [os.environ.get("LINES_PER_REQUEST", "10")])[0]
        if not asked.isdecimal() or not 1 <= int(asked) <= LARGEST_REQUEST:
            self._answer(400, f"lines has to be a number from 1 to {LARGEST_REQUEST}")
            return
        if self.trace is None:
            self._answer(200, "\n".join(self.lines.write(int(asked))))
            return
        with self.trace.step("write", lines=int(asked)):
            lines = self.lines.write(int(asked), self.trace.id)
        self._answer(200, "\n".join(lines))

    def _answer(self, status: int, text: str) -> None:
        data = text.encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        if self.trace is not None:
            self.trace.status = status
            self.send_header("X-Amzn-Trace-Id", f"Root={self.trace.id};Sampled={int(self.trace.sampled)}")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Log no requests, as the kubelet's probes would fill the log."""


def counts(shipper: Any, tracer: Any = None) -> str:
    """Return the numbers of lines and traces in the format of Prometheus."""
    numbers = {}
    if shipper:
        numbers = {"sent_total": shipper.sent, "dropped_total": shipper.dropped, "waiting": shipper.waiting}
    told = [f"demo_lines_{name} {number}" for name, number in numbers.items()]
    if tracer:
        told += [f"demo_traces_sent_total {tracer.sent}", f"demo_traces_lost_total {tracer.lost}"]
    return "\n".join(told)


def open_file() -> logging.Handler:
    """Log to the file, and rotate it by renaming: app.log becomes app.log.1."""
    return logging.handlers.RotatingFileHandler(
        LOG_FILE,
        maxBytes=int(os.environ.get("LOG_ROTATE_BYTES", "1048576")),
        backupCount=int(os.environ.get("LOG_ROTATE_KEEP", "5")),
        encoding="utf-8",
    )


def open_log() -> Any:
    """Send log lines to the file or to a backend; return the shipper, if there is one."""
    shipper = None
    if os.environ.get("SHIP"):
        # The ConfigMap contains this module only if it is required.
        from ship import Shipper  # noqa: PLC0415

        with open(os.environ["SHIP"], encoding="utf-8") as file:
            shipper = Shipper(json.load(file))
    handler: logging.Handler = shipper or open_file()
    handler.setFormatter(logging.Formatter(FORMAT))
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    return shipper


def open_tracer() -> Any:
    """Return a tracer if traces are enabled; the environment variables are those of the SDKs."""
    protocol = os.environ.get("TRACES")
    if not protocol:
        return None
    from tracer import Tracer  # noqa: PLC0415 (as above)

    names = {
        "xray": ("AWS_XRAY_DAEMON_ADDRESS", "AWS_XRAY_TRACING_NAME"),
        "otlp": ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SERVICE_NAME"),
    }
    endpoint, service = (os.environ[name] for name in names[protocol])
    return Tracer(protocol, endpoint, service, os.environ.get("TRACES_LOG_GROUP", ""))


class Server(ThreadingHTTPServer):
    """Listens on IPv4 and IPv6, or on IPv4 alone if the kernel lacks IPv6."""

    # server_close() waits for requests that are not answered yet.
    daemon_threads = False
    address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


def serve(shipper: Any, tracer: Any) -> None:
    """Answer requests until SIGTERM or SIGINT."""
    port = int(os.environ.get("PORT", "5000"))
    Handler.shipper, Handler.tracer = shipper, tracer
    server = Server(("", port), Handler)

    def stop(*_: object) -> None:
        # In another thread, because shutdown() waits for the loop that this handler interrupts.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"demo listens on port {port} and logs to {'a backend' if shipper else LOG_FILE}", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    if tracer:
        tracer.end(2)
    if shipper:
        shipper.end(float(os.environ.get("SHIP_GRACE_SECONDS", "10")))
    if shipper or tracer:
        print(counts(shipper, tracer), flush=True)
    print("demo ended", flush=True)


def batch(shipper: Any, tracer: Any) -> None:
    """Write $LINES lines, wait until the backend has them, and exit."""
    # Process 1 of a container ignores SIGTERM by default.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    count = int(os.environ.get("LINES", "500"))
    print(f"demo writes {count} lines to {'a backend' if shipper else LOG_FILE}", flush=True)
    with tracer.trace("BATCH /", {}) if tracer else nullcontext() as trace:
        Lines().write(count, trace.id if trace else "")
    if tracer:
        tracer.end(10)
    if shipper:
        shipper.end(None)
    if shipper or tracer:
        print(counts(shipper, tracer), flush=True)
    print("demo ended", flush=True)


def main() -> None:
    if sys.argv[1:] not in ([], ["batch"]):
        sys.exit(f"usage: {sys.argv[0]} [batch]")
    shipper, tracer = open_log(), open_tracer()
    if sys.argv[1:]:
        batch(shipper, tracer)
    else:
        serve(shipper, tracer)


if __name__ == "__main__":
    main()
