"""Receivers with the APIs of other vendors' log backends."""

import json
from typing import Any

from harness.backends.receivers import Receiver, Request


class LokiReceiver(Receiver):
    """The push API of Loki. `records` are the lines, which are JSON, with their `time` in nanoseconds.

    Attributes:
        streams: labels of the streams.
        metadata: structured metadata of the newest line.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.streams: list[dict[str, str]] = []
        self.metadata: dict[str, str] = {}

    def take(self, request: Request) -> tuple[int, bytes]:
        for stream in json.loads(request.body)["streams"]:
            if stream["stream"] not in self.streams:
                self.streams.append(stream["stream"])
            for time, line, *metadata in stream["values"]:
                record = json.loads(line) if line.startswith("{") else {"log": line}
                self.records.append({**record, "time": int(time)})
                self.metadata = metadata[0] if metadata else {}
        return 204, b""


class SplunkReceiver(Receiver):
    """Splunk's HTTP Event Collector. `records` are the events, or records of `log` if an event is text, with `time`.

    Attributes:
        event: the newest event with its metadata.
    """

    refused = 403

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.event: dict[str, Any] = {}

    def take(self, request: Request) -> tuple[int, bytes]:
        text, at = request.body.decode(), 0
        while at < len(text):
            self.event, at = json.JSONDecoder().raw_decode(text, at)
            event = self.event["event"]
            record = event if isinstance(event, dict) else {"log": event}
            self.records.append({**record, "time": self.event["time"]})
        return 200, b'{"text": "Success", "code": 0}'


class DatadogReceiver(Receiver):
    """The log intake of Datadog. `records` have their `message` as `log`, and the attributes that the output adds."""

    refused = 403

    def take(self, request: Request) -> tuple[int, bytes]:
        for record in json.loads(request.body):
            self.records.append({**record, "log": record.pop("message")})
        return 202, b"{}"


class NewRelicReceiver(Receiver):
    """The Log API of New Relic. `records` are the attributes, with `log` and the time of the message."""

    refused = 403

    def take(self, request: Request) -> tuple[int, bytes]:
        [batch] = json.loads(request.body)
        for entry in batch["logs"]:
            self.records.append({**entry["attributes"], "log": entry["message"], "timestamp": entry["timestamp"]})
        return 202, b"{}"


class SkyWalkingReceiver(Receiver):
    """The log API of Apache SkyWalking. `records` are the string fields of the records."""

    def take(self, request: Request) -> tuple[int, bytes]:
        self.records += [json.loads(entry["body"]["json"]["json"]) for entry in json.loads(request.body)]
        return 200, b"{}"
