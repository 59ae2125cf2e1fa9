"""Backends of other vendors receive every record once, also after an outage, with the metadata that they expect."""

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.backends.otlp import OtlpGrpcReceiver, OtlpReceiver
from harness.backends.receivers import HOST, JsonReceiver, Receiver
from harness.backends.vendors import (
    DatadogReceiver,
    LokiReceiver,
    NewRelicReceiver,
    SkyWalkingReceiver,
    SplunkReceiver,
)
from harness.loss.count import count

from .test_backends import LINES, SECRET, Start, arrive, recover, to

pytestmark = pytest.mark.slow
Vendor = tuple[str, Callable[..., Receiver], dict[str, Any], dict[str, str]]
# Output type, its receiver, options, and secrets by the end of their variables.
VENDORS: dict[str, Vendor] = {
    "datadog": (
        "datadog",
        functools.partial(DatadogReceiver, keys={"DD-API-KEY": "p$ {w}"}),
        {"apikey": SECRET},
        {"APIKEY": "p$ {w}"},
    ),
    "otlp": (
        "otlp",
        functools.partial(OtlpReceiver, user="shop", password="p$ {w}"),
        {"httpUser": "shop", "httpPasswd": SECRET},
        {"HTTP_PASSWD": "p$ {w}"},
    ),
    "otlp over gRPC": (
        "otlp",
        functools.partial(OtlpGrpcReceiver, keys={"X-Api-Key": "p$ {w}"}),
        {"grpc": True, "secretHeaders": {"X-Api-Key": SECRET}},
        {"HEADER_X_API_KEY": "p$ {w}"},
    ),
    "splunk": (
        "splunk",
        functools.partial(SplunkReceiver, keys={"Authorization": "Splunk p$ {w}"}),
        {"splunkToken": SECRET, "channel": "c-1"},
        {"SPLUNK_TOKEN": "p$ {w}"},
    ),
    "loki": (
        "loki",
        functools.partial(LokiReceiver, user="1", password="p$ {w}", keys={"X-Scope-OrgID": "shop"}),
        {"httpUser": "1", "httpPasswd": SECRET, "tenantId": "shop", "structuredMetadata": {"pod": "{pod}"}},
        {"HTTP_PASSWD": "p$ {w}"},
    ),
}


@pytest.mark.parametrize(("kind", "made", "block", "secrets"), VENDORS.values(), ids=VENDORS)
def test_every_record_arrives_once_after_an_outage(
    sidecar: Start,
    tmp_path: Path,
    kind: str,
    made: Callable[..., Receiver],
    block: dict[str, Any],
    secrets: dict[str, str],
) -> None:
    """A backend that fails at first gets every record once, with its fields, over TLS and with credentials."""
    with made(tls=tmp_path / "pki") as receiver:
        receiver.fail("503")
        given = {f"OUTPUT_{kind.upper()}__{name}": text for name, text in secrets.items()}
        started = sidecar(to(kind, receiver.port, tls={"caSecret": SECRET}, **block), secrets=given, ca=receiver.ca)
        written = started.write(LINES)
        recover(started, receiver, kind)
        arrive(started, receiver, written, ordered=False)
    assert receiver.unauthorized == 0


@pytest.mark.parametrize("over", ["HTTP", "gRPC"])
def test_otlp_retries_whole_chunks(sidecar: Start, over: str) -> None:
    """Every second request fails, and no record is lost; with smaller batches, Fluent Bit forgets failed ones."""
    with (OtlpReceiver if over == "HTTP" else OtlpGrpcReceiver)(moody=True) as receiver:
        block = {"grpc": over == "gRPC", "tls": {"enabled": False}}
        started = sidecar(to("otlp", receiver.port, **block))
        written = started.write("--lines 30000 --rate 15000")
        arrive(started, receiver, written, ordered=False)
        assert receiver.failed["503"] > 1
    assert abs(receiver.records[0]["time"] / 1e9 - time.time()) < 600


def test_datadog_gets_tags(sidecar: Start) -> None:
    """Records have the time, the node as host, tags with the pod, and service and source of the values."""
    with DatadogReceiver(keys={"DD-API-KEY": "key"}) as receiver:
        block = {"apikey": SECRET, "tls": {"enabled": False}, "ddService": "shop", "ddSource": "java", "compress": ""}
        started = sidecar(to("datadog", receiver.port, **block), secrets={"OUTPUT_DATADOG__APIKEY": "key"})
        arrive(started, receiver, started.write(LINES))
    expected = {"service": "shop", "ddsource": "java", "hostname": "node-1"}
    expected["ddtags"] = "kube_namespace:prd,pod_name:shop-0,kube_container_name:app"
    assert expected.items() <= receiver.records[0].items()
    assert abs(receiver.records[0]["timestamp"] / 1000 - time.time()) < 600
    assert (receiver.paths, receiver.headers["Content-Encoding"]) == ({"/api/v2/logs"}, None)


@pytest.mark.parametrize("kind", ["licenseKey", "apiKey"])
def test_newrelic_checks_the_key(sidecar: Start, tmp_path: Path, kind: str) -> None:
    """Each kind of key is in its header, and the URL of the values gets every record with its time."""
    header, variable = {"licenseKey": ("X-License-Key", "LICENSE_KEY"), "apiKey": ("X-Insert-Key", "API_KEY")}[kind]
    with NewRelicReceiver(tls=tmp_path / "pki", keys={header: "p$ {w}"}) as receiver:
        base = f"https://{HOST}:{receiver.port}/log/v1"
        block = {kind: SECRET, "baseUri": base, "compress": "", "tls": {"caSecret": SECRET}}
        receiver.fail("503")
        values = {"outputs": {"stdout": {"enabled": False}, "newrelic": {"type": "newrelic", **block}}}
        values["logs"] = {"labels": {"cluster": "c 1"}}
        secrets = {f"OUTPUT_NEWRELIC__{variable}": "p$ {w}"}
        started = sidecar(values, secrets=secrets, ca=receiver.ca)
        written = started.write(LINES)
        recover(started, receiver, "newrelic")
        arrive(started, receiver, written, ordered=False)
    assert abs(receiver.records[0]["timestamp"] / 1000 - time.time()) < 600
    assert (receiver.paths, receiver.headers["Content-Encoding"]) == ({"/log/v1"}, None)


def test_other_plugin_gets_its_options(sidecar: Start, tmp_path: Path) -> None:
    """A plugin without a type of its own has the options of the values, one of them from a Secret, and TLS."""
    with SkyWalkingReceiver(tls=tmp_path / "pki", keys={"Authentication": "p$ {w}"}) as receiver:
        receiver.fail("503")
        options = {"host": HOST, "port": receiver.port, "svc_name": "{namespace}", "net.keepalive": False}
        block = {"plugin": "skywalking", "options": options, "secretOptions": {"auth_token": SECRET}}
        output = {"type": "custom", "tls": {"caSecret": SECRET}, **block}
        secrets = {"OUTPUT_OAP__OPTION_AUTH_TOKEN": "p$ {w}"}
        started = sidecar({"outputs": {"stdout": {"enabled": False}, "oap": output}}, secrets=secrets, ca=receiver.ca)
        written = started.write(LINES)
        recover(started, receiver, "oap")
        started.wait_for(lambda: len(receiver) >= written)
    assert count(receiver.lines(), written).once
    assert {record["pod"] for record in receiver.records} == {"shop-0"}
    assert receiver.unauthorized == 0


def test_loki_gets_few_streams(sidecar: Start) -> None:
    """By default, the labels of a sidecar's lines are the same; more labels, metadata and raw lines are optional."""
    with LokiReceiver() as default, LokiReceiver() as own:
        plain = {"type": "loki", "host": HOST, "tls": {"enabled": False}}
        fields = [f"${name}" for name in ("offset", "namespace", "pod", "container", "node", "cluster")]
        block = {
            "labels": {"job": "shop"},
            "labelKeys": ["$file"],
            "structuredMetadata": {"pod": "{pod}", "of": "$node"},
        }
        values = to("loki", default.port)
        values["outputs"] |= {
            "loki": {**plain, "port": default.port},
            "own": {**plain, "port": own.port, **block, "removeKeys": fields, "dropSingleKey": "raw"},
        }
        values["sidecar"] = {"state": {"sizeLimit": "1Gi"}}
        started = sidecar(values)
        written = started.write(LINES)
        arrive(started, default, written)
        started.wait_for(lambda: len(own) >= written)
    assert default.streams == [{"job": "log-sidecar", "namespace": "prd", "container": "app"}]
    assert own.streams == [{"job": "shop", "file": "app"}]
    assert (own.metadata, count(own.lines(), written).exact) == ({"pod": "shop-0", "of": "node-1"}, True)


def test_splunk_gets_metadata(sidecar: Start) -> None:
    """Events have a time, the node as host, indexed fields, and the values of fields as index and source type."""
    keys = {"Authorization": "Splunk token", "X-Splunk-Request-Channel": "c-1"}
    with SplunkReceiver(keys=keys) as receiver:
        block = {"splunkToken": SECRET, "channel": "c-1", "tls": {"enabled": False}, "eventKey": "$log"}
        block |= {"eventSource": "{namespace}/{pod}", "eventIndex": "main", "eventIndexKey": "$absent"}
        block |= {"eventSourcetype": "eks logs", "eventSourcetypeKey": "$container", "eventField": {"of": "$file"}}
        started = sidecar(to("splunk", receiver.port, **block), secrets={"OUTPUT_SPLUNK__SPLUNK_TOKEN": "token"})
        written = started.write(LINES)
        started.wait_for(lambda: len(receiver) >= written)
    assert count(receiver.lines(), written).exact
    event = {key: value for key, value in receiver.event.items() if key not in ("event", "time")}
    assert event == {
        "host": "node-1",
        "source": "prd/shop-0",
        "sourcetype": "app",
        "index": "main",
        "fields": {"of": "app"},
    }
    assert abs(receiver.event["time"] - time.time()) < 600
    assert receiver.headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize(
    ("kind", "status", "dropped"),
    [
        ("http", "401", True),
        ("loki", "400", True),
        ("loki", "401", False),
        ("splunk", "400", True),
        ("datadog", "400", False),
        ("otlp", "401", True),
        ("otlp", "500", True),
    ],
)
def test_rejected_records_are_counted(sidecar: Start, kind: str, status: str, dropped: bool) -> None:
    """A plugin retries records, or drops them and counts each, by the status with which a backend rejects them."""
    secrets = {"splunk": {"splunkToken": SECRET}, "datadog": {"apikey": SECRET}}.get(kind, {})
    given = {"OUTPUT_SPLUNK__SPLUNK_TOKEN": "token", "OUTPUT_DATADOG__APIKEY": "key"}
    with JsonReceiver() as receiver:
        receiver.fail(status)
        started = sidecar(to(kind, receiver.port, tls={"enabled": False}, **secrets), secrets=given)
        written = started.write(LINES)
        lost = "fluentbit_output_dropped_records_total"
        if dropped:
            started.wait_for(lambda: started.metric(lost, name=kind) == written)
        else:
            started.wait_for(lambda: started.metric("fluentbit_output_retries_total", name=kind) > 1)
        assert (started.metric(lost, name=kind), len(receiver)) == (written if dropped else 0, 0)
