"""Sends log lines from the application to a backend, without a file or a sidecar.

The application has to buffer lines while the backend is unavailable, without blocking and within a memory limit; to
retry; and to count dropped lines. It requires only the standard library.
"""

import base64
import http.client
import json
import logging
import os
import queue
import random
import re
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timezone
from typing import Any

BATCH_LINES = 500
LONGEST_PAUSE_SECONDS = 10.0
VARIABLE = re.compile(r"\$\{(OUTPUT_[A-Z0-9_]+)\}")

Record = dict[str, Any]


class Shipper(logging.Handler):
    """Passes log lines to a thread that delivers them in batches.

    Args:
        settings: `type` (http, sumologic, elasticsearch or opensearch), `url`, `format`, `headers`, `index`, `day`
            (date format of a daily index), `fields` of every record, `verify`, `ca`, `login` (user and password, or
            empty), `queueLines`, `retryLimit` (None: unlimited), `flush` (seconds). `${OUTPUT_...}` in them is replaced
            by an environment variable.

    Attributes:
        sent: number of lines that the backend has accepted.
        dropped: number of lines that it rejected, that exceeded the retry limit, or that found the queue full.
    """

    def __init__(self, settings: Record) -> None:
        super().__init__()
        self._settings: Record = _filled(settings)
        self._queue: queue.Queue[Record] = queue.Queue(self._settings["queueLines"])
        self._in_hand = 0
        self._ending = threading.Event()
        self._deadline = float("inf")
        self._counting = threading.Lock()
        self.sent = 0
        self.dropped = 0
        self._headers = {"Content-Type": "application/json", **self._settings["headers"]}
        if self._settings["login"]:
            login = ":".join(self._settings["login"]).encode()
            self._headers["Authorization"] = "Basic " + base64.b64encode(login).decode()
        self._tls = ssl.create_default_context(cafile=self._settings["ca"] or None)
        if not self._settings["verify"]:
            self._tls.check_hostname, self._tls.verify_mode = False, ssl.CERT_NONE
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Number of lines that are neither sent nor dropped yet."""
        return self._queue.qsize() + self._in_hand

    def emit(self, record: logging.LogRecord) -> None:
        """Add a line to the queue, or drop and count it if the queue is full: the application is never blocked."""
        taken = datetime.fromtimestamp(record.created, timezone.utc).isoformat()  # noqa: UP017 (Python 3.9)
        line = {"time": taken, "log": self.format(record), **self._settings["fields"]}
        # The ID stays the same for each retry, so that the backend stores the line once.
        try:
            self._queue.put_nowait({"id": uuid.uuid4().hex, "line": line})
        except queue.Full:
            self._count(dropped=1)

    def end(self, seconds: float | None) -> None:
        """Deliver the waiting lines, at most for that time unless it is None; count the rest as dropped."""
        if seconds is not None:
            self._deadline = time.monotonic() + seconds
        self._ending.set()
        self._thread.join(None if seconds is None else seconds + 1)
        self._count(dropped=self.waiting)

    def _run(self) -> None:
        while not (self._ending.is_set() and self._queue.empty()):
            batch = self._next_batch()
            tries = 0
            while batch:
                batch = self._deliver(batch)
                self._in_hand = len(batch)
                retries = self._settings["retryLimit"]
                if time.monotonic() >= self._deadline:
                    return
                if batch and retries is not None and tries >= retries:
                    self._count(dropped=len(batch))
                    self._in_hand, batch = 0, []
                if batch:
                    tries += 1
                    pause = min(LONGEST_PAUSE_SECONDS, 0.25 * 2 ** min(tries, 6)) * random.uniform(0.5, 1)
                    time.sleep(min(pause, max(0.0, self._deadline - time.monotonic())))

    def _next_batch(self) -> list[Record]:
        """Return the lines of a flush interval."""
        batch: list[Record] = []
        until = time.monotonic() + self._settings["flush"]
        while len(batch) < BATCH_LINES and (left := until - time.monotonic()) > 0:
            try:
                batch.append(self._queue.get(timeout=0.01 if self._ending.is_set() else min(left, 0.2)))
                self._in_hand = len(batch)
            except queue.Empty:
                if self._ending.is_set():
                    break
        return batch

    def _deliver(self, batch: list[Record]) -> list[Record]:
        """Send a batch once; return the lines to retry."""
        request = urllib.request.Request(self._settings["url"], self._body(batch), self._headers, method="POST")
        left = max(1.0, min(30.0, self._deadline - time.monotonic()))
        try:
            with urllib.request.urlopen(request, timeout=left, context=self._tls) as answer:
                again, refused = _unfinished(batch, answer.read()) if self._is_bulk() else ([], 0)
        except urllib.error.HTTPError as error:
            if error.code == 429 or error.code >= 500:
                return batch
            print(f"the backend refused {len(batch)} lines with {error.code}", file=sys.stderr, flush=True)
            again, refused = [], len(batch)
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            # No connection, or no complete response.
            return batch
        self._count(sent=len(batch) - len(again) - refused, dropped=refused)
        return again

    def _is_bulk(self) -> bool:
        return self._settings["type"] in ("elasticsearch", "opensearch")

    def _body(self, batch: list[Record]) -> bytes:
        if self._is_bulk():
            lines = [text for entry in batch for text in (self._action(entry), _document(entry))]
            return ("\n".join(lines) + "\n").encode()
        if self._settings["format"] == "json_lines":
            return "".join(json.dumps(entry["line"]) + "\n" for entry in batch).encode()
        return json.dumps([entry["line"] for entry in batch]).encode()

    def _action(self, entry: Record) -> str:
        day = datetime.fromisoformat(entry["line"]["time"])
        index = self._settings["index"] + (day.strftime(f"-{self._settings['day']}") if self._settings["day"] else "")
        return json.dumps({"create": {"_index": index, "_id": entry["id"]}})

    def _count(self, *, sent: int = 0, dropped: int = 0) -> None:
        with self._counting:
            self.sent += sent
            self.dropped += dropped


def _document(entry: Record) -> str:
    fields = {key: value for key, value in entry["line"].items() if key != "time"}
    return json.dumps({"@timestamp": entry["line"]["time"], **fields})


def _unfinished(batch: list[Record], answer: bytes) -> tuple[list[Record], int]:
    """Return the documents to retry, and the number of permanently rejected ones."""
    results = [next(iter(item.values()))["status"] for item in json.loads(answer)["items"]]
    again = [entry for entry, status in zip(batch, results) if status == 429 or status >= 500]  # noqa: B905 (Python 3.9)
    # 409: a document with this ID exists, from a request whose response was lost.
    refused = sum(400 <= status < 500 and status not in (409, 429) for status in results)
    return again, refused


def _filled(value: Any) -> Any:
    """Replace references to environment variables in settings."""
    if isinstance(value, dict):
        return {key: _filled(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_filled(part) for part in value]
    return VARIABLE.sub(lambda found: os.environ[found[1]], value) if isinstance(value, str) else value
