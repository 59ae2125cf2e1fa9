"""Agents on nodes whose instance metadata does not answer: none waits for it, since its Region is configured."""

import ctypes
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness import tools
from harness.backends.aws import REGION, CloudWatchLogs
from harness.backends.ports import free_port
from harness.backends.receivers import HOST
from harness.backends.remote_write import PATH, RemoteWriteReceiver
from harness.backends.xray import XRay
from harness.images import machine_program, variable_of

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


def on_node(kind: str, test: Callable[[], None]) -> None:
    """Call a function in a network of its own, in which the instance metadata does not answer.

    With a hop limit of 1, pods connect, but the response does not reach them: then no program may even ask. Without
    instance metadata, as on hybrid nodes, the packets are lost.
    """

    def call() -> None:
        if ctypes.CDLL(None, use_errno=True).unshare(NEW_NETWORK):
            pytest.skip("needs the right to create a network namespace")
        commands = ["link set lo up"]
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
def test_logs_do_not_wait_for_it(tmp_path: Path, kind: str) -> None:
    """The first line arrives at once."""

    def first_line() -> None:
        with CloudWatchLogs(tmp_path / "pki") as api:
            outputs = {"cloudwatch": {"enabled": True, "endpoint": api.host, "port": api.port}}
            bundle = {"caBundle": {"configMap": KEY}}
            began = time.monotonic()
            node = Node(tmp_path, 0, metadata={"from": "tag"}, outputs=outputs, values=bundle, ca=api.ca)
            try:
                node.write("web-1", "hello")
                node.wait(lambda: api.groups() and api.messages("/aws/containerinsights/eks/application"))
                assert time.monotonic() - began < SECONDS
            finally:
                node.stop()

    on_node(kind, first_line)


@pytest.mark.parametrize("kind", NODES)
@pytest.mark.parametrize(("engine", "program"), [("xray-daemon", "xray"), ("otel", "aws-otel-collector")])
def test_traces_do_not_wait_for_it(tmp_path: Path, kind: str, engine: str, program: str) -> None:
    """The first segment arrives at once."""
    binary = machine_program(program)
    if binary is None:
        pytest.skip(f"needs {program} on PATH (or in ${variable_of(program)})")

    def first_segment() -> None:
        with XRay(REGION, tls=tmp_path / "pki") as api:
            values: dict[str, Any] = {
                "metrics": {"enabled": False},
                "cluster": {"region": REGION},
                "traces": {"enabled": True, "engine": engine, "endpoint": api.url},
                "caBundle": {"configMap": KEY},
            }
            began = time.monotonic()
            trace = f"1-{int(time.time()):08x}-{'a' * 24}"
            port = free_port()

            def arrives() -> bool:
                send_segment(port, trace)
                return trace in api.segments()

            with trace_agent(tmp_path, str(binary), values, port, ca=api.ca):
                wait(arrives, tmp_path / "log")
            assert time.monotonic() - began < SECONDS

    on_node(kind, first_segment)


@pytest.mark.parametrize("kind", NODES)
def test_metrics_do_not_wait_for_it(tmp_path: Path, kind: str) -> None:
    """The first signed sample arrives at once."""
    binary = tools.find("prometheus").path
    if binary is None:
        pytest.skip("needs prometheus")

    def first_sample() -> None:
        with RemoteWriteReceiver(region=REGION) as amp:
            values: dict[str, Any] = {
                "scrape": {"interval": "1s", "timeout": "1s", "allowList": {"enabled": False}},
                "server": {"remoteWrite": [{"url": f"http://{HOST}:{amp.port}{PATH}", "sigv4": {"region": REGION}}]},
            }
            began = time.monotonic()
            with prometheus(tmp_path, str(binary), values):
                wait(lambda: amp.samples, tmp_path / "log")
            assert time.monotonic() - began < SECONDS and amp.unauthorized == 0

    on_node(kind, first_sample)
