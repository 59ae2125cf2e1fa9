"""An X-Ray API on this machine: moto's, behind a check of signatures; nothing of it reaches AWS."""

import json
from datetime import datetime, timedelta
from typing import Any, Self

import boto3
from aws_xray_sdk.core import xray_recorder  # type: ignore[import-untyped]
from moto.backends import get_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import Client

from harness.backends.aws import CREDENTIALS
from harness.backends.receivers import HOST, Receiver, Request

# moto brings X-Ray's SDK along, which opens a socket that nobody needs here, and never closes it.
xray_recorder.emitter._socket.close()
# moto knows no rules; this one is X-Ray's own default, which SDKs ask for through the daemon's TCP port.
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
    """An X-Ray API that refuses what is not signed for its region; also a context manager.

    Args:
        region: the region that it is in.
        host: address of this machine that it listens on.

    Attributes:
        url: its address.
        senders: from which addresses the documents of a trace came, by its id.
    """

    refused = 403

    def __init__(self, region: str, *, host: str = HOST) -> None:
        super().__init__(host=host, signed=(region, "xray"))
        self.senders: dict[str, set[str]] = {}
        self._region = region
        self._moto = Client(DomainDispatcherApplication(create_backend_app))

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def __enter__(self) -> Self:
        super().__enter__()
        self._api = boto3.client(
            "xray",
            region_name=self._region,
            endpoint_url=self.url,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )
        # moto's first answer takes longer than a daemon waits.
        self.segments()
        return self

    def __exit__(self, *_: object) -> None:
        self._api.close()
        super().__exit__()
        # All of this process share what moto keeps; the next one begins without it.
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
        """Return the documents that arrived, by the id of their trace, as X-Ray's API tells them.

        As in X-Ray there is one of each id, the newest: a client that waited too long for an answer sends it again.
        """
        now, day = datetime.now(), timedelta(days=1)
        found = self._api.get_trace_summaries(StartTime=now - day, EndTime=now + day)["TraceSummaries"]
        ids = [trace["Id"] for trace in found]
        traces = self._api.batch_get_traces(TraceIds=ids)["Traces"] if ids else []
        return {
            trace["Id"]: list({part["Id"]: json.loads(part["Document"]) for part in trace["Segments"]}.values())
            for trace in traces
        }
