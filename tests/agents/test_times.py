"""Every record reaches each output with the time that its line has, not with the time at which it was read."""

import contextlib
import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.backends.aws import CloudWatchLogs, Kinesis
from harness.backends.otlp import OtlpGrpcReceiver, OtlpReceiver
from harness.backends.receivers import HOST, BulkReceiver, JsonReceiver, Receiver
from harness.backends.vendors import DatadogReceiver, LokiReceiver, NewRelicReceiver, SplunkReceiver
from harness.render.helm import Helm
from harness.render.manifests import load_yaml

from .conftest import Sidecar
from .test_windows import wait_for

pytestmark = pytest.mark.slow
WINDOWS = Path(__file__).parents[2] / "charts" / "fluent-bit-windows"
SECRET = {"name": "backend", "key": "key"}
# Some minutes ago, as a clock five and a half hours ahead of UTC shows it.
THEN = datetime.now(UTC).replace(microsecond=250_000) - timedelta(minutes=20)
LOCAL = (THEN + timedelta(hours=5, minutes=30)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
DATED = {
    "name": "dated",
    "format": "regex",
    "regex": r"^(?<time>\S+ \S+) (?<level>[A-Z]+) ",
    "time_format": "%Y-%m-%d %H:%M:%S.%L",
    "time_offset": "+0530",
}
TRACE = f"{LOCAL} ERROR java.lang.IllegalStateException: no\n\tat shop.Cart.total(Cart.java:42)"
LINES = [f"{LOCAL} INFO ready", TRACE, f"{LOCAL} INFO done"]


def moment(record: dict[str, Any]) -> datetime:
    """Return the time of a record, in the form of its backend."""
    found = record.get("@timestamp") or record.get("time") or record["timestamp"]
    if isinstance(found, str):
        return datetime.fromisoformat(found.replace("Z", "+00:00")).replace(tzinfo=UTC)
    for unit in (1e9, 1e3):
        if found > unit * 1e9:
            return datetime.fromtimestamp(found / unit, UTC)
    return datetime.fromtimestamp(found, UTC)


Backends = dict[str, tuple[dict[str, Any], Callable[[], list[dict[str, Any]]]]]


@pytest.fixture
def backends(tmp_path: Path) -> Iterator[Backends]:
    """Options of an output for each backend, and what returns its records."""
    kinds: list[tuple[str, type[Receiver], dict[str, Any]]] = [
        ("http", JsonReceiver, {}),
        ("elasticsearch", BulkReceiver, {}),
        ("opensearch", BulkReceiver, {}),
        ("loki", LokiReceiver, {}),
        ("splunk", SplunkReceiver, {"splunkToken": SECRET}),
        ("datadog", DatadogReceiver, {"apikey": SECRET}),
        ("otlp", OtlpReceiver, {}),
        ("otlp", OtlpGrpcReceiver, {"grpc": True}),
    ]
    made: Backends = {}
    with contextlib.ExitStack() as stack:
        for kind, receiver, block in kinds:
            one = stack.enter_context(receiver())
            place = {"type": kind, "host": HOST, "port": one.port, "tls": {"enabled": False}}
            made["grpc" if block.get("grpc") else kind] = ({**place, **block}, lambda one=one: one.records)
        relic = stack.enter_context(NewRelicReceiver(tls=tmp_path / "pki"))
        base = {"type": "newrelic", "licenseKey": SECRET, "baseUri": f"https://{HOST}:{relic.port}/log/v1"}
        made["newrelic"] = ({**base, "tls": {"caSecret": SECRET}}, lambda: relic.records)
        stream = stack.enter_context(Kinesis(tmp_path / "kinesis", stream="logs"))
        place = {"endpoint": HOST, "tls": {"caSecret": SECRET}}
        made["kinesis"] = ({"type": "kinesis", "stream": "logs", "port": stream.port, **place}, lambda: stream.records)
        api = stack.enter_context(CloudWatchLogs(tmp_path / "cloudwatch"))
        group = {"type": "cloudwatch", "logGroupName": "/shop", "port": api.port, **place}
        made["cloudwatch"] = (group, lambda: events(api))
        authorities = [str(one.ca) for one in (relic, stream, api)]
        (tmp_path / "ca.crt").write_text("".join(Path(path).read_text() for path in authorities))
        yield made


def events(api: CloudWatchLogs) -> list[dict[str, Any]]:
    """Return the events of a log group, once it exists."""
    client = api.client("logs")
    try:
        found = client.filter_log_events(logGroupName="/shop")["events"]
    except client.exceptions.ResourceNotFoundException:
        return []
    return [{"timestamp": event["timestamp"], "log": event["message"]} for event in found]


def test_every_output(sidecar: Callable[..., Sidecar], backends: Backends, tmp_path: Path) -> None:
    """Lines without a time zone, and a stack trace, have their own time at every backend."""
    outputs = {name: {**block, "storage": {"totalLimitSize": "16M"}} for name, (block, _) in backends.items()}
    keys = {"OUTPUT_SPLUNK__SPLUNK_TOKEN": "k", "OUTPUT_DATADOG__APIKEY": "k", "OUTPUT_NEWRELIC__LICENSE_KEY": "k"}
    file = {"name": "app", "path": "/var/log/app/app.log", "multiline": "java", "parser": "dated"}
    settings = {"state": {"sizeLimit": "1Gi"}, "fluentBit": {"extraParsers": [DATED]}}
    values = {"logs": {"files": [file]}, "sidecar": settings, "outputs": {"stdout": {"enabled": False}, **outputs}}
    started = sidecar(values, secrets=keys, ca=tmp_path / "ca.crt")
    started.file.write_text("".join(f"{line}\n" for line in LINES))
    for records in [records for _, records in backends.values()]:
        started.wait_for(lambda records=records: len(records()) >= len(LINES))
    found = {name: sorted(moment(record) for record in records()) for name, (_, records) in backends.items()}
    # Some formats have no fraction of a second.
    late = {name: max(abs(time - THEN) for time in times).total_seconds() for name, times in found.items()}
    assert {name: seconds for name, seconds in late.items() if seconds > 0.25} == {}
    assert {len(times) for times in found.values()} == {len(LINES)}


AT = "2026-06-01T10:00:00.250000+00:00"
# A line, the options of its parser, and the time of its record.
FORMS: dict[str, tuple[str, dict[str, Any], str]] = {
    "zone": ("2026-06-01T12:00:00.250+0200 x", {"time_format": "%Y-%m-%dT%H:%M:%S.%L%z"}, AT),
    "utc": ("2026-06-01T10:00:00.250Z x", {"time_format": "%Y-%m-%dT%H:%M:%S.%L%z"}, AT),
    "without": ("2026-06-01T10:00:00.250 x", {"time_format": "%Y-%m-%dT%H:%M:%S.%L"}, AT),
    "offset": ("2026-06-01T04:30:00.250 x", {"time_format": "%Y-%m-%dT%H:%M:%S.%L", "time_offset": "-05:30"}, AT),
    "epoch": ("1780308000.25 x", {"time_format": "%s.%L"}, AT),
    "comma": ("2026-06-01T10:00:00,250 x", {"time_format": "%Y-%m-%dT%H:%M:%S,%L"}, AT),
    "json": (
        '{"at": "2026-06-01T12:00:00.250+0200", "level": "warn"}',
        {"format": "json", "time_key": "at", "time_format": "%Y-%m-%dT%H:%M:%S.%L%z"},
        AT,
    ),
    "none": ("yesterday x", {"time_format": "%Y-%m-%dT%H:%M:%S%z"}, ""),
}

if Path("/usr/share/zoneinfo/Europe/Paris").exists():  # Fluent Bit reads time zones from there.
    zoned = {"time_format": "%Y-%m-%dT%H:%M:%S.%L", "time_zone": "Europe/Paris"}
    FORMS["summer"] = ("2026-06-01T12:00:00.250 x", zoned, AT)


def test_forms_of_times(sidecar: Callable[..., Sidecar], backend: JsonReceiver) -> None:
    """Times with and without a zone are read as the parser says; a line without a time has that of reading it."""
    parsers, files = [], []
    for name, (_, options, _) in FORMS.items():
        regex = {"format": "regex", "regex": r"^(?<time>\S+) "} if "format" not in options else {}
        parsers.append({"name": name, **regex, **options})
        files.append({"name": name, "path": f"/var/log/app/{name}.log", "parser": name})
    http = {"type": "http", "host": HOST, "port": backend.port, "tls": {"enabled": False}}
    settings = {"fluentBit": {"extraParsers": parsers}}
    started = sidecar({"logs": {"files": files}, "sidecar": settings, "outputs": {"http": http}})
    for name, (line, _, _) in FORMS.items():
        started.file.with_name(f"{name}.log").write_text(f"{line}\n")
    started.wait_for(lambda: len(backend) >= len(FORMS) and len(started) >= len(FORMS))
    found = {record["file"]: record for record in backend.records}
    times = {name: datetime.fromisoformat(record["time"].replace("Z", "+00:00")) for name, record in found.items()}
    assert abs(times.pop("none") - datetime.now(UTC)) < timedelta(minutes=5)
    assert times == {name: datetime.fromisoformat(at) for name, (_, _, at) in FORMS.items() if at}
    lines = {line for line, _, _ in FORMS.values()}
    assert {record["log"] for record in backend.records} == {line.decode() for line in started.lines()} == lines
    assert found["json"]["level"] == "warn"


def test_events_of_windows(backend: JsonReceiver, tmp_path: Path, fluent_bit: Path) -> None:
    """Events have the time at which Windows created them, also if the agent reads them later."""
    logs = {"host": {"enabled": True}, "application": {"enabled": False}}
    http = {"type": "http", "host": HOST, "port": backend.port, "tls": {"enabled": False}}
    values = {"mode": "hostProcess", "logs": logs, "outputs": {"cloudwatch": {"enabled": False}, "http": http}}
    made = Helm().render(WINDOWS, values=values).one("ConfigMap", "test-fluent-bit-windows")["data"]
    config = load_yaml(made["fluent-bit.yaml"])
    # The record of an event, as the input makes it.
    event = {"TimeCreated": "2026-06-01 12:00:00 +0200", "Channel": "Application", "Message": "hello"}
    dummy = {"name": "dummy", "tag": "host.events", "dummy": json.dumps(event), "samples": 1}
    pipeline = {**config["pipeline"], "inputs": [dummy]}
    (tmp_path / "fluent-bit.yaml").write_text(
        yaml.safe_dump({**config, "service": {"flush": 0.2}, "pipeline": pipeline})
    )
    command = [str(fluent_bit), "--quiet", "--config", str(tmp_path / "fluent-bit.yaml")]
    log = tmp_path / "log"
    with log.open("w") as out, subprocess.Popen(command, env={"HOST_NAME": "node-1"}, stdout=out, stderr=out) as agent:
        try:
            wait_for(lambda: len(backend) == 1, log)
        finally:
            agent.terminate()
    [record] = backend.records
    assert datetime.fromisoformat(record.pop("time").replace("Z", "+00:00")) == datetime(2026, 6, 1, 10, tzinfo=UTC)
    assert event.items() <= record.items()
