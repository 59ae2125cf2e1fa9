"""Receivers of logs by OTLP, over HTTP and over gRPC."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import (
    LogsServiceServicer,
    add_LogsServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from harness.backends.receivers import Receiver, Request

_Export = Callable[[ExportLogsServiceRequest, grpc.ServicerContext], ExportLogsServiceResponse]
_STATUS = {"429": grpc.StatusCode.RESOURCE_EXHAUSTED, "500": grpc.StatusCode.INTERNAL}


class OtlpReceiver(Receiver):
    """OTLP over HTTP. `records` are the attributes of log records, with the body as `log` and the time as `time`.

    Args:
        moody: fail every second request with 503.
    """

    def __init__(self, *, moody: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._moody = moody

    def answer(self, request: Request) -> tuple[int, bytes] | None:
        if self._moody:
            self.kind = "" if self.kind else "503"
        return super().answer(request)

    def take(self, request: Request) -> tuple[int, bytes]:
        self.records += _records(ExportLogsServiceRequest.FromString(request.body))
        return 200, ExportLogsServiceResponse().SerializeToString()


class OtlpGrpcReceiver(Receiver):
    """OTLP over gRPC; like `OtlpReceiver`, with metadata of requests as headers."""

    def __init__(self, *, tls: Path | None = None, moody: bool = False, **options: Any) -> None:
        super().__init__(tls=tls, **options)
        self._moody = moody
        self._folder = tls
        self._grpc: grpc.Server | None = None

    def _listen(self) -> None:
        if self._grpc is not None:
            return
        self._grpc = grpc.server(ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
        add_LogsServiceServicer_to_server(_Service(self._export), self._grpc)  # type: ignore[no-untyped-call]
        address = f"{self.host}:{self.port}"
        if self._folder is None:
            self._grpc.add_insecure_port(address)
        else:
            key, certificate = ((self._folder / f"server.{part}").read_bytes() for part in ("key", "crt"))
            self._grpc.add_secure_port(address, grpc.ssl_server_credentials([(key, certificate)]))
        self._grpc.start()

    def _close(self) -> None:
        if self._grpc is not None:
            self._grpc.stop(0).wait()
            self._grpc = None

    def _export(self, request: ExportLogsServiceRequest, context: grpc.ServicerContext) -> ExportLogsServiceResponse:
        headers = dict(context.invocation_metadata())
        if self._moody:
            self.kind = "" if self.kind else "503"
        if self.kind:
            self.count_failure()
            context.abort(_STATUS.get(self.kind, grpc.StatusCode.UNAVAILABLE), "not now")
        if wrong := [name for name, text in self._keys.items() if headers.get(name.lower()) != text]:
            self.reasons.append(f"wrong {wrong[0]}")
            context.abort(grpc.StatusCode.UNAUTHENTICATED, self.reasons[-1])
        with self._lock:
            self.records += _records(request)
            self.paths.add("/opentelemetry.proto.collector.logs.v1.LogsService/Export")
        return ExportLogsServiceResponse()


class _Service(LogsServiceServicer):
    def __init__(self, export: _Export) -> None:
        self._export = export

    def Export(self, request: ExportLogsServiceRequest, context: grpc.ServicerContext) -> ExportLogsServiceResponse:
        return self._export(request, context)


def _records(request: ExportLogsServiceRequest) -> list[dict[str, Any]]:
    found = []
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                fields = {each.key: _plain(each.value) for each in record.attributes}
                found.append({**fields, "log": _plain(record.body), "time": record.time_unix_nano})
    return found


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "kvlist_value":
        return {each.key: _plain(each.value) for each in value.kvlist_value.values}
    if kind == "array_value":
        return [_plain(each) for each in value.array_value.values]
    return getattr(value, kind) if kind else None
