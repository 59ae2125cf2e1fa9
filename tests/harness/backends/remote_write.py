"""A remote write endpoint like Amazon Managed Service for Prometheus: verifies signatures, counts samples."""

import functools
import itertools
import json
import struct
import time
from collections.abc import Iterator, Mapping
from typing import Any

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from harness.backends.receivers import Receiver, Request

SERVICE = "aps"
WORKSPACE = "ws-12345678-1234-1234-1234-123456789012"
PATH = f"/workspaces/{WORKSPACE}/api/v1/remote_write"
# Prometheus ends a series with this NaN (model/value/value.go). It is a staleness marker, not a sample.
_STALE = 0x7FF0000000000002

Labels = tuple[tuple[str, str], ...]


class RemoteWriteReceiver(Receiver):
    """Accepts remote write 1.0, optionally over TLS and signed; also a context manager.

    Args:
        region: region of the required SigV4 signature; without it, none is required.
        options: options of ``Receiver`` other than ``signed``.

    Attributes:
        series: samples by series: timestamps in ms since the epoch, and values, in order of arrival.
        stale: times of staleness markers by series, in ms since the epoch.
        samples: number of received samples, including repeated ones.
        repeated: number of samples received more than once.
        late: number of new samples older than the newest of their series.
        metadata: type of each metric family with metadata.
        arrivals: time (``time.time()``) and number of samples of each accepted request.
    """

    refused = 403

    def __init__(self, *, region: str | None = None, **options: Any) -> None:
        super().__init__(signed=(region, SERVICE) if region else None, **options)
        self.series: dict[Labels, dict[int, float]] = {}
        self.stale: dict[Labels, list[int]] = {}
        self.samples = self.repeated = self.late = 0
        self.metadata: dict[str, str] = {}
        self.arrivals: list[tuple[float, int]] = []

    def want(self, *, region: str) -> None:
        """From now on, accept only requests signed for this region."""
        self._signed = (region, SERVICE)

    def take(self, request: Request) -> tuple[int, bytes]:
        if request.headers.get("Content-Type", "").replace(" ", "") not in _CONTENT_TYPES:
            return 415, b'{"message": "only prometheus.WriteRequest is known here"}'
        try:
            message = decode(request.raw)
        except ValueError as error:
            return 400, json.dumps({"message": str(error)}).encode()
        before = self.samples
        for series in message.timeseries:
            self._keep(tuple((label.name, label.value) for label in series.labels), series.samples)
        for one in message.metadata:
            self.metadata[one.metric_family_name] = _TYPES[one.type]
        self.arrivals.append((time.time(), self.samples - before))
        return 200, b""

    def names(self) -> set[str]:
        """Return the names of all received metrics."""
        with self._lock:
            return {dict(labels)["__name__"] for labels in self.series}

    def all(self) -> dict[Labels, dict[int, float]]:
        """Return a snapshot of all series."""
        with self._lock:
            return {key: dict(points) for key, points in self.series.items()}

    def select(self, name: str, **labels: str) -> dict[Labels, dict[int, float]]:
        """Return the series of a metric with the given labels."""
        wanted = {("__name__", name), *labels.items()}
        return {key: points for key, points in self.all().items() if wanted <= set(key)}

    def gaps(self, interval: float, *, since: float = 0, tolerance: float = 0.5) -> dict[Labels, list[tuple[int, int]]]:
        """Return gaps in series that are longer than the scrape interval.

        A staleness marker within the pause means that there is no gap.

        Args:
            interval: scrape interval in seconds.
            since: start of the check, in seconds since the epoch.
            tolerance: fraction of the interval by which a scrape may be late.

        Returns:
            By series with gaps, the timestamps (ms) before and after each gap.
        """
        most = interval * 1000 * (1 + tolerance)
        with self._lock:
            newer = {key: [when for when in points if when > since * 1000] for key, points in self.series.items()}
            found = {key: list(_pauses(points, self.stale.get(key, []), most)) for key, points in newer.items()}
        return {key: pauses for key, pauses in found.items() if pauses}

    def _keep(self, labels: Labels, samples: Any) -> None:
        points = self.series.get(labels, {})
        for sample in samples:
            if _is_stale(sample.value):
                self.stale.setdefault(labels, []).append(sample.timestamp)
                continue
            self.samples += 1
            if sample.timestamp in points:
                self.repeated += 1
            else:
                self.late += bool(points) and sample.timestamp < next(reversed(points))
                points[sample.timestamp] = sample.value
        if points:
            self.series[labels] = points


def decode(body: bytes) -> Any:
    """Decode the ``prometheus.WriteRequest`` in a request body.

    Raises:
        ValueError: the body is not in Snappy's block format, or is not such a message.
    """
    try:
        return _messages()["WriteRequest"].FromString(bytes(cramjam.snappy.decompress_raw(body)))
    except (cramjam.DecompressionError, DecodeError) as error:
        raise ValueError(f"not a compressed prometheus.WriteRequest: {error}") from error


def encode(series: Mapping[Labels, Mapping[int, float]]) -> bytes:
    """Encode the request body for samples by timestamp, in ms since the epoch."""
    message = _messages()["WriteRequest"]()
    for labels, points in series.items():
        added = message.timeseries.add()
        for name, value in labels:
            added.labels.add(name=name, value=value)
        for timestamp, number in points.items():
            added.samples.add(value=number, timestamp=timestamp)
    return bytes(cramjam.snappy.compress_raw(message.SerializeToString()))


def _pauses(points: list[int], ends: list[int], most: float) -> Iterator[tuple[int, int]]:
    times = sorted(points)
    for before, after in itertools.pairwise(times):
        if after - before > most and not any(before < end <= after for end in ends):
            yield before, after


def _is_stale(value: float) -> bool:
    return value != value and struct.unpack("<Q", struct.pack("<d", value))[0] == _STALE


_CONTENT_TYPES = ("application/x-protobuf", "application/x-protobuf;proto=prometheus.WriteRequest")
_TYPES = ("unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset")
_FIELD = descriptor_pb2.FieldDescriptorProto
# Field numbers and types from prompb/remote.proto and prompb/types.proto of Prometheus. Unused fields
# (exemplars, native histograms) are omitted, and the decoder skips them.
_FIELDS: dict[str, list[tuple[int, str, Any]]] = {
    "Label": [(1, "name", _FIELD.TYPE_STRING), (2, "value", _FIELD.TYPE_STRING)],
    "Sample": [(1, "value", _FIELD.TYPE_DOUBLE), (2, "timestamp", _FIELD.TYPE_INT64)],
    "TimeSeries": [(1, "labels", "Label"), (2, "samples", "Sample")],
    # An enum is encoded like an integer.
    "MetricMetadata": [(1, "type", _FIELD.TYPE_INT32), (2, "metric_family_name", _FIELD.TYPE_STRING)],
    "WriteRequest": [(1, "timeseries", "TimeSeries"), (3, "metadata", "MetricMetadata")],
}


@functools.cache
def _messages() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="remote.proto", package="prometheus", syntax="proto3")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for number, field, kind in fields:
            if isinstance(kind, str):
                message.field.add(
                    number=number,
                    name=field,
                    type=_FIELD.TYPE_MESSAGE,
                    type_name=f".prometheus.{kind}",
                    label=_FIELD.LABEL_REPEATED,
                )
            else:
                message.field.add(number=number, name=field, type=kind, label=_FIELD.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"prometheus.{name}")) for name in _FIELDS}
