"""Follows a container's log through the API server, if the node's disk is not accessible."""

import importlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness.errors import HarnessError
from harness.loss._follower import Follower

RETRY_SECONDS = 0.2
READ_TIMEOUT_SECONDS = 5
OVERLAP_SECONDS = 30


@dataclass(frozen=True)
class State:
    """The state of a container in the API: number of restarts, and whether it has a log (`started`), is running
    (`running`), and can no longer restart (`final`)."""

    restarts: int
    started: bool
    running: bool
    final: bool


class LogSource(Protocol):
    """The interface that `ApiFollower` requires of a cluster."""

    def state(self) -> State | None:
        """Return the state; None if the pod does not exist."""

    def read(self, *, previous: bool, since: int | None) -> Iterator[bytes]:
        """Yield chunks of the log with a timestamp before each line, from `since` seconds ago. Follow it unless
        `previous` is set, and end after a time without output."""


class ApiFollower(Follower):
    """Reads the log of one container by ``GET pods/NAME/log?follow``, across restarts of the container.

    Prefer `DirectoryFollower`. When lines arrive faster than the API server delivers them, the kubelet's rotation
    (10 MiB per file) may delete a file before it is read. When a container restarts twice within one poll, only the
    last two instances remain. A gap in the report may therefore come from the API; raise ``containerLogMaxSize`` to
    exclude that.
    """

    def __init__(
        self,
        kubeconfig: Path | None,
        namespace: str,
        pod: str,
        container: str,
        *,
        source: LogSource | None = None,
    ) -> None:
        """`source` replaces the cluster, for tests."""
        super().__init__()
        if source is None and kubeconfig is None:
            raise HarnessError("ApiFollower needs a kubeconfig file.")
        self._source = source or _Cluster(kubeconfig, namespace, pod, container)
        self._last_time = b""
        self._last_arrival = 0.0
        self._rest = b""
        self._at_last_time = 0  # lines already read with exactly that timestamp

    def _collect(self) -> Iterator[list[bytes]]:
        instance = -1
        while True:
            stopping = self._stopping.is_set()
            state = self._source.state()
            if state is not None and state.started:
                if 0 <= instance < state.restarts:
                    yield from self._read(previous=True)
                if state.restarts > instance:
                    self._last_time, self._at_last_time = b"", 0
                    instance = state.restarts
                yield from self._read(previous=False)
            if stopping or (state is not None and state.final):
                if self._rest:
                    yield [self._rest.partition(b" ")[2]]  # the container ended within a line
                return
            if state is None and instance >= 0:
                return  # the pod existed and was deleted
            self._stopping.wait(RETRY_SECONDS)

    def _read(self, *, previous: bool) -> Iterator[list[bytes]]:
        """Yield the lines after the last one read. Starting too early is safe: every line has its timestamp."""
        since = None
        if self._last_time:
            since = int(time.monotonic() - self._last_arrival) + OVERLAP_SECONDS
        skipped = 0
        last_time, at_last_time = self._last_time, self._at_last_time
        self._rest = b""
        for chunk in self._source.read(previous=previous, since=since):
            *records, self._rest = (self._rest + chunk).split(b"\n")
            lines = []
            for record in records:
                stamp, _, text = record.partition(b" ")
                if last_time and (stamp < last_time or (stamp == last_time and skipped < at_last_time)):
                    skipped += stamp == last_time
                    continue
                self._at_last_time = self._at_last_time + 1 if stamp == self._last_time else 1
                self._last_time, self._last_arrival = stamp, time.monotonic()
                lines.append(text)
            yield lines
            if self._stopping.is_set() and not lines:
                return


class _Cluster:
    """The API of a real cluster."""

    def __init__(self, kubeconfig: Path | None, namespace: str, pod: str, container: str) -> None:
        # The import takes half a second, so it is local. Any: the stubs lack options with underscores.
        client: Any = importlib.import_module("kubernetes.client")
        config: Any = importlib.import_module("kubernetes.config")
        config_object = client.Configuration()
        config.load_kube_config(config_file=str(kubeconfig), client_configuration=config_object)
        self._api = client.CoreV1Api(client.ApiClient(config_object))
        self._missing = client.ApiException
        self._unreadable = (client.ApiException, importlib.import_module("urllib3.exceptions").HTTPError)
        self._where = (pod, namespace)
        self._container = container

    def state(self) -> State | None:
        try:
            pod = self._api.read_namespaced_pod(*self._where)
        except self._missing as error:
            if error.status == 404:
                return None
            raise
        statuses = [*(pod.status.init_container_statuses or []), *(pod.status.container_statuses or [])]
        for status in statuses:
            if status.name == self._container:
                running = status.state.running is not None
                ended = status.state.terminated is not None
                final = ended and pod.status.phase in ("Succeeded", "Failed")
                return State(status.restart_count, running or ended, running, final)
        return State(0, started=False, running=False, final=False)

    def read(self, *, previous: bool, since: int | None) -> Iterator[bytes]:
        options: dict[str, bool | int] = {"previous": True} if previous else {"follow": True}
        if since is not None:
            options["since_seconds"] = since
        try:
            response = self._api.read_namespaced_pod_log(
                *self._where,
                container=self._container,
                timestamps=True,
                _preload_content=False,
                _request_timeout=(10, READ_TIMEOUT_SECONDS),
                **options,
            )
            yield from response.stream(1 << 16)
        except self._unreadable:
            return  # not started yet, just ended, or no output: the caller retries
