"""Outputs of every backend, and their credentials."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.generate import outputs
from harness.render.manifests import Manifests, Object, load_yaml

from .conftest import tails

Configs = Callable[..., dict[str, Any]]
Values = dict[str, Any]
DATA = outputs.load(Path(__file__).parents[3] / "charts" / "shared")
BACKENDS = sorted(outputs.types(DATA, "log-sidecar").keys() - {"stdout"})
KEY = {"name": "source", "key": "key"}
# Required options of each type.
NEEDS: dict[str, Values] = {
    "cloudwatch": {},
    "firehose": {"deliveryStream": "logs"},
    "kinesis": {"stream": "logs"},
    "s3": {"bucket": "logs"},
    "kafka": {"brokers": "logs.test:9093", "topics": "logs"},
    "splunk": {"host": "logs.test", "splunkToken": KEY},
    "datadog": {"apikey": KEY},
    "newrelic": {"licenseKey": KEY},
    "custom": {"plugin": "tcp", "options": {"host": "logs.test"}},
    "stdout": {},
    "sumologic": {"url": KEY},
}


def to(kind: str, *, files: list[Values] | None = None, labels: Values | None = None, **options: Any) -> Values:
    """Return values with a backend as the only output, named after its type."""
    output = {"type": kind, **NEEDS.get(kind, {"host": "logs.test"}), **options}
    return {
        "app": {"demo": {"enabled": False}, "command": ["serve"]},
        "logs": {"labels": labels or {}, **({"files": files} if files else {})},
        "outputs": {"stdout": {"enabled": False}, kind: output},
    }


def both(*outputs: Values, files: list[Values] | None = None, **sidecar: Any) -> Values:
    """Return values with outputs `a`, `b` and so on in addition to stdout."""
    values = to("http", files=files)
    values["outputs"] = dict(zip("abcdef", outputs, strict=False))
    return {**values, "sidecar": {"state": {"sizeLimit": "2Gi"}, **sidecar}}


@pytest.fixture
def output(agent_config: Configs) -> Callable[[Values], Object]:
    """The only output of the sidecar."""

    def of(values: Values) -> Object:
        [found] = agent_config(values)["sidecar"]["pipeline"]["outputs"]
        made: Object = found
        return made

    return of


def test_stdout_is_the_default(output: Callable[[Values], Object]) -> None:
    """By default, lines are printed unchanged on stdout, and chunks are retried without limit."""
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
    """A backend has one output with its name in the values, unlimited retries and a size limit of its buffer."""
    made = agent_config(to(kind, labels={"cluster": "prod"}))["sidecar"]
    [found] = made["pipeline"]["outputs"]
    # The S3 plugin also stores waiting records itself, and reads no_limits as 5 retries.
    archive = {"alias": "s3.s3", "retry_limit": 1000000, "store_dir_limit_size": "128M"} if kind == "s3" else {}
    wanted = {"alias": kind, "match": "*", "workers": 1, "retry_limit": "no_limits", "storage.total_limit_size": "128M"}
    assert found.items() >= {**wanted, **archive}.items()
    [tail] = tails(made["pipeline"])
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


def test_several_outputs_receive_every_line(agent_config: Configs) -> None:
    """Two backends and stdout have their own names, buffers and retry limits; stdout prints raw lines."""
    made = agent_config(both({"type": "http", "host": "a"}, {"type": "http", "host": "b", "retryLimit": 5}))["sidecar"]
    outputs = {found["alias"]: found for found in made["pipeline"]["outputs"]}
    assert {name: found["match"] for name, found in outputs.items()} == {"a": "*", "b": "*", "stdout": "*"}
    assert {name: found["retry_limit"] for name, found in outputs.items()} == {
        "a": "no_limits",
        "b": 5,
        "stdout": "no_limits",
    }
    assert outputs["stdout"]["template"] == "{log}"
    assert "processors" not in outputs["stdout"]
    assert made["service"]["flush"] == 1


def test_output_receives_the_files_that_it_matches(agent_config: Configs, sidecars: Callable[..., Any]) -> None:
    """`match.files` selects files; only files for a backend have fields and an offset, and are read without pauses."""
    files = [{"name": name, "path": f"/var/log/app/{name}.log"} for name in ("a", "b", "c")]
    outputs = (
        {"type": "http", "host": "x", "match": {"files": ["b"]}},
        {"type": "firehose", "deliveryStream": "x", "match": {"files": ["b", "c"]}},
    )
    pipeline = agent_config(both(*outputs, files=files))["sidecar"]["pipeline"]
    matches = {found["alias"]: (found.get("match"), found.get("match_regex")) for found in pipeline["outputs"]}
    assert matches == {"a": ("b", None), "b": (None, "^(?:b|c)$"), "stdout": ("*", None)}
    inputs = {tail["tag"]: tail for tail in tails(pipeline)}
    assert {name: "offset_key" in tail for name, tail in inputs.items()} == {"a": False, "b": True, "c": True}
    assert {name: tail["buffer_max_size"] for name, tail in inputs.items()} == {"a": "1M", "b": "128k", "c": "128k"}
    pauses = {name: tail["storage.pause_on_chunks_overlimit"] for name, tail in inputs.items()}
    assert pauses == {"a": True, "b": False, "c": False}
    apart = agent_config(both(*outputs, files=files, perFile=True))
    assert {name: [found["alias"] for found in made["pipeline"]["outputs"]] for name, made in apart.items()} == {
        "sidecar-a": ["stdout"],
        "sidecar-b": ["a", "b", "stdout"],
        "sidecar-c": ["b", "stdout"],
    }
    named = {
        box["name"]: [entry["name"] for entry in box["env"] if entry["name"].startswith("OUTPUT_")]
        for box in sidecars(both(*outputs, files=files, perFile=True))
    }
    pod = ["OUTPUT_NAMESPACE", "OUTPUT_NODE", "OUTPUT_POD"]
    assert named == {"sidecar-a": [], "sidecar-b": pod, "sidecar-c": pod}


@pytest.mark.parametrize("kind", BACKENDS)
def test_lines_fit_into_requests(agent_config: Configs, kind: str) -> None:
    """Lines are truncated at 128k for backends that reject longer ones, or discard them without a metric."""
    [tail] = tails(agent_config(to(kind))["sidecar"]["pipeline"])
    short = kind in ("cloudwatch", "firehose", "kinesis", "kafka", "loki")
    assert tail["buffer_max_size"] == ("128k" if short else "1M")


@pytest.mark.parametrize("label", [{"a": "b c"}, {"a": '"b"'}, {"a": ""}, {"a": "é"}, {"a": "b'c"}])
def test_labels_of_any_text(agent_config: Configs, label: dict[str, str]) -> None:
    """A label with blanks or quotes, at which `record_modifier` splits, is added by another processor."""
    [tail] = tails(agent_config(to("http", labels={"cluster": "prod", **label}))["sidecar"]["pipeline"])
    plain, other = tail["processors"]["logs"]
    assert "cluster prod" in plain["record"]
    [(key, value)] = label.items()
    assert other == {"name": "content_modifier", "action": "insert", "key": key, "value": value}


def test_cloudwatch_names(output: Callable[[Values], Object]) -> None:
    """Pod names come from the environment; the file's name comes from the tag, by a template."""
    made = output(to("cloudwatch", logGroupName="/eks/{namespace}/{container}", logStreamName="{node}/{pod}.{file}"))
    assert {key: made[key] for key in made if key.startswith("log_")} == {
        "log_group_class": "STANDARD",
        "log_group_name": "/eks/${OUTPUT_NAMESPACE}/app",
        "log_stream_name": "${OUTPUT_NODE}/${OUTPUT_POD}.files",
        "log_stream_template": "${OUTPUT_NODE}/${OUTPUT_POD}.$TAG",
    }
    assert (made["region"], made["auto_create_group"], made["tls.verify"]) == ("${AWS_REGION}", True, True)


def test_cloudwatch_settings(agent_config: Configs) -> None:
    """All settings come from the values; lines are truncated below the limit of CloudWatch Logs."""
    role = "arn:aws:iam::111122223333:role/logs"
    settings = {"region": "eu-west-1", "endpoint": "vpce.test", "logRetentionDays": 7, "roleArn": role, "logKey": "log"}
    made = agent_config(to("cloudwatch", logGroupClass="INFREQUENT_ACCESS", **settings))["sidecar"]["pipeline"]
    [found] = made["outputs"]
    expected = {"region": "eu-west-1", "endpoint": "vpce.test", "port": 443, "role_arn": role, "log_key": "log"}
    expected |= {"log_retention_days": 7, "log_group_class": "INFREQUENT_ACCESS"}
    assert {key: found[key] for key in expected} == expected
    assert [tail["buffer_max_size"] for tail in tails(made)] == ["128k"]


def test_elasticsearch_makes_repetition_harmless(output: Callable[[Values], Object]) -> None:
    """Each record has an ID from its content and its time in nanoseconds; responses can have any size."""
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
    daily = output(to("elasticsearch", logstashFormat=True, logstashPrefix="shop", logstashDateformat="%Y.%m"))
    assert (daily["logstash_format"], daily["logstash_prefix"], daily["logstash_dateformat"]) == (True, "shop", "%Y.%m")
    assert "logstash_prefix" not in made


@pytest.mark.parametrize(("region", "written"), [("", "${AWS_REGION}"), ("eu-west-1", "eu-west-1")])
def test_opensearch_signs_requests(output: Callable[[Values], Object], region: str, written: str) -> None:
    """With `awsAuth`, requests are signed with the pod's identity; the default Region is that of the environment."""
    values = {"region": region} if region else {}
    made = output(to("opensearch", awsAuth=True, awsServiceName="aoss", **values))
    assert (made["aws_auth"], made["aws_region"], made["aws_service_name"]) == ("On", written, "aoss")
    unsigned = output(to("opensearch"))
    assert (unsigned["aws_auth"], "aws_region" in unsigned) == ("Off", False)


def test_sumologic_url_is_secret(output: Callable[[Values], Object]) -> None:
    """The configuration contains no part of the URL; category, name and host are headers."""
    made = output(to("sumologic"))
    assert (made["host"], made["port"], made["uri"], made["tls"]) == tuple(
        f"${{OUTPUT_SUMOLOGIC__{part}}}" for part in ("HOST", "PORT", "URI", "TLS")
    )
    assert sorted(made["header"]) == [
        "X-Sumo-Category ${OUTPUT_NAMESPACE}/app",
        "X-Sumo-Host ${OUTPUT_NODE}",
        "X-Sumo-Name ${OUTPUT_POD}",
    ]


def test_http_headers(output: Callable[[Values], Object]) -> None:
    """Headers are plain text, or variables whose values come from Secrets."""
    secret = {"X-Api-Key": {"name": "logs", "key": "api"}}
    made = output(to("http", uri="/in?a=b", headers={"X-Team": "log team"}, secretHeaders=secret, format="json_lines"))
    assert made["header"] == ["X-Team log team", "X-Api-Key ${OUTPUT_HTTP__HEADER_X_API_KEY}"]
    assert (made["uri"], made["format"], made["compress"]) == ("/in?a=b", "json_lines", "gzip")


def test_forward_waits_for_answers(output: Callable[[Values], Object]) -> None:
    """Every chunk is acknowledged, and the shared key comes from a Secret."""
    made = output(to("forward", sharedKey=KEY, tls={"enabled": False}))
    assert (made["require_ack_response"], made["shared_key"]) == (True, "${OUTPUT_FORWARD__SHARED_KEY}")
    assert (made["tls"], made["tag"]) == (False, "${OUTPUT_NAMESPACE}.${OUTPUT_POD}")


def test_other_plugins(output: Callable[[Values], Object]) -> None:
    """A plugin has the options of the values, with words for booleans, filled placeholders, and its own folder."""
    options = {"host": "h", "port": 8086, "auto_tags": True, "http_header": ["A b", "C {pod}"], "net.io_timeout": "9s"}
    made = output(to("custom", plugin="influxdb", options=options, secretOptions={"http_token": KEY}))
    expected = {"name": "influxdb", "host": "h", "port": 8086, "auto_tags": "On", "net.io_timeout": "9s", "tls": True}
    expected |= {"http_header": ["A b", "C ${OUTPUT_POD}"], "http_token": "${OUTPUT_CUSTOM__OPTION_HTTP_TOKEN}"}
    assert made.items() >= expected.items()
    plain = output(to("custom", plugin="td", options={"table": "x"}, secretOptions={"api": KEY}))
    assert [option for option in plain if option.startswith("net.")] == []
    assert [option for option in output(to("custom", plugin="nats")) if option.startswith("tls")] == []
    assert output(to("custom", plugin="gcs"))["store_dir"] == "/var/lib/log-sidecar/sidecar/s3-custom"


USER = {"saslUsername": "shop", "saslPassword": KEY}
PLAIN = {"tls": {"enabled": False}}
CLUSTER = "arn:aws:kafka:eu-west-1:111122223333:cluster/shop/5b1a-7"
CA_FILE = "/etc/log-sidecar-ca/kafka/ca.crt"
CONNECTIONS: dict[str, tuple[Values, Object]] = {
    "TLS": ({}, {"security.protocol": "SSL", "ssl.ca.location": "probe", "enable.ssl.certificate.verification": True}),
    "plain text": (PLAIN, {"security.protocol": "PLAINTEXT", "ssl.ca.location": "probe"}),
    "own CA": ({"tls": {"caSecret": KEY}}, {"security.protocol": "SSL", "ssl.ca.location": CA_FILE}),
    "user": (
        USER,
        {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "shop",
            "sasl.password": "${OUTPUT_KAFKA__SASL_PASSWORD}",
        },
    ),
    "user in plain text": (
        {**USER, **PLAIN, "saslMechanism": "PLAIN"},
        {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"},
    ),
    "IAM": ({"awsMskIamClusterArn": CLUSTER}, {"security.protocol": "SASL_SSL"}),
    "options of librdkafka": (
        {"rdkafka": {"linger.ms": 100, "message.timeout.ms": 60000, "enable.idempotence": True}},
        {"linger.ms": 100, "message.timeout.ms": 60000, "enable.idempotence": True},
    ),
}


@pytest.mark.parametrize(("options", "expected"), CONNECTIONS.values(), ids=CONNECTIONS)
def test_kafka_connects(output: Callable[[Values], Object], options: Values, expected: Object) -> None:
    """librdkafka has its own options for TLS and SASL, and waits for brokers without limit."""
    made = output(to("kafka", **options))
    library = {name.removeprefix("rdkafka."): value for name, value in made.items() if name.startswith("rdkafka.")}
    waits = {"message.timeout.ms": 0, "queue.buffering.max.kbytes": 16384, "compression.codec": "lz4"}
    assert library.items() >= (waits | expected).items()
    assert ("sasl.mechanism" in library) == ("saslUsername" in options)
    assert [option for option in made if option.startswith("tls")] == []
    iam = {option: value for option, value in made.items() if option.startswith("aws_")}
    named = {"aws_msk_iam": True, "aws_msk_iam_cluster_arn": CLUSTER}
    assert iam == (named if "awsMskIamClusterArn" in options else {})


def test_kafka_trusts_the_bundle(output: Callable[[Values], Object]) -> None:
    """Brokers are verified with `caBundle`, unless the output has its own CA."""
    bundle = {"caBundle": {"configMap": KEY}}
    assert output({**to("kafka"), **bundle})["rdkafka.ssl.ca.location"] == "/etc/ca-bundle/ca.crt"
    assert output({**to("kafka", tls={"caSecret": KEY}), **bundle})["rdkafka.ssl.ca.location"] == CA_FILE


LOGIN = {"httpUser": {"name": "login", "key": "user"}, "httpPasswd": {"name": "login", "key": "password"}}
SECRETS: dict[str, tuple[Values, dict[str, tuple[str, str]]]] = {
    "stdout": ({}, {}),
    "cloudwatch": (to("cloudwatch"), {}),
    "user": (
        to("elasticsearch", **LOGIN),
        {
            "ELASTICSEARCH__HTTP_USER": ("login", "user"),
            "ELASTICSEARCH__HTTP_PASSWD": ("login", "password"),
        },
    ),
    "plain user": (
        to("http", httpUser="elastic", httpPasswd=LOGIN["httpPasswd"]),
        {"HTTP__HTTP_PASSWD": ("login", "password")},
    ),
    "URL": (to("sumologic"), {"SUMOLOGIC__URL": ("source", "key")}),
    "header": (to("http", secretHeaders={"X-Key": KEY}), {"HTTP__HEADER_X_KEY": ("source", "key")}),
    "shared key": (to("forward", sharedKey=KEY), {"FORWARD__SHARED_KEY": ("source", "key")}),
    "token": (to("splunk"), {"SPLUNK__SPLUNK_TOKEN": ("source", "key")}),
    "API key": (to("datadog"), {"DATADOG__APIKEY": ("source", "key")}),
    "license key": (to("newrelic"), {"NEWRELIC__LICENSE_KEY": ("source", "key")}),
    "header of OTLP": (to("otlp", secretHeaders={"X-Key": KEY}), {"OTLP__HEADER_X_KEY": ("source", "key")}),
    "user of Kafka": (
        to("kafka", saslUsername=KEY, saslPassword=KEY),
        {"KAFKA__SASL_USERNAME": ("source", "key"), "KAFKA__SASL_PASSWORD": ("source", "key")},
    ),
    "option": (
        to("custom", plugin="slack", options={}, secretOptions={"webhook": KEY}),
        {"CUSTOM__OPTION_WEBHOOK": ("source", "key")},
    ),
    "two outputs": (
        both({"type": "http", "host": "x", **LOGIN}, {"type": "http", "url": KEY}),
        {
            "A__HTTP_USER": ("login", "user"),
            "A__HTTP_PASSWD": ("login", "password"),
            "B__URL": ("source", "key"),
        },
    ),
}


@pytest.mark.parametrize(("values", "expected"), SECRETS.values(), ids=SECRETS)
def test_credentials_come_from_secrets(
    sidecars: Callable[..., list[Object]], values: Values, expected: dict[str, tuple[str, str]]
) -> None:
    """Credentials are environment variables of the sidecar, by reference, next to the pod's names."""
    [box] = sidecars(values)
    environment = {entry["name"]: entry for entry in box["env"] if entry["name"].startswith("OUTPUT_")}
    references = {name: entry["valueFrom"].get("secretKeyRef") for name, entry in environment.items()}
    found = {name.removeprefix("OUTPUT_"): (ref["name"], ref["key"]) for name, ref in references.items() if ref}
    assert found == expected
    names = {name for name, ref in references.items() if not ref}
    assert names == ({"OUTPUT_NAMESPACE", "OUTPUT_NODE", "OUTPUT_POD"} if values else set())


@pytest.mark.parametrize(
    ("tls", "source"),
    [
        (
            {"caSecret": {"name": "root", "key": "ca.crt"}},
            {"secret": {"secretName": "root", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        ),
        (
            {"caConfigMap": {"name": "root", "key": "a.pem"}},
            {"configMap": {"name": "root", "items": [{"key": "a.pem", "path": "ca.crt"}]}},
        ),
    ],
    ids=["secret", "configmap"],
)
def test_ca_certificate_is_mounted(install: Callable[..., Manifests], tls: Values, source: Values) -> None:
    """The CA certificate of an output is mounted read-only, and only this output uses it."""
    made = install(both({"type": "http", "host": "x", "tls": tls}, {"type": "http", "host": "y"}))
    [pod] = made.select(component="app").pods()
    volumes = [volume for volume in pod.spec["volumes"] if volume["name"].startswith("output-ca")]
    assert volumes == [{"name": "output-ca-a", **source}]
    [box] = [box for box in pod.spec["initContainers"] if box["name"] == "sidecar"]
    mount = {"name": "output-ca-a", "mountPath": "/etc/log-sidecar-ca/a", "readOnly": True}
    assert mount in box["volumeMounts"]
    config = load_yaml(made.one("ConfigMap", "x-log-sidecar-sidecar")["data"]["sidecar.yaml"])
    files = {found["alias"]: found.get("tls.ca_file") for found in config["pipeline"]["outputs"]}
    assert files == {"a": "/etc/log-sidecar-ca/a/ca.crt", "b": None, "stdout": None}


def test_globs_tell_which_file(agent_config: Configs) -> None:
    """Records have the path of their file if its entry is a glob."""
    files = [{"name": "a", "path": "/var/log/app/a.log"}, {"name": "b", "path": "/var/log/app/b-*.log"}]
    exact, glob = tails(agent_config(to("http", files=files))["sidecar"]["pipeline"])
    assert ("path_key" in exact, glob["path_key"]) == (False, "path")


def test_rules_for_records(agent_config: Configs) -> None:
    """A record starts at `start` and contains all lines up to the next one, or those that match `continuation`."""
    one = {"name": "a", "path": "/var/log/app/a.log", "multiline": "regex", "multilineRegex": {"start": r"^\d"}}
    two = {**one, "name": "b", "path": "/var/log/app/b.log", "multilineRegex": {"start": "^x", "continuation": "^ "}}
    made = agent_config(to("http", files=[one, two]))["sidecar"]
    rules = {parser["name"]: [rule["regex"] for rule in parser["rules"]] for parser in made["multiline_parsers"]}
    assert rules == {"records-of-a": [r"/^\d/", r"/^(?!(?:^\d))/"], "records-of-b": ["/^x/", "/^ /"]}
    joined = [tail["processors"]["logs"][-1]["multiline.parser"] for tail in tails(made["pipeline"])]
    assert joined == ["records-of-a", "records-of-b"]


def test_records_keep_their_lines_at_a_backend(agent_config: Configs) -> None:
    """A record is one line on stdout only; if a backend receives it too, stdout has its own processor."""
    files = [
        {"name": "a", "path": "/var/log/app/a.log", "multiline": "java"},
        {"name": "b", "path": "/var/log/app/b.log"},
    ]

    def codes(values: Values) -> tuple[str, list[str]]:
        pipeline = agent_config(values)["sidecar"]["pipeline"]
        [text] = [plugin["code"] for plugin in pipeline["filters"] if plugin["name"] == "lua"]
        processors = [one for found in pipeline["outputs"] for one in found.get("processors", {}).get("logs", [])]
        return text, [one["code"] for one in processors]

    joins = 'gsub("\\r?\\n"'
    text, none = codes(to("stdout", files=files) | {"outputs": {}})
    assert (joins in text, none) == (True, [])
    text, none = codes(to("http", files=files))
    assert (joins in text, none) == (False, [])
    text, [own] = codes(both({"type": "http", "host": "x"}, files=files))
    assert (joins in text, joins in own) == (False, True)
    assert '["a"] = true' in own and '["b"]' not in own
    text, none = codes(both({"type": "http", "host": "x", "match": {"files": ["b"]}}, files=files))
    assert (joins in text, none) == (True, [])
