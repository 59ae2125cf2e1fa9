"""The demo application: an application of the old kind, which writes its log to a file.

    python3 app.py          serve HTTP: /log writes random lines to the file and answers with them, /healthz
    python3 app.py batch    write $LINES lines and end

Only the standard library is used. Set by environment: LOG_FILE, LOG_ROTATE_BYTES (0: never rotate),
LOG_ROTATE_KEEP, PORT, LINES_PER_REQUEST, LINES. With SHIP, a file of settings, it sends its lines to a backend instead;
/metrics then counts them.
"""

import itertools
import json
import logging
import logging.handlers
import os
import random
import signal
import sys
import threading
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
    """Random log lines, each with a number of its own, so that a missing one can be seen."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._formatter = logging.Formatter(FORMAT)

    def write(self, count: int) -> list[str]:
        """Log `count` lines; return them as they stand in the file."""
        return [self._write_one() for _ in range(count)]

    def _write_one(self) -> str:
        level, action, status = random.choice(LEVELS), random.choice(ACTIONS), random.choice(STATUSES)
        text = f"id={next(self._numbers):07d} {action} {status} {random.randint(1, 900)}ms"
        record = log.makeRecord(log.name, level, __file__, 0, text, (), None)
        log.handle(record)
        return self._formatter.format(record)


class Handler(BaseHTTPRequestHandler):
    """Answers /log and /healthz; what it says itself goes into the log file, not to stdout."""

    server_version = "demo"
    sys_version = ""
    lines = Lines()
    shipper: Any = None

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/healthz":
            self._answer(200, "ok")
        elif url.path == "/log":
            self._write_lines(parse_qs(url.query))
        elif url.path == "/metrics" and self.shipper:
            self._answer(200, counts(self.shipper))
        else:
            self._answer(404, "not found; there are /log, /log?lines=100 and /healthz")

    def _write_lines(self, query: dict[str, list[str]]) -> None:
        asked = query.get("lines", [os.environ.get("LINES_PER_REQUEST", "10")])[0]
        if not asked.isdecimal() or not 1 <= int(asked) <= LARGEST_REQUEST:
            self._answer(400, f"lines has to be a number from 1 to {LARGEST_REQUEST}")
            return
        self._answer(200, "\n".join(self.lines.write(int(asked))))

    def _answer(self, status: int, text: str) -> None:
        data = text.encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the kubelet's probes would fill the log."""


def counts(shipper: Any) -> str:
    """Return what became of the lines, as Prometheus reads it."""
    numbers = {"sent_total": shipper.sent, "dropped_total": shipper.dropped, "waiting": shipper.waiting}
    return "\n".join(f"demo_lines_{name} {number}" for name, number in numbers.items())


def open_file() -> logging.Handler:
    """Log to the file, rotated by name: app.log becomes app.log.1."""
    return logging.handlers.RotatingFileHandler(
        LOG_FILE,
        maxBytes=int(os.environ.get("LOG_ROTATE_BYTES", "1048576")),
        backupCount=int(os.environ.get("LOG_ROTATE_KEEP", "5")),
        encoding="utf-8",
    )


def open_log() -> Any:
    """Send log lines to the file, or to a backend; return what sends them there, or nothing."""
    shipper = None
    if os.environ.get("SHIP"):
        # Only then: the module is not needed, and the image of the Dockerfile may be without it.
        from ship import Shipper  # noqa: PLC0415

        with open(os.environ["SHIP"], encoding="utf-8") as file:
            shipper = Shipper(json.load(file))
    handler: logging.Handler = shipper or open_file()
    handler.setFormatter(logging.Formatter(FORMAT))
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    return shipper


def serve(shipper: Any) -> None:
    """Answer requests until SIGTERM or SIGINT."""
    port = int(os.environ.get("PORT", "5000"))
    Handler.shipper = shipper
    server = ThreadingHTTPServer(("", port), Handler)
    server.daemon_threads = True

    def stop(*_: object) -> None:
        # From another thread: shutdown() waits for the loop that this handler interrupts.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"demo listens on port {port} and logs to {'a backend' if shipper else LOG_FILE}", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    if shipper:
        shipper.end(float(os.environ.get("SHIP_GRACE_SECONDS", "10")))
        print(counts(shipper), flush=True)
    print("demo ended", flush=True)


def batch(shipper: Any) -> None:
    """Write the lines that were asked for and end, when a backend has them."""
    # As process 1 of a container SIGTERM would be ignored.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    count = int(os.environ.get("LINES", "500"))
    print(f"demo writes {count} lines to {'a backend' if shipper else LOG_FILE}", flush=True)
    Lines().write(count)
    if shipper:
        shipper.end(None)
        print(counts(shipper), flush=True)
    print("demo ended", flush=True)


def main() -> None:
    if sys.argv[1:] not in ([], ["batch"]):
        sys.exit(f"usage: {sys.argv[0]} [batch]")
    shipper = open_log()
    if sys.argv[1:]:
        batch(shipper)
    else:
        serve(shipper)


if __name__ == "__main__":
    main()
