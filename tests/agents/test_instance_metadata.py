"""Agents on nodes whose instance metadata does not answer: none waits for it, since its Region is configured."""

import contextlib
import ctypes
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness.backends.aws import REGION, CloudWatchLogs
from harness.backends.ports import free_port
from harness.backends.proxy import Proxy
from harness.backends.receivers import HOST
from harness.backends.remote_write import PATH, RemoteWriteReceiver
from harness.backends.xray import XRay
from harness.images import machine_program, variable_of

from .identity import POD_IDENTITY, source
from .node import Node
from .test_egress import KEY, prometheus, send_segment, trace_agent, wait

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs Linux and root"),
]
METADATA = "169.254.169.254"
NEW_NETWORK = 0x40000000  # CLONE_NEWNET of sched.h
# Prometheus sends its first batch after some ten seconds.
SECONDS = 30
NODES = ("hop-limit-of-1", "without-metadata")
IDENTITIES = ("keys", "irsa", "pod-identity")


def on_node(kind: str, test: Callable[[], None]) -> None:
    """Call a function in a network of its own, in which the instance metadata does not answer.

    With a hop limit of 1, pods connect, but the response does not reach them: then no program may even ask. Without
    instance metadata, as on hybrid nodes, the packets are lost.
    """

    def call() -> None:
        if ctypes.CDLL(None, use_errno=True).unshare(NEW_NETWORK):
            pytest.skip("needs the right to create a network namespace")
        commands = ["link set lo up", f"address add {POD_IDENTITY}/32 dev lo"]
        if kind == "hop-limit-of-1":
            commands += [f"address add {METADATA}/32 dev lo"]
        else:
            commands += ["link add pod type veth peer name node", "link set pod arp off up", "link set node up"]
            commands += ["address add 192.0.2.1/32 dev pod", f"route add {METADATA} dev pod"]
        for command in commands:
            subprocess.run(["ip", *command.split()], check=True)
        if kind != "hop-limit-of-1":
            test()
            return
        with socket.create_server((METADATA, 80)) as silent:
            test()
            silent.setblocking(False)
            with pytest.raises(BlockingIOError):
                silent.accept()

    # A thread's namespace is that of its children and of the threads that it starts, and of no others.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(call).result()


@pytest.mark.parametrize("kind", NODES)
@pytest.mark.parametrize("identity", IDENTITIES)
def test_logs_do_not_wait_for_it(tmp_path: Path, kind: str, identity: str) -> None:
    """The first line arrives at once."""
    name = f"logs.{REGION}.amazonaws.com"

    def first_line() -> None:
        with CloudWatchLogs(tmp_path / "pki", names=[name]) as api, pod(tmp_path, identity, name, api) as given:
            outputs = {"cloudwatch": {"enabled": True}}
            began = time.monotonic()
            node = Node(tmp_path, 0, metadata={"from": "tag"}, outputs=outputs, **given)
            try:
                node.write("web-1", "hello")
                node.wait(lambda: api.groups() and api.messages("/aws/containerinsights/eks/application"))
                assert time.monotonic() - began < SECONDS
            finally:
                node.stop()

    on_node(kind, first_line)


@pytest.mark.parametrize("kind", NODES)
@pytest.mark.parametrize("identity", IDENTITIES)
@pytest.mark.parametrize(("engine", "program"), [("xray-daemon", "xray"), ("otel", "aws-otel-collector")])
def test_traces_do_not_wait_for_it(tmp_path: Path, kind: str, identity: str, engine: str, program: str) -> None:
    """The first segment arrives at once."""
    binary = machine_program(program)
    if binary is None:
        pytest.skip(f"needs {program} on PATH (or in ${variable_of(program)})")
    name = f"xray.{REGION}.amazonaws.com"

    def first_segment() -> None:
        with XRay(REGION, tls=tmp_path / "pki", names=[name]) as api, pod(tmp_path, identity, name, api) as given:
            values: dict[str, Any] = {
                "metrics": {"enabled": False},
                "cluster": {"region": REGION},
                "traces": {"enabled": True, "engine": engine},
                **given.pop("values"),
            }
            began = time.monotonic()
            trace = f"1-{int(time.time()):08x}-{'a' * 24}"
            port = free_port()

            def arrives() -> bool:
                send_segment(port, trace)
                return trace in api.segments()

            with trace_agent(tmp_path, str(binary), values, port, **given):
                wait(arrives, tmp_path / "log")
            assert time.monotonic() - began < SECONDS and api.reasons == []

    on_node(kind, first_segment)


@pytest.mark.parametrize("kind", NODES)
@pytest.mark.parametrize("identity", IDENTITIES)
@pytest.mark.parametrize("engine", ["prometheus", "vmagent"])
def test_metrics_do_not_wait_for_it(tmp_path: Path, kind: str, identity: str, engine: str) -> None:
    """The first signed sample arrives at once."""
    name = f"aps-workspaces.{REGION}.amazonaws.com"

    def first_sample() -> None:
        amp = RemoteWriteReceiver(region=REGION, tls=tmp_path / "pki", names=[name])
        with amp, pod(tmp_path, identity, name, amp) as given:
            values: dict[str, Any] = {
                "scrape": {"interval": "1s", "timeout": "1s", "allowList": {"enabled": False}},
                "server": {"engine": engine, "remoteWrite": [{"url": f"https://{name}{PATH}", "sigv4": {}}]},
                **given.pop("values"),
            }
            began = time.monotonic()
            with prometheus(tmp_path, values, **given):
                wait(lambda: amp.samples, tmp_path / "log")
            assert time.monotonic() - began < SECONDS and amp.unauthorized == 0

    on_node(kind, first_sample)


@contextlib.contextmanager
def pod(folder: Path, identity: str, name: str, api: Any) -> Iterator[dict[str, Any]]:
    """Yield values and the environment of a pod with credentials, for which a proxy is the only way to AWS.

    Args:
        folder: folder of the test.
        identity: one of IDENTITIES.
        name: host name of the service of AWS.
        api: the stand-in of this service.
    """
    with source(identity, folder) as issued, Proxy({name: (HOST, api.port), **issued.routes}) as proxy:
        values = {"proxy": {"httpProxy": proxy.url}, "caBundle": {"configMap": KEY}}
        yield {"values": values, "credentials": issued.environment, "ca": issued.bundle(folder, api.ca)}
        assert bool(issued.requests) is (identity != "keys")
    assert proxy.hosts() == {name, *issued.routes}
