"""Backends receive every record once, with its fields, over TLS and with credentials."""

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.backends.aws import CloudWatchLogs, Kinesis
from harness.backends.ports import free_port
from harness.backends.receivers import HOST, BulkReceiver, JsonReceiver, Receiver, Trouble
from harness.loss.count import count

from .conftest import Sidecar

pytestmark = pytest.mark.slow
LINES = "--lines 2000 --rate 2000"
SECRET = {"name": "backend", "key": "key"}
FIELDS = {"file": "app", "namespace": "prd", "pod": "shop-0", "container": "app", "node": "node-1", "cluster": "c 1"}

Start = Callable[..., Sidecar]


def to(kind: str, port: int, **block: Any) -> dict[str, Any]:
    """Return values with an output to a local backend, named after its type."""
    output = {"type": kind, "host": HOST, "port": port, **block}
    return {"logs": {"labels": {"cluster": "c 1"}}, "outputs": {"stdout": {"enabled": False}, kind: output}}


def recover(sidecar: Sidecar, backend: Trouble, name: str) -> None:
    """End the outage of a backend when a request of the output failed."""
    sidecar.wait_for(lambda: sidecar.metric("fluentbit_output_retries_total", name=name) > 0)
    assert sum(backend.failed.values()) > 0
    backend.heal()


def arrive(sidecar: Sidecar, receiver: Receiver, written: int, *, ordered: bool = True) -> None:
    """Wait for the lines, and check that each arrived once, in order, with the fields of a record."""
    sidecar.wait_for(lambda: len(receiver) >= written)
    report = count(receiver.lines(), written)
    assert report.exact if ordered else report.once, report
    assert {key: value for key, value in receiver.records[0].items() if key in FIELDS} == FIELDS
    assert 101 in [record["offset"] for record in receiver.records]


@pytest.mark.parametrize("kind", ["elasticsearch", "opensearch"])
def test_bulk_api_gets_every_record(sidecar: Start, tmp_path: Path, kind: str) -> None:
    """Records reach the index in the values over TLS with a private CA and basic authentication."""
    with BulkReceiver(tls=tmp_path / "pki", user="shop", password="p$ {w}") as receiver:
        login = {"httpUser": SECRET, "httpPasswd": SECRET, "tls": {"caSecret": SECRET}}
        values = to(kind, receiver.port, index="logs-{namespace}-{container}", **login)
        variable = f"OUTPUT_{kind.upper()}__HTTP_"
        secrets = {f"{variable}USER": "shop", f"{variable}PASSWD": "p$ {w}"}
        started = sidecar(values, secrets=secrets, ca=receiver.ca)
        arrive(started, receiver, started.write(LINES))
    assert receiver.indices == {"logs-prd-app"}
    assert (receiver.unauthorized, receiver.repeated) == (0, 0)


def test_opensearch_service_checks_the_signature(sidecar: Start, tmp_path: Path) -> None:
    """Requests have a valid SigV4 signature for the Region and service."""
    with BulkReceiver(tls=tmp_path / "pki", signed=("eu-west-1", "aoss")) as receiver:
        aws = {"awsAuth": True, "region": "eu-west-1", "awsServiceName": "aoss", "tls": {"caConfigMap": SECRET}}
        values = to("opensearch", receiver.port, logstashFormat=True, logstashPrefix="shop", **aws)
        started = sidecar(values, ca=receiver.ca)
        arrive(started, receiver, started.write(LINES))
    assert receiver.unauthorized == 0
    assert {index[:7] for index in receiver.indices} == {"shop-20"}


@pytest.mark.parametrize("ending", ["", "\n"], ids=["url", "url-with-newline"])
def test_sumologic_source_is_a_secret_url(sidecar: Start, tmp_path: Path, ending: str) -> None:
    """The script splits the URL into its parts; category, name and host are headers."""
    with JsonReceiver(tls=tmp_path / "pki") as receiver:
        url = f"https://{HOST}:{receiver.port}/receiver/v1/http/ZaVnC4dhaV==?x=1{ending}"
        values = to("sumologic", 0)
        source = {"url": SECRET, "sourceCategory": "eks/{namespace} logs", "tls": {"caSecret": SECRET}}
        values["outputs"]["sumologic"] = {"type": "sumologic", **source}
        started = sidecar(values, secrets={"OUTPUT_SUMOLOGIC__URL": url}, ca=receiver.ca)
        arrive(started, receiver, started.write(LINES))
    assert receiver.paths == {"/receiver/v1/http/ZaVnC4dhaV==?x=1"}
    sumo = {name: receiver.headers[f"X-Sumo-{name}"] for name in ("Category", "Name", "Host")}
    assert sumo == {"Category": "eks/prd logs", "Name": "shop-0", "Host": "node-1"}
    assert receiver.headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize("aggregated", [False, True], ids=["apart", "aggregated"])
def test_kinesis_gets_every_record(sidecar: Start, tmp_path: Path, aggregated: bool) -> None:
    """After an outage at the start, every record is in the stream once, with its time."""
    with Kinesis(tmp_path / "pki", stream="logs") as stream:
        block = {"endpoint": HOST, "port": stream.port, "stream": "logs", "tls": {"caSecret": SECRET}}
        output = {"type": "kinesis", "simpleAggregation": aggregated, **block}
        stream.fail("503")
        started = sidecar({"outputs": {"stdout": {"enabled": False}, "kinesis": output}}, ca=stream.ca)
        written = started.write(LINES)
        recover(started, stream, "kinesis")
        started.wait_for(lambda: len(stream) >= written)
        assert count(stream.lines(), written).once
        first = stream.records[0]
    assert FIELDS.items() - {("cluster", "c 1")} <= first.items()
    assert abs(datetime.now(UTC) - datetime.fromisoformat(first["time"])).total_seconds() < 600


@pytest.mark.parametrize("shape", ["json", "json_lines"])
def test_http_gets_records_and_headers(sidecar: Start, shape: str) -> None:
    """Both formats arrive, with headers that contain spaces, headers from Secrets, credentials, path and query."""
    with JsonReceiver(user="shop", password="secret") as receiver:
        block = {
            "format": shape,
            "uri": "/in?source=eks",
            "tls": {"enabled": False},
            "headers": {"X-Team": "log team"},
        }
        block |= {"secretHeaders": {"X-Api-Key": SECRET}, "httpUser": "shop", "httpPasswd": SECRET}
        login = {"OUTPUT_HTTP__HTTP_PASSWD": "secret", "OUTPUT_HTTP__HEADER_X_API_KEY": 'Bearer "x y"'}
        started = sidecar(to("http", receiver.port, **block), secrets=login)
        arrive(started, receiver, started.write(LINES))
    assert (receiver.headers["X-Team"], receiver.headers["X-Api-Key"]) == ("log team", 'Bearer "x y"')
    assert (receiver.paths, receiver.unauthorized) == ({"/in?source=eks"}, 0)


def test_urls_of_two_outputs_are_secrets(sidecar: Start, tmp_path: Path) -> None:
    """Each output uses its own URL: one with TLS, port and path, one without TLS and path."""
    with JsonReceiver(tls=tmp_path / "pki") as first, JsonReceiver() as second:
        values = to("http", 0)
        values["outputs"] |= {
            "http": {"type": "http", "url": SECRET, "tls": {"caSecret": SECRET}},
            "http-2": {"type": "http", "url": {"name": "backend", "key": "other"}, "format": "json_lines"},
        }
        values["sidecar"] = {"state": {"sizeLimit": "1Gi"}}
        urls = {
            "OUTPUT_HTTP__URL": f"https://{HOST}:{first.port}/in/a?b=c\n",
            "OUTPUT_HTTP_2__URL": f"http://{HOST}:{second.port}",
        }
        started = sidecar(values, secrets=urls, ca=first.ca)
        written = started.write(LINES)
        for receiver in (first, second):
            arrive(started, receiver, written)
    assert (first.paths, second.paths) == ({"/in/a?b=c"}, {"/"})


def test_two_backends_and_stdout_at_once(sidecar: Start) -> None:
    """Every output receives every line once; on stdout, a multiline record is one line."""
    traces = [f"#{number} failed\n\tat shop.Cart\n\tat shop.Main" for number in range(500)]
    file = {"name": "app", "path": "/var/log/app/app.log", "multiline": "regex", "multilineRegex": {"start": r"^#\d"}}
    with JsonReceiver() as http, BulkReceiver() as bulk:
        plain = {"host": HOST, "tls": {"enabled": False}}
        values = {
            "logs": {"files": [file]},
            "sidecar": {"state": {"sizeLimit": "1Gi"}},
            "outputs": {
                "ingest": {"type": "http", "port": http.port, **plain},
                "search": {"type": "opensearch", "port": bulk.port, **plain},
            },
        }
        started = sidecar(values)
        started.file.write_text("".join(f"{trace}\n" for trace in traces))
        started.wait_for(lambda: min(len(http), len(bulk), len(started)) >= len(traces))
        for receiver in (http, bulk):
            assert [record["log"] for record in receiver.records] == traces
            assert FIELDS.items() - {("cluster", "c 1")} <= receiver.records[0].items()
        assert [line.decode() for line in started.lines()] == [trace.replace("\n", "\\n") for trace in traces]


def test_output_receives_its_files_only(sidecar: Start) -> None:
    """`match.files` sends one of two files to a backend, and both to stdout."""
    files = [{"name": name, "path": f"/var/log/app/{name}.log"} for name in ("app", "audit")]
    with JsonReceiver() as receiver:
        output = {"type": "http", "host": HOST, "port": receiver.port, "tls": {"enabled": False}}
        match = {"files": ["audit"]}
        started = sidecar({"logs": {"files": files}, "outputs": {"ingest": {**output, "match": match}}})
        started.file.write_text("of app\n")
        started.file.with_name("audit.log").write_text("of audit\n")
        started.wait_for(lambda: len(started) >= 2 and len(receiver) >= 1)
        assert sorted(started.lines()) == [b"of app", b"of audit"]
        assert [(record["log"], record["file"]) for record in receiver.records] == [("of audit", "audit")]


def test_stranger_gets_nothing(sidecar: Start, tmp_path: Path) -> None:
    """A server with a certificate of another CA receives no records, which wait in the buffer."""
    with JsonReceiver(tls=tmp_path / "pki") as receiver:
        started = sidecar(to("http", receiver.port))
        written = started.write(LINES)
        started.wait_for(lambda: started.metric("fluentbit_output_retries_total", name="http") > 0)
        assert started.metric("fluentbit_input_records_total", name="app") == written
        assert len(receiver) == 0
        assert started.metric("fluentbit_output_dropped_records_total", name="http") == 0


@pytest.mark.parametrize("layout", ["json", "raw"])
def test_cloudwatch_gets_every_line(sidecar: Start, tmp_path: Path, layout: str) -> None:
    """Fluent Bit creates the log group and stream of the templates, and sends whole records or only the line."""
    with CloudWatchLogs(tmp_path / "pki") as api:
        block = {"endpoint": HOST, "port": api.port, "logRetentionDays": 7, "tls": {"caSecret": SECRET}}
        block |= {"logGroupName": f"/eks/{{namespace}}/{layout}", "logStreamName": "{node}/{pod}.{file}"}
        block |= {"logKey": "log"} if layout == "raw" else {}
        outputs = {"stdout": {"enabled": False}, "cloudwatch": {"type": "cloudwatch", **block}}
        started = sidecar({"outputs": outputs}, ca=api.ca)
        written = started.write(LINES)
        sent = "fluentbit_output_proc_records_total"
        started.wait_for(lambda: started.metric(sent, name="cloudwatch") == written)
        assert api.streams(f"/eks/prd/{layout}") == {"node-1/shop-0.app"}
        messages = api.messages(f"/eks/prd/{layout}")
    lines = [json.loads(message)["log"] for message in messages] if layout == "json" else messages
    assert count(lines, written).exact


def test_embedded_metrics_pass_unmodified(sidecar: Start, tmp_path: Path) -> None:
    """CloudWatch Logs gets documents with metrics as the application wrote them, and is told their format."""
    metric = {"Namespace": "shop", "Dimensions": [["Région"]], "Metrics": [{"Name": "Time", "Unit": "Milliseconds"}]}
    values = [1e-7, 12.50, 9007199254740993, -0.0, [0.1, 2], None]
    documents = [
        {
            "_aws": {"Timestamp": 1795862774000 + number, "CloudWatchMetrics": [metric]},
            "Time": value,
            "Région": 'a"\\\n\u2028/é',
        }
        for number, value in enumerate(values * 50)
    ]
    spaced = (", ", ": ")
    lines = [json.dumps(one, ensure_ascii=one["Time"] is None, separators=spaced) for one in documents]
    with CloudWatchLogs(tmp_path / "pki") as api:
        block = {"endpoint": HOST, "port": api.port, "logGroupName": "/emf", "tls": {"caSecret": SECRET}}
        block |= {"logKey": "log", "logFormat": "json/emf"}
        outputs = {"stdout": {"enabled": False}, "cloudwatch": {"type": "cloudwatch", **block}}
        started = sidecar({"outputs": outputs}, ca=api.ca)
        started.file.write_text("".join(f"{line}\n" for line in lines))
        sent = "fluentbit_output_proc_records_total"
        started.wait_for(lambda: started.metric(sent, name="cloudwatch") == len(lines))
        assert api.messages("/emf") == lines
        assert api.formats == {"json/emf"}


def test_group_of_each_day(sidecar: Start, tmp_path: Path) -> None:
    """A filter adds the day of a record's time as a field, which is part of the name of the log group."""
    code = 'function day(tag, time, record) record.day = os.date("!%Y-%m-%d", time.sec) return 2, time, record end'
    lua = {"name": "lua", "match": "*", "time_as_table": True, "call": "day", "code": code}
    parser = {"name": "parser", "match": "*", "key_name": "log", "parser": "dated", "preserve_key": True}
    dated = {
        "name": "dated",
        "format": "regex",
        "regex": "^(?<time>[^ ]+)",
        "time_key": "time",
        "time_format": "%FT%TZ",
    }
    agent = {"extraFilters": [{**parser, "reserve_data": True}, lua], "extraParsers": [dated]}
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0)
    times = [f"{time:%FT%TZ}" for time in (midnight - timedelta(seconds=1), midnight)]
    with CloudWatchLogs(tmp_path / "pki") as api:
        block = {"endpoint": HOST, "port": api.port, "tls": {"caSecret": SECRET}}
        block |= {"logGroupName": "/shop/other", "logGroupTemplate": "/shop/$day", "logKey": "log"}
        outputs = {"stdout": {"enabled": False}, "cloudwatch": {"type": "cloudwatch", **block}}
        started = sidecar({"outputs": outputs, "sidecar": {"fluentBit": agent}}, ca=api.ca)
        started.file.write_text("".join(f"{time} line\n" for time in times))
        sent = "fluentbit_output_proc_records_total"
        started.wait_for(lambda: started.metric(sent, name="cloudwatch") == len(times))
        groups = {group: api.messages(group) for group in api.groups()}
    assert groups == {f"/shop/{time[:10]}": [f"{time} line"] for time in times}


def test_forward_gets_every_record(sidecar: Start, tmp_path: Path, fluent_bit: Path) -> None:
    """Another Fluent Bit accepts the shared key, acknowledges each chunk, and receives unchanged bytes."""
    port = free_port()
    server = {"name": "forward", "listen": HOST, "port": port, "shared_key": "a b$", "self_hostname": "server"}
    taken = {"name": "file", "match": "*", "path": str(tmp_path), "file": "taken", "format": "plain"}
    config = tmp_path / "server.yaml"
    config.write_text(json.dumps({"service": {"flush": 0.2}, "pipeline": {"inputs": [server], "outputs": [taken]}}))
    with subprocess.Popen([fluent_bit, "--quiet", "--config", str(config)]) as process:
        try:
            block = {"tls": {"enabled": False}, "sharedKey": SECRET}
            started = sidecar(to("forward", port, **block), secrets={"OUTPUT_FORWARD__SHARED_KEY": "a b$"})
            written = started.write(LINES)
            file = tmp_path / "taken"
            started.wait_for(lambda: file.exists() and file.read_bytes().count(b"\n") >= written)
        finally:
            process.terminate()
    records = [json.loads(line) for line in file.read_text().splitlines()]
    assert count([record["log"] for record in records], written).exact
    assert FIELDS.items() <= records[0].items()
