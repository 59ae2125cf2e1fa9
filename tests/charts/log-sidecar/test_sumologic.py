"""The sumologic-collector engine: its sources, and its credentials from a Secret."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness.render.helm import Helm
from harness.render.manifests import Manifests, Object

from .conftest import CHART, ROOT

EXAMPLE = ROOT / "values" / "examples" / "sumologic-collector.yaml"
KEYS = {key: {"name": "sumo", "key": key} for key in ("accessId", "accessKey")}
ENGINE = {"engine": "sumologic-collector", "sumologicCollector": KEYS}
# Parameters of https://help.sumologic.com/docs/send-data/use-json-configure-sources/json-parameters-installed-sources
SOURCES = {
    "type": "object",
    "additionalProperties": False,
    "required": ["api.version", "sources"],
    "properties": {
        "api.version": {"const": "v1"},
        "sources": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["sourceType", "name", "pathExpression"],
                "properties": {
                    "sourceType": {"const": "LocalFile"},
                    **{
                        name: {"type": "string", "minLength": 1}
                        for name in ("name", "pathExpression", "category", "description", "hostName", "timeZone")
                    },
                    "encoding": {
                        "enum": ["UTF-8", *(f"UTF-{size}{end}" for size in (16, 32) for end in ("", "BE", "LE"))]
                    },
                    "denylist": {"type": "array", "items": {"type": "string"}},
                    "fields": {"type": "object"},
                    "filters": {"type": "array", "items": {"type": "object"}},
                    "cutoffTimestamp": {"type": "integer", "minimum": 0},
                    "cutoffRelativeTime": {"type": "string"},
                    "defaultDateFormats": {"type": "array"},
                    "manualPrefixRegexp": {"type": "string"},
                    **{
                        name: {"type": "boolean"}
                        for name in (
                            *("automaticDateParsing", "forceTimeZone"),
                            *("multilineProcessingEnabled", "useAutolineMatching"),
                        )
                    },
                },
            },
        },
    },
}


@pytest.fixture
def sources(install: Callable[..., Manifests]) -> Callable[..., list[dict[str, Any]]]:
    """The collector's sources, checked against the documented parameters."""

    def listed(values: dict[str, Any] | None = None, **options: Any) -> list[dict[str, Any]]:
        [config] = install(values, **options).select("ConfigMap", component="sidecar")
        [text] = config["data"].values()
        found = json.loads(text)
        jsonschema.validate(found, SOURCES)
        every: list[dict[str, Any]] = found["sources"]
        return every

    return listed


def test_example_is_the_articles_pod(pod_spec: Callable[..., Object], sources: Callable[..., Any]) -> None:
    """The example has the article's two containers and volumes, with credentials and settings in the environment."""
    spec = pod_spec(files=[EXAMPLE])
    assert {volume["name"] for volume in spec["volumes"]} == {"logs-data", "config-data", "tmp"}
    [collector] = spec["initContainers"]
    [bot] = spec["containers"]
    assert {"name": "logs-data", "mountPath": "/var/log/bot"} in bot["volumeMounts"]
    assert collector["volumeMounts"] == [
        {"name": "logs-data", "mountPath": "/var/log/bot", "readOnly": True},
        {"name": "config-data", "mountPath": "/etc/log-sidecar", "readOnly": True},
    ]
    token = {"secretKeyRef": {"name": "telegram", "key": "token"}}
    assert {"name": "TELEGRAM_TOKEN", "valueFrom": token} in bot["env"]
    assert {"name": "LOG_LEVEL", "value": "info"} in bot["env"]
    by_name = {entry["name"]: entry for entry in collector["env"]}
    for name, key in (("SUMO_ACCESS_ID", "access-id"), ("SUMO_ACCESS_KEY", "access-key")):
        assert by_name[name]["valueFrom"] == {"secretKeyRef": {"name": "sumologic", "key": key}}
    assert by_name["CONFIG"]["value"] == "/etc/log-sidecar/sumologic-collector.json"
    [source] = sources(files=[EXAMPLE])
    assert (source["category"], source["timeZone"]) == ("memo2/bot", "Etc/UTC")
    assert source["pathExpression"] == "/var/log/bot/bot.log*"


def test_secrets_stand_nowhere_but_in_references(install: Callable[..., Manifests]) -> None:
    """Only the collector's environment refers to the Secret, and no object contains a credential."""
    made = install({"sidecar": ENGINE})
    rest = json.dumps([item for item in made if item["kind"] not in ("Deployment",)])
    [collector] = made.containers("sidecar")
    assert not [word for word in ('sumo"', "accessId", "accessKey", "SUMO_ACCESS") if word in rest]
    assert "SUMO_ACCESS" not in json.dumps([collector["command"], collector["args"]])
    assert not [item for item in made if item["kind"] == "Secret"]
    values = [entry.get("value") for entry in collector["env"] if entry["name"].startswith("SUMO_ACCESS")]
    assert values == [None, None]


def test_notes_tell_no_secret(helm: Helm) -> None:
    """The notes name neither the Secret nor its keys."""
    if helm.major == 3:
        pytest.skip("needs helm 4, which tells templates a current version of Kubernetes without a cluster")
    text = helm.notes(CHART, release="x", value_files=[EXAMPLE])
    assert "Sumo Logic" in text
    assert not [word for word in ("access-id", "access-key", "token") if word in text]


def test_every_file_is_a_source(sources: Callable[..., Any]) -> None:
    """One collector has a source for each file, which includes its rotated files and excludes other files."""
    files = [
        {"name": "app", "path": "/var/log/app/app.log", "multiline": "java"},
        {"name": "errors", "path": "/var/log/app/app.log.err", "rotation": "copytruncate"},
    ]
    app, errors = sources({"logs": {"files": files}, "sidecar": ENGINE})
    assert (app["pathExpression"], app["denylist"]) == ("/var/log/app/app.log*", ["/var/log/app/app.log.err*"])
    assert (errors["pathExpression"], errors["denylist"]) == ("/var/log/app/app.log.err", [])
    assert [source["multilineProcessingEnabled"] for source in (app, errors)] == [True, False]
    assert [source["category"] for source in (app, errors)] == ["prd/x-log-sidecar"] * 2


def test_settings_reach_the_collector(sidecars: Callable[..., list[Object]]) -> None:
    """Deployment, name, heap size and drain are set by the environment variables that the image documents."""
    settings = {"url": "https://collectors.eu.sumologic.com", "namePrefix": "bot-", "javaMemoryMegabytes": 256}
    merged = {**ENGINE["sumologicCollector"], **settings, "drainSeconds": 8}
    [collector] = sidecars({"sidecar": {**ENGINE, "sumologicCollector": merged}})
    by_name = {entry["name"]: entry.get("value") for entry in collector["env"]}
    assert by_name["SUMO_RECEIVER_URL"] == "https://collectors.eu.sumologic.com"
    assert by_name["SUMO_COLLECTOR_NAME_PREFIX"] == "bot-"
    assert by_name["SUMO_JAVA_MEMORY_MAX"] == "256"
    assert by_name["DRAIN_SECONDS"] == "8"
    assert collector["resources"]["limits"]["memory"] == "512Mi"
    assert not {"livenessProbe", "ports"} & set(collector)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"sidecar": {"engine": "sumologic-collector"}}, "accessKey:\n      key: accessKey\n      name: sumologic"),
        ({"sidecar": {**ENGINE, "logLevel": "debug"}}, "sidecar:\n  logLevel: warn"),
        ({"sidecar": {**ENGINE, "perFile": True}}, "sidecar:\n  perFile: false"),
        ({"sidecar": {**ENGINE, "fileLabel": True}}, "sidecar:\n  fileLabel: false"),
        (
            {
                "sidecar": ENGINE,
                "logs": {"files": [{"name": "a", "path": "/var/log/app/a", "rotated": ["/var/log/app/b"]}]},
            },
            "sidecar:\n  engine: fluent-bit",
        ),
        (
            {"sidecar": ENGINE, "logs": {"files": [{"name": "a", "path": "/var/log/app/a", "multiline": "cri"}]}},
            "sidecar:\n  engine: fluent-bit",
        ),
        ({"app": {"kind": "Job"}, "sidecar": {**ENGINE, "native": False}}, "sidecar:\n  native: true"),
        ({"sidecar": ENGINE, "outputs": {"a": {"type": "cloudwatch"}}}, "outputs:\n  a:\n    enabled: false"),
        (
            {"sidecar": ENGINE, "outputs": {"a": {"type": "sumologic", "url": KEYS["accessId"]}}},
            "sidecar:\n  engine: fluent-bit",
        ),
    ],
    ids=["no secret", "level", "perFile", "fileLabel", "rotated", "cri", "plain in a Job", "CloudWatch", "HTTP source"],
)
def test_what_it_cannot_do_is_rejected(rejection: Callable[[Any], str], values: dict[str, Any], said: str) -> None:
    """Unsupported values are rejected with the YAML to write."""
    assert said in rejection(values)


@pytest.mark.slow
def test_script_drains_and_hands_the_sources_over(install: Callable[..., Manifests], tmp_path: Path) -> None:
    """The collector receives its sources, and SIGTERM after the drain; if it exits itself, the container fails."""
    agent = tmp_path / "run.sh"
    agent.write_text('echo "$SUMO_SOURCES_JSON"; trap "echo ended; exit 143" TERM; sleep 60 & wait\n', encoding="utf-8")
    [collector] = install({"sidecar": ENGINE}).containers("sidecar")
    environment = {**os.environ, "NATIVE": "true", "DRAIN_SECONDS": "1", "AGENT": str(agent), "CONFIG": "/x.json"}
    command = [*collector["command"], collector["args"][0]]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "/x.json\n"
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "ended\n"
        assert process.wait(timeout=15) == 0
        assert time.monotonic() - started >= 1
    agent.write_text("exit 0\n", encoding="utf-8")
    assert subprocess.run(command, env=environment, timeout=15).returncode == 1
