"""AWS stand-ins on this machine's loopback address; nothing of them reaches AWS."""

import threading
from ipaddress import IPv4Address
from pathlib import Path
from typing import Self

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from harness.pki import Authority

HOST = "127.0.0.1"
REGION = "us-east-1"
# The stand-in takes any credentials, but a client signs only when it has some.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        """Say nothing: a line for each request would bury what a test prints."""


class CloudWatchLogs:
    """A CloudWatch Logs API, by moto, over TLS as agents insist; also a context manager.

    Args:
        folder: where its certificates are written; it must not exist.

    Attributes:
        port: port of ``HOST`` that it listens on.
        ca: certificate of the authority that signed the server's.
    """

    def __init__(self, folder: Path) -> None:
        authority = Authority(folder)
        authority.issue("server", "logs", hosts=("localhost", IPv4Address(HOST)))
        self.ca = folder / "ca.crt"
        self._server = make_server(
            HOST,
            0,
            DomainDispatcherApplication(create_backend_app),
            threaded=True,
            request_handler=_Quiet,
            ssl_context=(str(folder / "server.crt"), str(folder / "server.key")),
        )
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, name="CloudWatchLogs", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._client = boto3.client(
            "logs",
            region_name=REGION,
            endpoint_url=f"https://{HOST}:{self.port}",
            verify=str(self.ca),
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def groups(self) -> set[str]:
        """Return the names of the log groups."""
        pages = self._client.get_paginator("describe_log_groups").paginate()
        return {group["logGroupName"] for page in pages for group in page["logGroups"]}

    def streams(self, group: str) -> set[str]:
        """Return the names of the streams of a group."""
        pages = self._client.get_paginator("describe_log_streams").paginate(logGroupName=group)
        return {stream["logStreamName"] for page in pages for stream in page["logStreams"]}

    def messages(self, group: str) -> list[str]:
        """Return the messages of all streams of a group; a group that does not exist has none."""
        if group not in self.groups():
            return []
        pages = self._client.get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]
