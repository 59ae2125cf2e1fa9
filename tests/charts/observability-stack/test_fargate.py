"""Fargate's log router: its objects, its configuration, what it does not support, and its notes."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from harness import fluentbit
from harness.backends import iam
from harness.render.manifests import Manifests

from .conftest import CHART
from .test_notes import statements

Install = Callable[..., Manifests]
OBJECTS = {("ConfigMap", "aws-logging"), ("Namespace", "aws-observability")}
ROLE = "arn:aws:iam::444455556666:role/logs"
LOGIN = {"name": "login", "key": "password"}
OFF = {"enabled": False}
HOST = {"host": "logs.example.com"}
# Options of `es` in Fluent Bit 1.9.10 (plugins/out_es/es.c, src/flb_output.c), which the log router may run.
ES = {
    *("name", "match", "host", "port", "path", "index", "retry_limit", "http_user", "tls", "tls.verify", "tls.vhost"),
    *("aws_auth", "aws_region", "aws_sts_endpoint", "aws_role_arn", "aws_external_id", "suppress_type_name"),
    *("logstash_format", "logstash_prefix", "logstash_dateformat", "generate_id", "trace_error", "time_key"),
    *("time_key_nanos", "buffer_size"),
}


def values(*, outputs: dict[str, Any] | None = None, **logging: Any) -> dict[str, Any]:
    return {
        "metrics": OFF,
        "cluster": {"name": "shop", "region": "eu-west-1"},
        "fargate": {"logging": {"enabled": True, **logging}},
        "outputs": outputs or {},
    }


def only(kind: str, **options: Any) -> dict[str, Any]:
    """Return values with one output, which replaces the default output."""
    return values(outputs={"cloudwatch": OFF, "search": {"type": kind, **options}})


def data_of(made: Manifests) -> dict[str, str]:
    data: dict[str, str] = made.one("ConfigMap", "aws-logging")["data"]
    return data


def config_of(made: Manifests) -> fluentbit.Config:
    return fluentbit.parse("\n".join(text for key, text in data_of(made).items() if key.endswith(".conf")))


def test_objects_that_fargate_expects(install: Install) -> None:
    """Namespace, label, names and keys are those that Fargate expects; the namespace can exist already."""
    made = install(values())
    assert made.names() == OBJECTS
    namespace = made.one("Namespace", "aws-observability")["metadata"]
    assert namespace["labels"]["aws-observability"] == "enabled" and "namespace" not in namespace
    assert made.one("ConfigMap", "aws-logging")["metadata"]["namespace"] == "aws-observability"
    assert data_of(made).keys() == {"filters.conf", "output.conf", "parsers.conf", "flb_log_cw"}
    assert install(values(enabled=False)).names() == set()
    assert install(values(createNamespace=False)).names() == OBJECTS - {("Namespace", "aws-observability")}


@pytest.mark.parametrize("file", ["", "fargate-values.yaml"], ids=["default", "all-values"])
def test_fargate_accepts_the_configuration(install: Install, file: str) -> None:
    """Sections, plugins, required options, indentation and size are what Fargate accepts, without variables."""
    made = install({} if file else values(), files=[CHART / "ci" / file] if file else [])
    data = data_of(made)
    assert sum(len(key) + len(text) for key, text in data.items()) < 5300
    assert "${" not in str(data)
    for key, section in (("filters.conf", "FILTER"), ("output.conf", "OUTPUT"), ("parsers.conf", "PARSER")):
        lines = [line for line in data[key].splitlines() if line]
        assert {line for line in lines if not line.startswith("    ")} == {f"[{section}]"}
        assert all(re.match(r" {4}\S+ \S", line) for line in lines if line != f"[{section}]")
    config = config_of(made)
    assert {plugin.name for plugin in config.filters} <= {"grep", "kubernetes", "parser", "record_modifier"}
    assert {plugin.name for plugin in config.outputs} <= {"cloudwatch_logs", "es", "kinesis_firehose"}
    assert all(plugin.get("match") for plugin in config.plugins)
    assert not {"kube_url", "kube_ca_file", "kube_token_command", "kube_token_file"} & set(config.filters[1].options)
    assert config.odd == []


def test_default_configuration(install: Install) -> None:
    """Raw lines are parsed and get the names of their pod, and go to a log group without any value of the user."""
    made = install(values())
    assert data_of(made)["flb_log_cw"] == "false"
    config = config_of(made)
    assert [(plugin.name, plugin.get("parser")) for plugin in config.filters] == [
        ("parser", "parts"),
        ("kubernetes", ""),
    ]
    line = re.compile(config.parsers["parts"].replace("(?<", "(?P<"))
    found = line.match("2026-11-21T10:00:00.000000001Z stderr F hello world")
    assert found and found.groupdict() == {
        "time": "2026-11-21T10:00:00.000000001Z",
        "stream": "stderr",
        "_p": "F",
        "log": "hello world",
    }
    [output] = config.outputs
    assert dict(output.options) == {
        "name": "cloudwatch_logs",
        "match": "kube.*",
        "region": "eu-west-1",
        "log_group_name": "/aws/containerinsights/shop/fargate",
        "log_stream_prefix": "fargate-",
        "log_retention_days": "30",
        "auto_create_group": "On",
        "retry_limit": "no_limits",
        "tls.verify": "On",
    }


def test_every_value_reaches_the_configuration(install: Install) -> None:
    """Own log, JSON, labels, annotations, filters and parsers are those of the values."""
    extra = [{"name": "modify", "match": "kube.*", "add": ["a 1", "b 2"], "reserve": True}]
    parsers = [{"name": "mine", "format": "json"}]
    chosen = {"flbLogCw": True, "parseJson": True, "labels": True, "annotations": True}
    made = install(values(extraFilters=extra, extraParsers=parsers, **chosen))
    config = config_of(made)
    assert data_of(made)["flb_log_cw"] == "true" and config.parsers.keys() == {"parts", "mine"}
    _, metadata, own = config.filters
    options = ("labels", "annotations", "merge_log", "merge_log_key", "keep_log")
    assert [metadata.get(option) for option in options] == ["On", "On", "On", "log_processed", "Off"]
    raw = {"cloudwatch": {"logKey": "log", "match": {"pipelines": ["fargate"]}}}
    assert config_of(install(values(parseJson=True, outputs=raw))).filters[1].get("keep_log") == "On"
    assert (own.name, own.all("add"), own.get("reserve")) == ("modify", ["a 1", "b 2"], "On")


def test_outputs_of_the_pipeline(install: Install) -> None:
    """The router has the outputs that match its pipeline; the node agent's outputs stay what they are."""
    outputs = {
        "cloudwatch": {"match": {"pipelines": ["application", "fargate"]}},
        "http": {"type": "http", "match": {"pipelines": ["dataplane", "host"]}, **HOST},
        "shop": {"type": "http", "match": {"namespaces": {"include": ["shop"]}}, **HOST},
    }
    alone = install(values(outputs=outputs, enabled=True))
    assert [output.name for output in config_of(alone).outputs] == ["cloudwatch_logs"]
    both = values(outputs=outputs)
    nodes = {**both, "logs": {"enabled": True}}
    agents = [install({**nodes, "fargate": {"logging": {"enabled": on}}}) for on in (True, False)]
    name = "x-observability-stack-logs"
    assert agents[0].one("ConfigMap", name) == agents[1].one("ConfigMap", name)


def test_group_of_each_namespace(install: Install, notes: Callable[..., str]) -> None:
    """Records have pod metadata, so a log group can contain the namespace, and the policy covers all of them."""
    group = {"logGroupTemplate": "/shop/$kubernetes['namespace_name']", "match": {"pipelines": ["fargate"]}}
    given = only("cloudwatch", logGroupName="/shop/rest", **group)
    [output] = config_of(install(given)).outputs
    assert output.get("log_group_template") == "/shop/$kubernetes['namespace_name']"
    [[statement]] = statements(notes(given))
    assert statement["Resource"] == [f"{GROUPS}:/shop/*:*"]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("opensearch", {"awsAuth": True, "roleArn": ROLE, "externalId": "x", "stsEndpoint": "sts.example.com"}),
        ("elasticsearch", {"logstashFormat": True, "path": "/logs", "tls": {"vhost": "x.example.com"}}),
    ],
)
def test_search_uses_the_plugin_of_the_router(install: Install, kind: str, options: dict[str, Any]) -> None:
    """OpenSearch and Elasticsearch use `es`, with options that Fluent Bit 1.9.10 supports."""
    [output] = config_of(install(only(kind, **HOST, **options))).outputs
    assert (output.name, output.get("host")) == ("es", "logs.example.com")
    assert set(output.options) - ES == set()


NOT_SUPPORTED = "`outputs.search` receives the pipeline fargate, but Fargate's log router does not support "
TYPES = "use cloudwatch, elasticsearch, firehose, opensearch"
OTHERS = "\n      - ".join(
    ("outputs:\n  search:\n    match:\n      pipelines:", "application", "dataplane", "host", "events")
)
REJECTED: dict[str, tuple[dict[str, Any], str]] = {
    "s3": (only("s3", bucket="logs"), f"type s3 ({TYPES}). Write:\n{OTHERS}"),
    "kinesis": (only("kinesis", stream="logs"), f"type kinesis ({TYPES})"),
    "loki": (only("loki", **HOST), f"type loki ({TYPES})"),
    "splunk": (only("splunk", splunkToken=LOGIN, **HOST), f"type splunk ({TYPES})"),
    "datadog": (only("datadog", apikey=LOGIN), f"type datadog ({TYPES})"),
    "newrelic": (only("newrelic", licenseKey=LOGIN), f"type newrelic ({TYPES})"),
    "otlp": (only("otlp", **HOST), f"type otlp ({TYPES})"),
    "kafka": (only("kafka", brokers="logs.example.com:9094", topics="eks"), f"type kafka ({TYPES})"),
    "custom": (only("custom", plugin="tcp", options=HOST), f"type custom ({TYPES})"),
    "http": (only("http", **HOST), f"type http ({TYPES})"),
    "forward": (only("forward", **HOST), f"type forward ({TYPES})"),
    "stdout": (only("stdout"), f"type stdout ({TYPES})"),
    "password": (
        only("elasticsearch", httpUser="a", httpPasswd=LOGIN, **HOST),
        "httpPasswd (from a Secret or ConfigMap)",
    ),
    "CA certificate": (
        only("elasticsearch", tls={"caConfigMap": LOGIN}, **HOST),
        "tls.caConfigMap (from a Secret or ConfigMap)",
    ),
    "CA file": (only("elasticsearch", tls={"caFile": "/ca.crt"}, **HOST), "tls.caFile (a file)"),
    "serverless": (only("opensearch", awsAuth=True, awsServiceName="aoss", **HOST), "awsServiceName aoss"),
    "log group class": (
        only("cloudwatch", logGroupClass="INFREQUENT_ACCESS"),
        "logGroupClass INFREQUENT_ACCESS (later than Fluent Bit 1.9.10)",
    ),
    "namespaces": (
        only("cloudwatch", match={"pipelines": ["fargate"], "namespaces": {"include": ["shop"]}}),
        "match.namespaces. Write:\noutputs:\n  search:\n    enabled: false",
    ),
}


@pytest.mark.parametrize(("given", "says"), REJECTED.values(), ids=REJECTED)
def test_outputs_that_the_router_lacks_are_rejected(
    rejection: Callable[..., str], given: dict[str, Any], says: str
) -> None:
    """The message names the type or option, and shows how to leave the pipeline to other outputs."""
    assert f"{NOT_SUPPORTED}{says}" in rejection(given)


def filters(**options: Any) -> dict[str, Any]:
    return values(extraFilters=[{"name": "grep", "match": "kube.*", **options}])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (filters(name="lua"), "/fargate/logging/extraFilters/0/name"),
        (filters(name="multiline"), "/fargate/logging/extraFilters/0/name"),
        (values(extraFilters=[{"name": "grep"}]), "missing property 'match'"),
        (values(extraParsers=[{"name": "mine"}]), "missing property 'format'"),
        (filters(exclude="log ${HOST}"), "/fargate/logging/extraFilters/0/exclude"),
        (filters(exclude=["log a", "log $${HOST}"]), "/fargate/logging/extraFilters/0/exclude/1"),
        (filters(exclude="log a\n[SERVICE]"), "/fargate/logging/extraFilters/0/exclude"),
        (filters(Kube_URL="https://x"), "`fargate.logging.extraFilters[0]` has Kube_URL, which Fargate sets itself."),
        (filters(kube_token_file="/x"), "`fargate.logging.extraFilters[0]` has kube_token_file, which Fargate sets"),
        (
            values(extraFilters=[filters(exclude="log " + "x" * 1000)["fargate"]["logging"]["extraFilters"][0]] * 5),
            "5300",
        ),
        ({**values(), "cluster": {"region": "us-gov-west-1"}}, "EKS has no Fargate in us-gov-west-1"),
        (values(outputs={"cloudwatch": {"match": {"pipelines": ["application"]}}}), 'records of pipeline "fargate"'),
    ],
    ids=[
        *("lua", "multiline", "no match", "no format", "variable", "variable in a list", "line break", "service-owned"),
        *("service-owned token", "size", "GovCloud", "no output"),
    ],
)
def test_values_that_fargate_rejects_are_rejected(
    rejection: Callable[..., str], given: dict[str, Any], says: str
) -> None:
    """Filters, parsers, variables, service-owned options and sizes that disable logging on Fargate do not render."""
    assert says in rejection(given)


def test_largest_configuration_is_accepted(install: Install, rejection: Callable[..., str]) -> None:
    """A ConfigMap of exactly 5,300 characters, keys included, renders; one more character does not."""

    def padded(length: int) -> dict[str, Any]:
        return filters(exclude="log " + "x" * length)

    def size(given: dict[str, Any]) -> int:
        return sum(len(key) + len(text) for key, text in data_of(install(given)).items())

    room = 5300 - size(padded(1)) + 1
    assert size(padded(room)) == 5300
    assert "would have 5301 characters" in rejection(padded(room + 1))


GROUPS = "arn:aws:logs:eu-west-1:ACCOUNT:log-group"


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        (
            values(),
            {
                f"{GROUPS}:/aws/containerinsights/shop/fargate:*": [
                    *("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:PutRetentionPolicy")
                ]
            },
        ),
        (
            values(flbLogCw=True, outputs={"cloudwatch": OFF, "a": {"type": "firehose", "deliveryStream": "shop"}}),
            {
                "arn:aws:firehose:eu-west-1:ACCOUNT:deliverystream/shop": ["firehose:PutRecordBatch"],
                f"{GROUPS}:shop-fluent-bit-logs:*": [
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:PutLogEvents",
                ],
            },
        ),
        (only("opensearch", awsAuth=True, **HOST), {"arn:aws:es:eu-west-1:ACCOUNT:domain/DOMAIN/*": ["es:ESHttpPost"]}),
    ],
    ids=["cloudwatch", "firehose and own log", "opensearch"],
)
def test_policy_of_the_pod_execution_role(
    notes: Callable[..., str], given: dict[str, Any], allowed: dict[str, list[str]]
) -> None:
    """The notes print the least-privilege policy of the pod execution role, which has no trust policy of the chart."""
    text = notes(given)
    assert "The least-privilege policy of the pod execution role of each Fargate profile" in text
    [policy] = statements(text)
    assert {resource: one["Action"] for one in policy for resource in one["Resource"]} == allowed
    assert iam.faults({"Version": "2012-10-17", "Statement": policy}) == []


def test_notes_say_what_a_cluster_has_once(notes: Callable[..., str]) -> None:
    """The notes name the object that two releases would share, the label of an existing namespace, and new pods."""
    text = notes(values(createNamespace=False))
    assert "another release with fargate.logging.enabled fails to install" in text
    assert "kubectl label namespace aws-observability aws-observability=enabled" in text
    assert "reaches new pods only" in text
    assert "kubectl label namespace" not in notes(values())
    assert "log router" not in notes({"metrics": OFF, "logs": {"enabled": True}})
