"""Where the lines go: the outputs of every backend, and credentials by reference."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import images
from harness.render.manifests import Manifests, Object

Configs = Callable[..., dict[str, Any]]
Values = dict[str, Any]
OPTIONS = "../shared/data/fluent-bit-5.1.1-options.json"
BACKENDS = ["cloudwatch", "elasticsearch", "opensearch", "sumologic", "http", "forward"]
# Options of every output with a network connection, which the table leaves out for cloudwatch_logs.
TLS = {"tls.verify", "tls.verify_hostname", "tls.ca_file", "port"}
COMMON = {"alias", "match", "workers", "retry_limit", "storage.total_limit_size", "processors", "name"}


def to(kind: str, *, output: Values | None = None, files: list[Values] | None = None, **block: Any) -> Values:
    """Values that send the lines to a backend."""
    where: dict[str, Any] = {"cloudwatch": {}, "sumologic": {"url": {"name": "source"}}}
    values: Values = {"output": {"type": kind, **(output or {})}}
    if kind != "stdout":
        values["output"][kind] = {**where.get(kind, {"host": "logs.test"}), **block}
    values["app"] = {"demo": {"enabled": False}, "command": ["serve"]}
    return values | ({"logs": {"files": files}} if files else {})


@pytest.fixture
def output(agent_config: Configs) -> Callable[[Values], Object]:
    """The one output of the sidecar."""

    def of(values: Values) -> Object:
        [found] = agent_config(values)["sidecar"]["pipeline"]["outputs"]
        made: Object = found
        return made

    return of


def test_stdout_is_the_default(output: Callable[[Values], Object]) -> None:
    """Without a word about it the lines go to stdout, as they are, and no chunk is ever given up."""
    assert output({}) == {
        "name": "file",
        "alias": "stdout",
        "match": "*",
        "file": "/dev/stdout",
        "format": "template",
        "template": "{log}",
        "retry_limit": "no_limits",
    }


@pytest.mark.parametrize("kind", BACKENDS)
def test_every_backend_is_buffered_and_labelled(agent_config: Configs, kind: str) -> None:
    """One output, named after the backend, that tries without limit, in order, from a buffer on disk with a cap."""
    made = agent_config(to(kind, output={"labels": {"cluster": "prod"}}))["sidecar"]
    [found] = made["pipeline"]["outputs"]
    assert {key: found[key] for key in ("alias", "match", "workers", "retry_limit", "storage.total_limit_size")} == {
        "alias": kind,
        "match": "*",
        "workers": 1,
        "retry_limit": "no_limits",
        "storage.total_limit_size": "128M",
    }
    [tail] = made["pipeline"]["inputs"]
    assert (tail["offset_key"], tail["storage.pause_on_chunks_overlimit"]) == ("offset", False)
    assert "processors" not in found, "each try would pay for it"
    [added] = tail["processors"]["logs"]
    assert (added["name"], set(added["record"])) == (
        "record_modifier",
        {
            "cluster prod",
            "file app",
            "namespace ${OUTPUT_NAMESPACE}",
            "pod ${OUTPUT_POD}",
            "container app",
            "node ${OUTPUT_NODE}",
        },
    )
    service = made["service"]
    assert {key: service[key] for key in ("flush", "grace", "scheduler.base", "scheduler.cap")} == {
        "flush": 1,
        "grace": 10,
        "scheduler.base": 1,
        "scheduler.cap": 30,
    }


@pytest.mark.parametrize("label", [{"a": "b c"}, {"a": '"b"'}, {"a": ""}, {"a": "é"}, {"a": "b'c"}])
def test_labels_of_any_text(agent_config: Configs, label: dict[str, str]) -> None:
    """Fluent Bit takes fields apart at blanks and quotes: a text with such gets a processor that does not."""
    [tail] = agent_config(to("http", output={"labels": {"cluster": "prod", **label}}))["sidecar"]["pipeline"]["inputs"]
    plain, other = tail["processors"]["logs"]
    assert "cluster prod" in plain["record"]
    [(key, value)] = label.items()
    assert other == {"name": "content_modifier", "action": "insert", "key": key, "value": value}


def test_cloudwatch_names(output: Callable[[Values], Object]) -> None:
    """Names of the pod come from its environment, the file's from the tag, which only a template can see."""
    made = output(to("cloudwatch", logGroupName="/eks/{namespace}/{container}", logStreamName="{node}/{pod}.{file}"))
    assert {key: made[key] for key in made if key.startswith("log_")} == {
        "log_group_name": "/eks/${OUTPUT_NAMESPACE}/app",
        "log_group_template": "/eks/${OUTPUT_NAMESPACE}/app",
        "log_stream_name": "${OUTPUT_NODE}/${OUTPUT_POD}.files",
        "log_stream_template": "${OUTPUT_NODE}/${OUTPUT_POD}.$TAG",
    }
    assert (made["region"], made["auto_create_group"], made["tls.verify"]) == ("${AWS_REGION}", True, True)


def test_cloudwatch_settings(agent_config: Configs) -> None:
    """Region, endpoint, retention, class, role and format are the user's; a line is cut before CloudWatch drops it."""
    role = "arn:aws:iam::111122223333:role/logs"
    settings = {"region": "eu-west-1", "endpoint": "vpce.test", "logRetentionDays": 7, "roleArn": role, "format": "raw"}
    made = agent_config(to("cloudwatch", logGroupClass="INFREQUENT_ACCESS", **settings))["sidecar"]["pipeline"]
    [found] = made["outputs"]
    expected = {"region": "eu-west-1", "endpoint": "vpce.test", "port": 443, "role_arn": role, "log_key": "log"}
    expected |= {"log_retention_days": 7, "log_group_class": "INFREQUENT_ACCESS"}
    assert {key: found[key] for key in expected} == expected
    assert [tail["buffer_max_size"] for tail in made["inputs"]] == ["128k"]


def test_elasticsearch_makes_repetition_harmless(output: Callable[[Values], Object]) -> None:
    """An id for every record, of its time in nanoseconds too, and answers of any size."""
    made = output(to("elasticsearch", index="logs-{namespace}-%Y"))
    expected = {
        "name": "opensearch",
        "host": "logs.test",
        "port": 9200,
        "index": "logs-${OUTPUT_NAMESPACE}-%Y",
        "tls": True,
    }
    expected |= {"generate_id": True, "time_key_nanos": True, "buffer_size": "False", "suppress_type_name": True}
    assert {key: made[key] for key in expected} == expected
    daily = output(to("elasticsearch", logstash={"enabled": True, "prefix": "shop", "dateFormat": "%Y.%m"}))
    assert (daily["logstash_format"], daily["logstash_prefix"], daily["logstash_dateformat"]) == (True, "shop", "%Y.%m")
    assert "index" not in daily


@pytest.mark.parametrize(("region", "written"), [("", "${AWS_REGION}"), ("eu-west-1", "eu-west-1")])
def test_opensearch_signs_requests(output: Callable[[Values], Object], region: str, written: str) -> None:
    """With `aws.enabled` the pod's identity signs, in its own region unless the values say another."""
    made = output(to("opensearch", aws={"enabled": True, "region": region, "service": "aoss"}))
    assert (made["aws_auth"], made["aws_region"], made["aws_service_name"]) == ("On", written, "aoss")
    assert "aws_auth" not in output(to("opensearch"))


def test_sumologic_url_is_secret(output: Callable[[Values], Object]) -> None:
    """Not even the host of the source is in the configuration; its names are headers."""
    made = output(to("sumologic"))
    assert (made["host"], made["port"], made["uri"]) == ("${OUTPUT_HOST}", "${OUTPUT_PORT}", "${OUTPUT_URI}")
    assert made["header"] == [
        "X-Sumo-Category ${OUTPUT_NAMESPACE}/app",
        "X-Sumo-Host ${OUTPUT_NODE}",
        "X-Sumo-Name ${OUTPUT_POD}",
    ]


def test_http_headers(output: Callable[[Values], Object]) -> None:
    """Headers are texts, or variables whose values come from Secrets."""
    secret = {"X-Api-Key": {"name": "logs", "key": "api"}}
    made = output(to("http", path="/in?a=b", headers={"X-Team": "log team"}, secretHeaders=secret, format="json_lines"))
    assert made["header"] == ["X-Team log team", "X-Api-Key ${OUTPUT_HEADER_X_API_KEY}"]
    assert (made["uri"], made["format"], made["compress"]) == ("/in?a=b", "json_lines", "gzip")


def test_forward_waits_for_answers(output: Callable[[Values], Object]) -> None:
    """Every chunk is acknowledged; a shared key is a secret."""
    made = output(to("forward", sharedKey={"name": "fluentd"}, tls={"enabled": False}))
    assert (made["require_ack_response"], made["shared_key"]) == (True, "${OUTPUT_SHARED_KEY}")
    assert (made["tls"], made["tag"]) == (False, "${OUTPUT_NAMESPACE}.${OUTPUT_POD}")


LOGIN = {"username": {"name": "login", "key": "user"}, "password": {"name": "login"}}
SECRETS: dict[str, tuple[Values, dict[str, tuple[str, str]]]] = {
    "stdout": (to("stdout"), {}),
    "cloudwatch": (to("cloudwatch"), {}),
    "user": (to("elasticsearch", **LOGIN), {"USERNAME": ("login", "user"), "PASSWORD": ("login", "password")}),
    "URL": (to("sumologic"), {"URL": ("source", "url")}),
    "header": (
        to("http", secretHeaders={"Authorization": {"name": "a", "key": "b"}}),
        {"HEADER_AUTHORIZATION": ("a", "b")},
    ),
    "shared key": (to("forward", sharedKey={"name": "fluentd"}), {"SHARED_KEY": ("fluentd", "sharedKey")}),
}


@pytest.mark.parametrize(("values", "expected"), SECRETS.values(), ids=SECRETS)
def test_credentials_come_from_secrets(
    sidecars: Callable[..., list[Object]], values: Values, expected: dict[str, tuple[str, str]]
) -> None:
    """What is secret is an environment variable of the sidecar, by reference; the pod's names are others."""
    [box] = sidecars(values)
    environment = {entry["name"]: entry for entry in box["env"] if entry["name"].startswith("OUTPUT_")}
    references = {name: entry["valueFrom"].get("secretKeyRef") for name, entry in environment.items()}
    found = {name.removeprefix("OUTPUT_"): (ref["name"], ref["key"]) for name, ref in references.items() if ref}
    assert found == expected
    names = {name for name, ref in references.items() if not ref}
    backend = values["output"]["type"] != "stdout"
    assert names == ({"OUTPUT_NAMESPACE", "OUTPUT_NODE", "OUTPUT_POD"} if backend else set())


@pytest.mark.parametrize(
    ("ca", "source"),
    [
        ({"secret": "root"}, {"secret": {"secretName": "root", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}),
        (
            {"configMap": "root", "key": "a.pem"},
            {"configMap": {"name": "root", "items": [{"key": "a.pem", "path": "ca.crt"}]}},
        ),
    ],
    ids=["secret", "configmap"],
)
def test_authority_is_mounted(install: Callable[..., Manifests], ca: Values, source: Values) -> None:
    """The certificate of a private authority is mounted, read-only, and used; no backend, no mount."""
    made = install(to("http", output={"ca": ca}))
    [pod] = made.select(component="app").pods()
    assert [volume for volume in pod.spec["volumes"] if volume["name"] == "output-ca"] == [
        {"name": "output-ca", **source}
    ]
    [box] = [box for box in pod.spec["initContainers"] if box["name"] == "sidecar"]
    mount = {"name": "output-ca", "mountPath": "/etc/log-sidecar-ca", "readOnly": True}
    assert mount in box["volumeMounts"]
    config = yaml.safe_load(made.one("ConfigMap", "x-log-sidecar-sidecar")["data"]["sidecar.yaml"])
    assert config["pipeline"]["outputs"][0]["tls.ca_file"] == "/etc/log-sidecar-ca/ca.crt"
    [plain] = install(to("stdout", output={"ca": ca})).select(component="app").pods()
    assert not [volume for volume in plain.spec["volumes"] if volume["name"] == "output-ca"]


def test_globs_tell_which_file(agent_config: Configs) -> None:
    """Where one input reads several files, a record has the path too; an exact path needs none."""
    files = [{"name": "a", "path": "/var/log/app/a.log"}, {"name": "b", "path": "/var/log/app/b-*.log"}]
    exact, glob = agent_config(to("http", files=files))["sidecar"]["pipeline"]["inputs"]
    assert ("path_key" in exact, glob["path_key"]) == (False, "path")


def test_rules_for_records(agent_config: Configs) -> None:
    """A record starts where the rule says, and takes all lines that start none, unless a second rule says which."""
    one = {"name": "a", "path": "/var/log/app/a.log", "multiline": "regex", "multilineRegex": {"start": r"^\d"}}
    two = {**one, "name": "b", "path": "/var/log/app/b.log", "multilineRegex": {"start": "^x", "continuation": "^ "}}
    made = agent_config(to("http", files=[one, two]))["sidecar"]
    rules = {parser["name"]: [rule["regex"] for rule in parser["rules"]] for parser in made["multiline_parsers"]}
    assert rules == {"records-of-a": [r"/^\d/", r"/^(?!(?:^\d))/"], "records-of-b": ["/^x/", "/^ /"]}
    joined = [plugin["multiline.parser"] for plugin in made["pipeline"]["filters"] if plugin["name"] == "multiline"]
    assert joined == ["records-of-a", "records-of-b"]


def test_records_keep_their_lines_at_a_backend(agent_config: Configs) -> None:
    """Only on stdout are the lines of a record put on one line."""
    files = [{"name": "a", "path": "/var/log/app/a.log", "multiline": "java"}]

    def code(kind: str) -> str:
        filters = agent_config(to(kind, files=files))["sidecar"]["pipeline"]["filters"]
        [text] = [plugin["code"] for plugin in filters if plugin["name"] == "lua"]
        found: str = text
        return found

    assert 'gsub("\\r?\\n"' in code("stdout")
    assert 'gsub("\\r?\\n"' not in code("http")


@pytest.mark.parametrize("kind", BACKENDS)
def test_every_option_is_one_that_fluent_bit_has(agent_config: Configs, chart: Any, kind: str) -> None:
    """No option is misspelt: Fluent Bit only warns of those it does not know."""
    table = chart.parents[1] / OPTIONS
    if not table.exists():
        pytest.skip("needs the table of Fluent Bit's options, ../shared/data/fluent-bit-5.1.1-options.json")
    known = json.loads(table.read_text(encoding="utf-8"))
    file = chart / "ci" / ("opensearch" if kind in ("opensearch", "http") else "cloudwatch")
    values = yaml.safe_load(file.with_name(f"{file.name}-values.yaml").read_text(encoding="utf-8"))
    values["output"]["type"] = kind
    values["output"].setdefault("sumologic", {"url": {"name": "source"}})
    made = agent_config({**values, "nameOverride": ""})["sidecar"]["pipeline"]
    for section in ("inputs", "outputs"):
        for plugin in made[section]:
            unknown = set(plugin) - set(known[section][plugin["name"]]) - COMMON
            assert unknown - (TLS if kind == "cloudwatch" else set()) == set(), plugin["name"]


@pytest.mark.parametrize("kind", BACKENDS)
def test_fluent_bit_takes_the_configuration(agent_config: Configs, tmp_path: Path, kind: str) -> None:
    """The program itself finds no fault with the options of a backend, rules for records among them."""
    agent = images.fluent_bit()
    if agent is None:
        pytest.skip("needs fluent-bit on PATH (or in $FLUENT_BIT)")
    rules = {"multiline": "regex", "multilineRegex": {"start": r"^\d"}}
    values = to(kind, files=[{"name": "a", "path": "/var/log/app/a.log", **rules}])
    text = json.dumps(agent_config(values)["sidecar"]).replace("/var/lib/log-sidecar", str(tmp_path))
    (tmp_path / "a.yaml").write_text(text)
    names = {"OUTPUT_PORT": "443", "OUTPUT_TLS": "on", "OUTPUT_HOST": "h", "OUTPUT_URI": "/", "AWS_REGION": "eu-west-1"}
    command = [str(agent), "--dry-run", "--config", str(tmp_path / "a.yaml")]
    tried = subprocess.run(command, env={**os.environ, **names}, capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stderr
    assert "error" not in tried.stderr
