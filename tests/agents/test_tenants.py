"""Namespaces that choose their output: no record is in the log group of another one."""

import itertools
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.backends.aws import CloudWatchLogs
from harness.backends.receivers import HOST, JsonReceiver

from .node import Node, http

pytestmark = pytest.mark.slow
NAMESPACES = [f"team-{number}" for number in range(20)]
OFF = {"enabled": False}
SHARED = "/shared"
# Choices, one after the other: each namespace its own output, the next one's, and its own again.
SHIFTS = (0, 1, 0)


def group(namespace: str) -> str:
    return f"/tenants/{namespace}"


def choice(namespace: str, phase: int) -> str:
    """Return the output that a namespace chooses."""
    return NAMESPACES[(NAMESPACES.index(namespace) + SHIFTS[phase]) % len(NAMESPACES)]


def values(api: CloudWatchLogs, phase: int) -> dict[str, Any]:
    """Return values in which every team may choose every output, and `mallory` chooses one, but may not."""
    place = {"type": "cloudwatch", "endpoint": HOST, "port": api.port, "tls": {"caFile": str(api.ca)}}
    outputs = {name: {**place, "logGroupName": group(name)} for name in NAMESPACES}
    return {
        "metadata": {"from": "tag"},
        "dataplane": OFF,
        "host": OFF,
        "outputs": {"cloudwatch": {**place, "enabled": True, "logGroupName": SHARED}, **outputs},
        "values": {
            "tenants": {
                "outputs": {name: ["team-*"] for name in NAMESPACES},
                "namespaces": {**{name: choice(name, phase) for name in NAMESPACES}, "mallory": "team-0"},
            }
        },
    }


def test_choices_that_change_under_load_mix_no_tenants(tmp_path: Path, node: Callable[..., Node]) -> None:
    """Each line is once in the group that its namespace chose when it was written or later, whatever others chose."""
    written: list[tuple[str, int]] = []
    ended = threading.Event()
    phase = 0

    def write(agent: Node) -> None:
        for number in itertools.count():
            if ended.is_set():
                return
            for namespace in (*NAMESPACES, "mallory", "other"):
                agent.write(f"{namespace}-pod", f"{len(written)} {namespace} {phase}", namespace=namespace)
                written.append((namespace, phase))
            ended.wait(0.02 if number else 0)

    with CloudWatchLogs(tmp_path / "pki") as api:
        made = node(**values(api, 0))
        writer = threading.Thread(target=write, args=(made,))
        writer.start()
        for following in range(len(SHIFTS)):
            if following:
                made.stop()
                # Its lines begin when no agent with earlier choices runs.
                phase = following
                made = node(**values(api, phase))
            enough = len(written) + 2000
            made.wait(lambda: len(written) >= enough and made.metric("fluentbit_output_proc_records_total") > 0)  # noqa: B023
        ended.set()
        writer.join()
        made.wait(lambda: sum(len(api.messages(place)) for place in api.groups()) >= len(written))
        made.stop()
        groups = sorted(api.groups())
        found = [(place, json.loads(message)["log"]) for place in groups for message in api.messages(place)]
    assert sorted(int(line.split()[0]) for _, line in found) == [*range(len(written))]
    for place, line in found:
        _, namespace, at = line.split()
        later = range(int(at), len(SHIFTS))
        permitted = {group(choice(namespace, one)) for one in later} if namespace in NAMESPACES else {SHARED}
        assert place in permitted, line
    assert groups == sorted([*(group(name) for name in NAMESPACES), SHARED])


def test_tenants_have_redaction_of_their_own(node: Callable[..., Node], backend: JsonReceiver) -> None:
    """Rules of a tenant apply to its namespaces besides the rules for all, each counted; no other lines change."""
    line = "alice@example.com paid 4111111111111111 for order-77"
    expected = {
        "payments": "[REDACTED:email] paid [REDACTED:card-number] for [REDACTED:order]",
        # May not choose the output, so it keeps the default; its name begins with that of a tenant.
        "payments-2": "[REDACTED:email] paid 4111111111111111 for order-77",
        "shop": "[REDACTED:email] paid 4111111111111111 for order-77",
    }
    with JsonReceiver() as other:
        own = {"rules": ["card-number", "email"], "patterns": {"order": {"regex": "order-[0-9]+"}}}
        tenants = {
            "default": "backend",
            "outputs": {"payments": ["payments"]},
            "redaction": {"payments": own},
            "namespaces": {"payments": "payments", "payments-2": "payments"},
        }
        made = node(
            metadata={"from": "tag"},
            outputs={"backend": http(backend.port), "payments": http(other.port)},
            values={"tenants": tenants, "redaction": {"rules": ["email"]}},
        )
        for namespace in expected:
            made.write("web", *[line] * 100, namespace=namespace)
        made.wait(lambda: len(backend.records) >= 200 and len(other.records) >= 100)
        dropped = "fluentbit_filter_drop_records_total"
        counts = {"email": 300, "card-number": 100, "order": 100, "error": 0}
        for rule, count in counts.items():
            made.wait(lambda: made.metric(dropped, name=f"redacted-{rule}") == count)  # noqa: B023
        made.stop()
    assert {record["log"] for record in other.records} == {expected["payments"]}
    found = {record["kubernetes"]["namespace_name"]: record["log"] for record in backend.records}
    assert found == {name: expected[name] for name in ("payments-2", "shop")}
    assert (len(backend.records), len(other.records)) == (200, 100)
