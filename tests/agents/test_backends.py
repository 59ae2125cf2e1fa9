"""Every backend gets every record once, with its fields, over TLS and with the right credentials."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import images
from harness.backends.aws import CloudWatchLogs
from harness.backends.ports import free_port
from harness.backends.receivers import HOST, BulkReceiver, JsonReceiver, Receiver
from harness.loss.count import count

from .conftest import Sidecar

pytestmark = pytest.mark.slow
LINES = "--lines 2000 --rate 2000"
FIELDS = {"file": "app", "namespace": "prd", "pod": "shop-0", "container": "app", "node": "node-1", "cluster": "c 1"}

Start = Callable[..., Sidecar]


def to(kind: str, port: int, **block: Any) -> dict[str, Any]:
    """Values that send the lines to a backend of this machine."""
    return {"output": {"type": kind, "labels": {"cluster": "c 1"}, kind: {"host": HOST, "port": port, **block}}}


def arrive(sidecar: Sidecar, receiver: Receiver, written: int) -> None:
    """Wait for the lines, and expect each once, in order, with the fields of a record."""
    sidecar.wait_for(lambda: len(receiver) >= written)
    assert count(receiver.lines(), written).exact
    assert {key: value for key, value in receiver.records[0].items() if key in FIELDS} == FIELDS
    assert receiver.records[1]["offset"] == 101


@pytest.mark.parametrize("kind", ["elasticsearch", "opensearch"])
def test_bulk_api_gets_every_record(sidecar: Start, tmp_path: Path, kind: str) -> None:
    """Over TLS with an authority of one's own and basic authentication, into the index that the values name."""
    with BulkReceiver(tls=tmp_path / "pki", user="shop", password="p$ {w}") as receiver:
        values = to(kind, receiver.port, index="logs-{namespace}-{container}", username={"name": "login"})
        values["output"][kind]["password"] = {"name": "login"}
        values["output"]["ca"] = {"secret": "backend"}
        started = sidecar(values, secrets={"OUTPUT_USERNAME": "shop", "OUTPUT_PASSWORD": "p$ {w}"}, ca=receiver.ca)
        arrive(started, receiver, started.write(LINES))
    assert receiver.indices == {"logs-prd-app"}
    assert (receiver.unauthorized, receiver.repeated) == (0, 0)


def test_opensearch_service_checks_the_signature(sidecar: Start, tmp_path: Path) -> None:
    """Requests are signed by SigV4 for the region and service, which the receiver computes anew."""
    with BulkReceiver(tls=tmp_path / "pki", signed=("eu-west-1", "aoss")) as receiver:
        aws = {"enabled": True, "region": "eu-west-1", "service": "aoss"}
        values = to("opensearch", receiver.port, aws=aws, logstash={"enabled": True, "prefix": "shop"})
        values["output"]["ca"] = {"secret": "backend"}
        started = sidecar(values, ca=receiver.ca)
        arrive(started, receiver, started.write(LINES))
    assert receiver.unauthorized == 0
    assert {index[:7] for index in receiver.indices} == {"shop-20"}


@pytest.mark.parametrize("ending", ["", "\n"], ids=["url", "url-with-newline"])
def test_sumologic_source_is_a_secret_url(sidecar: Start, tmp_path: Path, ending: str) -> None:
    """The URL is taken into its parts by the script; category, name and host are headers."""
    with JsonReceiver(tls=tmp_path / "pki") as receiver:
        url = f"https://{HOST}:{receiver.port}/receiver/v1/http/ZaVnC4dhaV==?x=1{ending}"
        values = to("sumologic", receiver.port)
        values["output"] |= {"sumologic": {"url": {"name": "sumo"}, "sourceCategory": "eks/{namespace} logs"}}
        values["output"]["ca"] = {"secret": "backend"}
        started = sidecar(values, secrets={"OUTPUT_URL": url}, ca=receiver.ca)
        arrive(started, receiver, started.write(LINES))
    assert receiver.paths == {"/receiver/v1/http/ZaVnC4dhaV==?x=1"}
    sumo = {name: receiver.headers[f"X-Sumo-{name}"] for name in ("Category", "Name", "Host")}
    assert sumo == {"Category": "eks/prd logs", "Name": "shop-0", "Host": "node-1"}
    assert receiver.headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize("shape", ["json", "json_lines"])
def test_http_gets_records_and_headers(sidecar: Start, shape: str) -> None:
    """Both formats, headers with blanks, headers from Secrets, login, path and query."""
    with JsonReceiver(user="shop", password="secret") as receiver:
        block = {
            "format": shape,
            "path": "/in?source=eks",
            "tls": {"enabled": False},
            "headers": {"X-Team": "log team"},
        }
        block |= {"secretHeaders": {"X-Api-Key": {"name": "a", "key": "b"}}}
        block |= {"username": {"name": "login"}, "password": {"name": "login"}}
        login = {"OUTPUT_USERNAME": "shop", "OUTPUT_PASSWORD": "secret", "OUTPUT_HEADER_X_API_KEY": 'Bearer "x y"'}
        started = sidecar(to("http", receiver.port, **block), secrets=login)
        arrive(started, receiver, started.write(LINES))
    assert (receiver.headers["X-Team"], receiver.headers["X-Api-Key"]) == ("log team", 'Bearer "x y"')
    assert (receiver.paths, receiver.unauthorized) == ({"/in?source=eks"}, 0)


def test_stranger_gets_nothing(sidecar: Start, tmp_path: Path) -> None:
    """A server whose certificate another authority signed sees no record: they wait."""
    with JsonReceiver(tls=tmp_path / "pki") as receiver:
        started = sidecar(to("http", receiver.port))
        written = started.write(LINES)
        started.wait_for(lambda: started.metric("fluentbit_output_retries_total", name="http") > 0)
        assert started.metric("fluentbit_input_records_total", name="app") == written
        assert len(receiver) == 0
        assert started.metric("fluentbit_output_dropped_records_total", name="http") == 0


def test_refused_records_are_counted(sidecar: Start) -> None:
    """An answer that says never (wrong credentials) drops the records, and the metric counts every one."""
    with JsonReceiver(user="shop", password="other") as receiver:
        started = sidecar(to("http", receiver.port, tls={"enabled": False}))
        written = started.write(LINES)
        dropped = "fluentbit_output_dropped_records_total"
        started.wait_for(lambda: started.metric(dropped, name="http") == written)
        assert len(receiver) == 0


@pytest.mark.parametrize("layout", ["json", "raw"])
def test_cloudwatch_gets_every_line(sidecar: Start, tmp_path: Path, layout: str) -> None:
    """Into the group and the stream of the values' templates, which it makes, as record or as the line alone."""
    with CloudWatchLogs(tmp_path / "pki") as api:
        block = {"endpoint": HOST, "port": api.port, "format": layout, "logRetentionDays": 7}
        block |= {"logGroupName": f"/eks/{{namespace}}/{layout}", "logStreamName": "{node}/{pod}/{file}.log"}
        values = {"output": {"type": "cloudwatch", "cloudwatch": block, "ca": {"secret": "backend"}}}
        started = sidecar(values, ca=api.ca)
        written = started.write(LINES)
        sent = "fluentbit_output_proc_records_total"
        started.wait_for(lambda: started.metric(sent, name="cloudwatch") == written)
        assert api.streams(f"/eks/prd/{layout}") == {"node-1/shop-0/app.log"}
        messages = api.messages(f"/eks/prd/{layout}")
    lines = [json.loads(message)["log"] for message in messages] if layout == "json" else messages
    assert count(lines, written).exact


def test_forward_gets_every_record(sidecar: Start, tmp_path: Path) -> None:
    """Another Fluent Bit answers each chunk, and the shared key lets the sidecar in; bytes are as they were."""
    agent = images.fluent_bit()
    port = free_port()
    server = {"name": "forward", "listen": HOST, "port": port, "shared_key": "a b$", "self_hostname": "server"}
    taken = {"name": "file", "match": "*", "path": str(tmp_path), "file": "taken", "format": "plain"}
    config = tmp_path / "server.yaml"
    config.write_text(json.dumps({"service": {"flush": 0.2}, "pipeline": {"inputs": [server], "outputs": [taken]}}))
    with subprocess.Popen([str(agent), "--quiet", "--config", str(config)]) as process:
        try:
            block = {"tls": {"enabled": False}, "sharedKey": {"name": "key"}}
            started = sidecar(to("forward", port, **block), secrets={"OUTPUT_SHARED_KEY": "a b$"})
            written = started.write(LINES)
            file = tmp_path / "taken"
            started.wait_for(lambda: file.exists() and file.read_bytes().count(b"\n") >= written)
        finally:
            process.terminate()
    records = [json.loads(line) for line in file.read_text().splitlines()]
    assert count([record["log"] for record in records], written).exact
    assert FIELDS.items() <= records[0].items()
