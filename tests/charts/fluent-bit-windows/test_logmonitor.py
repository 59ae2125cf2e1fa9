"""LogMonitor in the pods of workloads: its sources, its configuration, and the settings that it would ignore."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis_jsonschema import from_schema
from jsonschema import Draft7Validator

from harness.render.helm import Helm
from harness.render.manifests import Manifests

from .workloads import ALL_VALUES, CHART, ETW, EVENTS, FILE, FILES, copied, pod_of, workload

STRICT = Draft7Validator(json.loads((FILES / "LogMonitorConfig.schema.json").read_text(encoding="utf-8")))

Render = Callable[..., Manifests]


def test_baked_configuration_is_what_logmonitor_reads() -> None:
    """The configuration next to the Dockerfile passes the strict schema, and is UTF-8 without a byte order mark."""
    text = (FILES / "LogMonitorConfig.json").read_bytes()
    assert [error.message for error in STRICT.iter_errors(json.loads(text))] == []
    assert text.startswith(b"{")


def test_three_ways_to_add_logmonitor(with_workloads: Render) -> None:
    """LogMonitor is copied by an init container, part of the image, or the entry point of the image.

    Without /Config, it reads C:\\LogMonitor\\LogMonitorConfig.json and nothing else:
    https://github.com/microsoft/windows-container-tools/blob/v2.2.1/LogMonitor/src/LogMonitor/Main.cpp, `wmain`.
    """
    config = ["/Config", "LogMonitorConfig.json"]
    manifests = with_workloads(files=(ALL_VALUES,))
    pods = {name: pod_of(manifests, f"x-fluent-bit-windows-{name}") for name in ("copied", "baked", "entrypoint")}
    assert {name: [one["name"] for one in pod.get("initContainers", [])] for name, pod in pods.items()} == {
        "copied": ["logmonitor"],
        "baked": [],
        "entrypoint": [],
    }
    assert {name: pod["containers"][0].get("command") for name, pod in pods.items()} == {
        "copied": ["C:\\logmonitor-files\\LogMonitor\\LogMonitor.exe", *config, "C:\\app\\service.exe"],
        "baked": ["C:\\Tools\\LogMonitor\\LogMonitor.exe", *config, "C:\\ServiceMonitor.exe", "w3svc"],
        "entrypoint": None,
    }
    assert manifests.select("ConfigMap", labels={"app.kubernetes.io/component": "workload-baked"}).names() == set()


def test_program_and_configuration_are_copied_into_one_folder(with_workloads: Render) -> None:
    """The program and its configuration are copied into one directory; a mounted ConfigMap would hide the program."""
    pod = pod_of(with_workloads(workload(logMonitor=copied(FILE))))
    [copier], [container] = pod["initContainers"], pod["containers"]
    folder = "C:\\logmonitor-files\\LogMonitor"
    assert copier["command"] == [
        "cmd.exe",
        "/S",
        "/C",
        f"(if not exist {folder} mkdir {folder}) && copy /Y C:\\LogMonitor\\LogMonitor.exe {folder} "
        f"&& copy /Y C:\\logmonitor-config\\LogMonitorConfig.json {folder}",
    ]
    assert copier["image"] == "registry.invalid/logmonitor:1"
    volume = {"name": "logmonitor", "mountPath": "C:\\logmonitor-files"}
    config = {"name": "logmonitor-config", "mountPath": "C:\\logmonitor-config", "readOnly": True}
    assert copier["volumeMounts"] == [volume, config]
    assert container["volumeMounts"] == [{**volume, "readOnly": True}]
    assert [volume["name"] for volume in pod["volumes"]] == ["logmonitor", "logmonitor-config"]
    assert not any("subPath" in mount for mount in copier["volumeMounts"])


def test_changed_configuration_restarts_pods(with_workloads: Render) -> None:
    """Another configuration restarts the pods, because LogMonitor reads its configuration only when it starts."""

    def annotations(directory: str) -> Any:
        manifests = with_workloads(workload(logMonitor=copied({**FILE, "directory": directory})))
        return manifests.one("Deployment")["spec"]["template"]["metadata"]["annotations"]

    assert annotations("C:\\a") != annotations("C:\\b")


def test_rendered_configuration_has_the_values(with_workloads: Render) -> None:
    """The configuration has every source as in the values, and the strict schema accepts it."""
    data = with_workloads(files=(ALL_VALUES,)).one("ConfigMap", "x-fluent-bit-windows-copied-logmonitor")["data"]
    config = json.loads(data["LogMonitorConfig.json"])
    assert [error.message for error in STRICT.iter_errors(config)] == []
    assert config["LogConfig"]["logFormat"] == "Custom"
    assert [source["type"] for source in config["LogConfig"]["sources"]] == ["EventLog", "File", "ETW", "Process"]
    assert config["LogConfig"]["sources"][1]["waitInSeconds"] == 60


SOURCE = "/workloads/0/logMonitor/sources/0"


# Mistakes that LogMonitor would silently ignore, and the messages of the schema.
MISTAKES = {
    "seconds-as-text": ({**FILE, "waitInSeconds": "60"}, f"at '{SOURCE}/waitInSeconds': got string, want number"),
    "relative-directory": ({"type": "File", "directory": "logs"}, f"at '{SOURCE}/directory': 'logs' does not match"),
    "no-directory": ({"type": "File"}, f"at '{SOURCE}': missing property 'directory'"),
    "required-key-in-another-case": ({"type": "File", "Directory": "C:\\logs"}, "'Directory' not allowed"),
    "key-in-another-case": ({**FILE, "IncludeSubdirectories": True}, "'IncludeSubdirectories' not allowed"),
    "boolean-as-text": (
        {**FILE, "includeSubdirectories": "True"},
        f"at '{SOURCE}/includeSubdirectories': got string, want boolean",
    ),
    "word-for-a-boolean": ({**EVENTS, "startAtOldestRecord": "no"}, f"at '{SOURCE}/startAtOldestRecord': got string"),
    "key-of-another-type": (
        {**FILE, "channels": [{"name": "System"}]},
        f"at '{SOURCE}/channels': value must be 'absent; only sources of \"type: EventLog\" have this key'",
    ),
    "no-channels": ({"type": "EventLog"}, f"at '{SOURCE}': missing property 'channels'"),
    "channel-without-name": (
        {"type": "EventLog", "channels": [{"level": "Error"}]},
        f"at '{SOURCE}/channels/0': missing property 'name'",
    ),
    "name-in-another-case": ({"type": "EventLog", "channels": [{"Name": "System"}]}, "'Name' not allowed"),
    "no-providers": ({"type": "ETW"}, f"at '{SOURCE}': missing property 'providers'"),
    "provider-without-name": (
        {"type": "ETW", "providers": [{"level": "Error"}]},
        f"at '{SOURCE}/providers/0': missing property 'providerName'",
    ),
    "keywords-as-number": (
        {"type": "ETW", "providers": [{"providerName": "x", "keywords": 3}]},
        f"at '{SOURCE}/providers/0/keywords': got number, want string",
    ),
    "percent-sign": (
        {**FILE, "customLogFormat": "100% %Message%"},
        f"at '{SOURCE}/customLogFormat': '100% %Message%' does not match pattern",
    ),
    "vertical-bar": ({**FILE, "customLogFormat": "%TimeStamp%|%Message%"}, f"at '{SOURCE}/customLogFormat'"),
    "unknown-field": ({**FILE, "customLogFormat": "%File% %Message%"}, f"at '{SOURCE}/customLogFormat'"),
    "field-in-another-case": ({**FILE, "customLogFormat": "%message%"}, f"at '{SOURCE}/customLogFormat'"),
    "no-type": ({"directory": "C:\\logs"}, f"at '{SOURCE}': missing property 'type'"),
    "type-in-another-case": ({"Type": "File", "directory": "C:\\logs"}, f"at '{SOURCE}': missing property 'type'"),
}


@pytest.mark.parametrize(("source", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_rejected_with_its_place(
    workload_rejection: Callable[..., str], source: dict[str, Any], message: str
) -> None:
    """Settings that LogMonitor silently ignores are rejected with their path; the strict schema rejects them, too."""
    assert message in workload_rejection(logMonitor=copied(source))
    assert list(STRICT.iter_errors({"LogConfig": {"logFormat": "JSON", "sources": [source]}})) != []


# Combinations of valid keys: the log format, the source, the problem in the message, and the line to write.
MISFITS = {
    "unused-format": (
        "JSON",
        {**FILE, "customLogFormat": "%Message%"},
        "In `workloads[0]` (web), `logMonitor.sources[0].customLogFormat` is set",
        "logMonitor:\n  logFormat: Custom",
    ),
    "whole-drive": (
        "JSON",
        {"type": "File", "directory": "C:\\", "includeSubdirectories": True},
        "LogMonitor cannot read a whole drive",
        "directory: C:\\logs",
    ),
    "another-drive": (
        "JSON",
        {"type": "File", "directory": "d:", "includeSubdirectories": True},
        "LogMonitor cannot read a whole drive",
        "directory: d:\\logs",
    ),
    "field-of-another-type": (
        "Custom",
        {"type": "Process", "customLogFormat": "%FileName% %Message%"},
        "`customLogFormat` has the field %FileName%, which sources of type Process do not have",
        "customLogFormat: '%TimeStamp% %Source% %Message%'",
    ),
    "new-files-in-subdirectories": (
        "JSON",
        {**FILE, "includeSubdirectories": True, "filter": "u_ex*.log"},
        "`filter` is `u_ex*.log`, but LogMonitor reads new files in subdirectories only if it begins with an asterisk",
        "filter: '*u_ex*.log'",
    ),
}


@pytest.mark.parametrize(("log_format", "source", "problem", "fix"), MISFITS.values(), ids=MISFITS)
def test_keys_that_do_not_fit_are_rejected_with_the_line_to_write(
    workload_rejection: Callable[..., str], log_format: str, source: dict[str, Any], problem: str, fix: str
) -> None:
    """Keys that do not work together are rejected with the line to write; the strict schema rejects them, too."""
    message = workload_rejection(logMonitor=copied(source, logFormat=log_format))
    assert problem in message
    assert fix in message
    assert list(STRICT.iter_errors({"LogConfig": {"logFormat": log_format, "sources": [source]}})) != []


def test_trace_requires_an_administrator(workload_rejection: Callable[..., str]) -> None:
    """ETW with ContainerUser is rejected.

    Windows denies it, and LogMonitor 2.2.1 then reads no events (ERROR_ACCESS_DENIED in EtwMonitor.cpp).
    """
    message = workload_rejection(logMonitor=copied(ETW), user="ContainerUser")
    assert "only administrators can start a trace, and `user` is ContainerUser" in message
    assert "user: ContainerAdministrator" in message


EVENT_FORMAT = "%TimeStamp% %Severity% %EventSource% %EventID% %Message%"
CUSTOM = {
    "file": ([FILE], [{**FILE, "customLogFormat": "%Message%"}, {"type": "Process", "customLogFormat": "%Message%"}]),
    "events": (
        [{**EVENTS, "eventFormatMultiLine": True}, {"type": "Process"}],
        [
            {**EVENTS, "customLogFormat": EVENT_FORMAT, "eventFormatMultiLine": True},
            {"type": "Process", "customLogFormat": "%Message%"},
        ],
    ),
    "own": (
        [{**FILE, "customLogFormat": "%FileName%"}, {"type": "Process", "customLogFormat": "out: %Message%"}],
        [{**FILE, "customLogFormat": "%FileName%"}, {"type": "Process", "customLogFormat": "out: %Message%"}],
    ),
}


@pytest.mark.parametrize(("sources", "expected"), CUSTOM.values(), ids=CUSTOM)
def test_default_format_keeps_the_output_of_programs(
    with_workloads: Render, sources: list[dict[str, Any]], expected: list[dict[str, Any]]
) -> None:
    """By default, every source has a format, and a Process source prints the lines of the program unchanged.

    ProcessMonitor.cpp of LogMonitor 2.2.1: FormatStandardLog (JSON and XML) escapes nothing and replaces bytes outside
    ASCII by question marks. FormatCustomLog does neither, but without a Process source its format is empty.
    """
    made = with_workloads(workload(logMonitor=copied(*sources)))
    data = made.one("ConfigMap", "x-fluent-bit-windows-web-logmonitor")["data"]
    config = json.loads(data["LogMonitorConfig.json"])
    assert config == {"LogConfig": {"logFormat": "Custom", "sources": expected}}
    assert [error.message for error in STRICT.iter_errors(config)] == []


@pytest.mark.parametrize("log_format", ["JSON", "XML"])
def test_other_formats_have_the_sources_of_the_values(with_workloads: Render, log_format: str) -> None:
    """With another format, LogMonitor ignores `customLogFormat`, so the sources are as in the values."""
    made = with_workloads(workload(logMonitor=copied(FILE, logFormat=log_format)))
    data = made.one("ConfigMap", "x-fluent-bit-windows-web-logmonitor")["data"]
    assert json.loads(data["LogMonitorConfig.json"])["LogConfig"] == {"logFormat": log_format, "sources": [FILE]}


def test_iis_image_has_one_log_target() -> None:
    """The image of IIS logs requests to ETW only, and its configuration reads them there and in no file.

    IIS writes to ETW only if logTargetW3C contains it (microsoft/iis-docker#166).
    """
    steps = (FILES / "Dockerfile").read_text(encoding="utf-8")
    assert "logTargetW3C:ETW /commit:apphost" in steps
    assert "config w3svc start= demand" in steps
    config = json.loads((FILES / "LogMonitorConfig.json").read_bytes())["LogConfig"]
    assert [source["type"] for source in config["sources"]] == ["EventLog", "ETW", "Process"]
    [trace] = [source for source in config["sources"] if source["type"] == "ETW"]
    assert [provider["providerName"] for provider in trace["providers"]] == ["Microsoft-Windows-IIS-Logging"]


def test_minimal_sources_are_accepted(with_workloads: Render) -> None:
    """The required keys of each type are enough for the chart and for the strict schema."""
    sources = [FILE, EVENTS, ETW, {"type": "File", "directory": "C:"}, {"type": "Process"}]
    assert list(STRICT.iter_errors({"LogConfig": {"logFormat": "JSON", "sources": sources}})) == []
    assert with_workloads(workload(logMonitor=copied(*sources), user="ContainerAdministrator")).select(
        "ConfigMap", "x-fluent-bit-windows-web-logmonitor"
    )


REJECTED = ("which sources of type", "LogMonitor cannot read a whole drive", "only if it begins with an asterisk")


@pytest.mark.slow
def test_logmonitor_reads_every_source_that_the_schema_accepts(helm: Helm) -> None:
    """Sources drawn from the values' schema pass the strict schema, unless the chart rejects them with a message."""
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    source = {**schema["definitions"]["logMonitorSource"], "definitions": schema["definitions"]}
    rendered = set()

    @settings(max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(source=from_schema(source))
    def draw(source: dict[str, Any]) -> None:
        log_format = "Custom" if "customLogFormat" in source else "JSON"
        settings = copied(source, logFormat=log_format)
        values = {"workloads": [workload(logMonitor=settings, user="ContainerAdministrator")]}
        answer = helm.template(CHART, release="x", values=values)
        if answer.exit_code != 0:
            assert any(problem in answer.stderr for problem in REJECTED), (source, answer.stderr)
            return
        config = {"LogConfig": {"logFormat": log_format, "sources": [source]}}
        assert [error.message for error in STRICT.iter_errors(config)] == [], source
        written = Manifests.parse(answer.stdout).one("ConfigMap", "x-fluent-bit-windows-web-logmonitor")["data"]
        rendered_config = json.loads(written["LogMonitorConfig.json"])
        assert [error.message for error in STRICT.iter_errors(rendered_config)] == [], source
        first = rendered_config["LogConfig"]["sources"][0]
        assert source.items() <= first.items()
        rendered.add(source["type"])

    draw()
    assert rendered == {"EventLog", "File", "ETW", "Process"}


def test_sources_of_one_type_would_replace_each_other(
    workload_rejection: Callable[..., str], with_workloads: Render
) -> None:
    """A second source of a type is rejected, except for files: LogMonitor keeps one setting per type."""
    assert "a second source of type EventLog" in workload_rejection(logMonitor=copied(EVENTS, EVENTS))
    assert with_workloads(workload(logMonitor=copied(FILE, {**FILE, "directory": "D:\\more"})))
