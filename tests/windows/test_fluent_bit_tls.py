"""TLS of the rendered outputs in Fluent Bit for Windows, under Wine: which certificates it accepts.

A stand-in for CloudWatch Logs, or an HTTP receiver, replaces the hosts of the outputs. Everything else is as rendered,
so a certificate file is where the chart mounts it.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.backends.aws import CloudWatchLogs
from harness.backends.pki import Authority
from harness.backends.receivers import JsonReceiver
from harness.render.manifests import Manifests

from .logmonitor import CHART
from .node import Node

pytestmark = pytest.mark.slow
Installed = Callable[..., Manifests]
REJECTED = "certificate verify failed"
GROUP = "/aws/containerinsights/eks/default"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[CloudWatchLogs]:
    """A stand-in for CloudWatch Logs, whose certificate a CA of its own has signed."""
    with CloudWatchLogs(tmp_path / "pki") as made:
        yield made


@pytest.fixture
def running(node: Callable[..., Node], installed: Installed) -> Callable[..., Node]:
    """Start the agent with a line of a container; `kept` are replaced options of its outputs."""

    def start(*files: Path, kept: dict[str, Any], ca: Path | None = None, at: str = "", **values: Any) -> Node:
        made = node(installed(*files, **values), kept=kept)
        if ca is not None:
            made.write_file(made.path(at), ca.read_text(encoding="ascii"))
        made.write("default", "hello")
        made.start()
        return made

    return start


BUNDLE = {"caBundle": {"configMap": {"name": "corporate-ca", "key": "ca.crt"}}}
OWN = {"outputs": {"cloudwatch": {"tls": {"caConfigMap": {"name": "own-ca", "key": "ca.crt"}}}}}
# Values by their name, and where the chart mounts the certificates.
MOUNTED: dict[str, tuple[dict[str, Any], str]] = {
    "caBundle": (BUNDLE, "C:\\ca-bundle\\ca.crt"),
    "ca-of-the-output": (OWN, "C:\\fluent-bit-ca\\cloudwatch\\ca.crt"),
}


@pytest.mark.parametrize(("values", "at"), MOUNTED.values(), ids=MOUNTED)
def test_ca_of_the_values_is_trusted(
    api: CloudWatchLogs, running: Callable[..., Node], values: dict[str, Any], at: str
) -> None:
    """An endpoint that the CA of the values has signed receives the records, in the log group of the namespace."""
    agent = running(kept=to(api), ca=api.ca, at=at, **values)
    agent.wait_for(lambda: api.messages(GROUP))
    assert len(api.messages(GROUP)) == 1 and REJECTED not in agent.log()


@pytest.mark.parametrize(("values", "at"), MOUNTED.values(), ids=MOUNTED)
def test_other_ca_is_rejected(
    api: CloudWatchLogs, running: Callable[..., Node], tmp_path: Path, values: dict[str, Any], at: str
) -> None:
    """An endpoint that another CA has signed receives nothing."""
    other = Authority(tmp_path / "other").folder / "ca.crt"
    agent = running(kept=to(api), ca=other, at=at, **values)
    agent.wait_for(lambda: REJECTED in agent.log())
    assert api.groups() == set()


def test_amazon_roots_are_verified(api: CloudWatchLogs, running: Callable[..., Node]) -> None:
    """With Amazon's root certificates, which the chart ships, an endpoint of another CA receives nothing."""
    agent = running(kept=to(api))
    agent.wait_for(lambda: REJECTED in agent.log())
    assert api.groups() == set()


def test_store_decides_without_a_ca_file(tmp_path: Path, running: Callable[..., Node]) -> None:
    """An HTTP output without a CA rejects a certificate whose CA is not in the store Root of Windows."""
    with JsonReceiver(tls=tmp_path / "pki", user="agent", password="secret") as receiver:
        agent = running(CHART / "ci" / "http-values.yaml", kept={"host": receiver.host, "port": receiver.port})
        agent.wait_for(lambda: REJECTED in agent.log())
        assert receiver.records == []


def to(api: CloudWatchLogs) -> dict[str, Any]:
    """Return the options of an output to a stand-in."""
    return {"endpoint": api.host, "port": api.port}
