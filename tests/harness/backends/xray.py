"""An X-Ray API on this machine: moto behind a signature check; no request reaches AWS."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import boto3
from aws_xray_sdk.core import xray_recorder  # type: ignore[import-untyped]
from moto.backends import get_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import Client

from harness.backends.aws import CREDENTIALS
from harness.backends.ports import in_url
from harness.backends.receivers import HOST, Receiver, Request

# moto imports the X-Ray SDK, which opens an unused socket and never closes it.
xray_recorder.emitter._socket.close()
# moto has no sampling rules; this is X-Ray's default rule, which SDKs request through the daemon's TCP port.
_RULE = {
    "RuleName": "Default",
    "RuleARN": "arn:aws:xray:::sampling-rule/Default",
    "Version": 1,
    "Priority": 10000,
    "FixedRate": 0.05,
    "ReservoirSize": 1,
    **dict.fromkeys(("ServiceName", "ServiceType", "Host", "HTTPMethod", "URLPath", "ResourceARN"), "*"),
}
_RULES = json.dumps({"SamplingRuleRecords": [{"SamplingRule": _RULE, "CreatedAt": 0, "ModifiedAt": 0}]}).encode()


class XRay(Receiver):
    """An X-Ray API that rejects requests not signed for its region; also a context manager.

    Args:
        region: AWS region of the API.
        host: address of this machine to listen on.
        tls, names: as of ``Receiver``.

    Attributes:
        url: URL of the API.
        senders: sender addresses of each trace, by trace ID.
    """

    refused = 403

    def __init__(self, region: str, *, host: str = HOST, tls: Path | None = None, names: Sequence[str] = ()) -> None:
        super().__init__(host=host, signed=(region, "xray"), tls=tls, names=names)
        self.senders: dict[str, set[str]] = {}
        self._region = region
        self._moto = Client(DomainDispatcherApplication(create_backend_app))

    @property
    def url(self) -> str:
        return f"http{'s' if self.ca else ''}://{in_url(self.host)}:{self.port}"

    def __enter__(self) -> Self:
        super().__enter__()
        self._api = boto3.client(
            "xray",
            region_name=self._region,
            endpoint_url=self.url,
            verify=str(self.ca) if self.ca else None,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )
        # moto's first answer takes longer than the daemon's timeout.
        self.segments()
        return self

    def __exit__(self, *_: object) -> None:
        self._api.close()
        super().__exit__()
        # moto's state is shared within the process; reset it for the next stand-in.
        get_backend("xray").reset()

    def take(self, request: Request) -> tuple[int, bytes]:
        """See ``Receiver.take``."""
        if request.path == "/GetSamplingRules":
            return 200, _RULES
        if request.path == "/TraceSegments":
            for document in json.loads(request.body)["TraceSegmentDocuments"]:
                self.senders.setdefault(json.loads(document).get("trace_id", ""), set()).add(request.client)
        answer = self._moto.post(request.path, data=request.raw, headers=dict(request.headers.items()))
        return answer.status_code, answer.get_data()

    def segments(self) -> dict[str, list[dict[str, Any]]]:
        """Return the received documents by trace ID, as X-Ray's API returns them.

        As in X-Ray, a newer document replaces one with the same ID: a client retries after a timeout.
        """
        now, day = datetime.now(), timedelta(days=1)
        found = self._api.get_trace_summaries(StartTime=now - day, EndTime=now + day)["TraceSummaries"]
        ids = [trace["Id"] for trace in found]
        traces = self._api.batch_get_traces(TraceIds=ids)["Traces"] if ids else []
        return {
            trace["Id"]: list({part["Id"]: json.loads(part["Document"]) for part in trace["Segments"]}.values())
            for trace in traces
        }
