"""`app.demo.traces`: the demo process sends a trace of each request to a local socket or HTTP server."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.backends import receivers
from harness.render.manifests import Manifests, Object

from .demo import PATIENCE_SECONDS, Demo

ID = r"1-[0-9a-f]{8}-[0-9a-f]{24}"


def traced(protocol: str, endpoint: str, **settings: Any) -> dict[str, Any]:
    return {"app": {"demo": {"traces": {"protocol": protocol, "endpoint": endpoint, **settings}}}}


@pytest.fixture
def daemon() -> Iterator[socket.socket]:
    """A UDP socket in place of an X-Ray daemon."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind((receivers.HOST, 0))
        made.settimeout(PATIENCE_SECONDS)
        yield made


def address(daemon: socket.socket) -> str:
    return f"{receivers.HOST}:{daemon.getsockname()[1]}"


def segment(daemon: socket.socket) -> dict[str, Any]:
    """Return the next segment, without the header that the daemon requires."""
    header, _, document = daemon.recv(65536).partition(b"\n")
    assert json.loads(header) == {"format": "json", "version": 1}
    made: dict[str, Any] = json.loads(document)
    return made


def test_traces_are_off_unless_asked_for(install: Callable[..., Manifests], app: Callable[..., Object]) -> None:
    """Traces are off by default; if enabled, they add a module to the ConfigMap, and the SDKs' variables."""
    assert set(install().one("ConfigMap", "x-log-sidecar-demo")["data"]) == {"app.py"}
    before = {entry["name"] for entry in app()["env"]}
    values = traced("otlp", "http://collector:4318", logGroup="/shop/app")
    made = install(values)
    assert set(made.one("ConfigMap", "x-log-sidecar-demo")["data"]) == {"app.py", "tracer.py"}
    added = {entry["name"]: entry["value"] for entry in app(values)["env"] if entry["name"] not in before}
    assert added == {
        "TRACES": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
        "OTEL_SERVICE_NAME": "x-log-sidecar",
        "TRACES_LOG_GROUP": "/shop/app",
    }


@pytest.mark.parametrize(
    ("protocol", "endpoint", "shown"),
    [("xray", "", "xray-service.prometheus:2000"), ("otlp", "collector:4318", "http://xray-service.prometheus:4318")],
)
def test_an_address_that_does_not_fit_is_rejected(
    rejection: Callable[[Any], str], protocol: str, endpoint: str, shown: str
) -> None:
    """An endpoint that does not match the protocol is rejected with an example that does."""
    said = rejection(traced(protocol, endpoint))
    assert f'`app.demo.traces.protocol` is {protocol}, but `app.demo.traces.endpoint` is "{endpoint}"' in said
    assert f"app:\n  demo:\n    traces:\n      endpoint: {shown}" in said


def test_a_line_leads_to_its_segment(start: Callable[..., Demo], daemon: socket.socket, tmp_path: Path) -> None:
    """Each line of a request ends with the trace ID of its segment, which names the log group."""
    demo = start(traced("xray", address(daemon), service="shop", logGroup="/shop/app"))
    answered, header = demo.ask("/log?lines=3")
    [trace_id] = {line.rpartition(" trace_id=")[2] for line in answered.splitlines()}
    assert re.fullmatch(ID, trace_id)
    assert (tmp_path / "app.log").read_text(encoding="utf-8") == answered
    assert header == f"Root={trace_id};Sampled=1"
    made = segment(daemon)
    assert (made["name"], made["trace_id"], made["origin"]) == ("shop", trace_id, "AWS::EKS::Container")
    assert made["http"] == {
        "request": {"method": "GET", "url": "/log?lines=3"},
        "response": {"status": 200},
    }
    assert made["aws"]["cloudwatch_logs"] == [{"log_group": "/shop/app"}]
    assert "parent_id" not in made
    [step] = made["subsegments"]
    assert (step["name"], step["annotations"]) == ("write", {"lines": 3})
    assert made["start_time"] <= step["start_time"] <= step["end_time"] <= made["end_time"]
    # X-Ray rejects IDs with an old time.
    assert abs(int(trace_id[2:10], 16) - time.time()) < 60
    assert demo.ask("/metrics")[0].splitlines()[1] == "demo_traces_lost_total 0"
    assert "demo_traces_sent_total 1\n" in demo.end()


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Amzn-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"},
        {"traceparent": "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"},
    ],
    ids=["X-Ray", "W3C"],
)
def test_a_trace_goes_on(start: Callable[..., Demo], daemon: socket.socket, headers: dict[str, str]) -> None:
    """The caller's trace is continued; one that is not sampled is not sent, but its ID is in the lines."""
    demo = start(traced("xray", address(daemon)))
    unsampled = {key: value.replace("Sampled=1", "Sampled=0").removesuffix("-01") for key, value in headers.items()}
    unsampled = {key: value + "-00" if key == "traceparent" else value for key, value in unsampled.items()}
    for given in (unsampled, headers):
        answered, _ = demo.ask("/log?lines=1", given)
        assert answered.endswith(" trace_id=1-5759e988-bd862e3fe1be46a994272793\n")
    made = segment(daemon)
    assert (made["trace_id"], made["parent_id"]) == ("1-5759e988-bd862e3fe1be46a994272793", "53995c3f42cd8ad8")
    assert "demo_traces_sent_total 1\n" in demo.end()


def test_a_line_leads_to_its_spans(start: Callable[..., Demo]) -> None:
    """With OTLP, a trace is a server span with a child span and the same ID, in OpenTelemetry's format."""
    with receivers.JsonReceiver() as collector:
        values = traced("otlp", f"http://{receivers.HOST}:{collector.port}", logGroup="/shop/app")
        demo = start(values)
        answered, _ = demo.ask("/log?lines=2")
        said = demo.end()
        assert collector.paths == {"/v1/traces"}
        [sent] = collector.records
    assert "demo_traces_sent_total 1\ndemo_traces_lost_total 0" in said
    [resource] = sent["resourceSpans"]
    about = {entry["key"]: entry["value"] for entry in resource["resource"]["attributes"]}
    assert about["service.name"] == {"stringValue": "x-log-sidecar"}
    assert about["aws.log.group.names"] == {"arrayValue": {"values": [{"stringValue": "/shop/app"}]}}
    server, step = resource["scopeSpans"][0]["spans"]
    written = answered.splitlines()[0].rpartition(" trace_id=")[2]
    assert {server["traceId"], step["traceId"]} == {written.replace("-", "")[1:]}
    assert (step["parentSpanId"], server["parentSpanId"]) == (server["spanId"], "")
    assert (server["name"], server["kind"], step["kind"]) == ("GET /log", 2, 1)


def test_request_at_sigterm_is_answered_and_traced(start: Callable[..., Demo]) -> None:
    """A request that arrives completely only after SIGTERM is answered, and its trace is sent."""
    with receivers.JsonReceiver() as collector:
        demo = start(traced("otlp", f"http://{receivers.HOST}:{collector.port}"))
        with demo.connect() as client:
            client.sendall(b"GET /log?lines=2 HTTP/1.0\r\n")
            # The demo accepts one connection after another.
            demo.get("/healthz")
            demo.stop_listening()
            client.sendall(b"\r\n")
            answer = client.makefile("rb").read()
        said = demo.end()
        assert len(collector.records) == 1
    assert answer.count(b" trace_id=") == 2
    assert "demo_traces_sent_total 1\ndemo_traces_lost_total 0" in said


@pytest.mark.slow
def test_nobody_who_takes_traces_holds_up_nothing(start: Callable[..., Demo]) -> None:
    """With an unknown host or a closed port, traces are lost and counted, and all requests succeed."""
    for protocol, endpoint in (("otlp", f"http://{receivers.HOST}:1"), ("xray", "nobody.invalid:2000")):
        demo = start(traced(protocol, endpoint))
        for _ in range(20):
            assert demo.ask("/log?lines=1")[0]
        said = demo.end()
        assert "demo_traces_sent_total 0\ndemo_traces_lost_total 20" in said


@pytest.mark.slow
def test_a_job_is_one_trace(start: Callable[..., Demo], daemon: socket.socket, tmp_path: Path) -> None:
    """In a Job, all lines belong to one trace, which is sent before the demo exits."""
    values = traced("xray", address(daemon))
    values["app"] |= {"kind": "Job"}
    values["app"]["demo"] |= {"jobLines": 5}
    assert start(values, "batch").process.wait(timeout=PATIENCE_SECONDS) == 0
    lines = (tmp_path / "app.log").read_text(encoding="utf-8").splitlines()
    assert {line.rpartition(" trace_id=")[2] for line in lines} == {segment(daemon)["trace_id"]}
