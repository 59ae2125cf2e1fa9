"""Invalid outputs are rejected with the YAML to write."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from .test_output import CLUSTER, KEY, both, to

Values = dict[str, Any]
FILES = [{"name": "a", "path": "/var/log/app/a.log"}, {"name": "b", "path": "/var/log/app/b.log"}]
ROLE = "arn:aws:iam::111122223333:role/logs"
HTTP = {"type": "http", "host": "logs.test"}
# name: (values, what the message says, the YAML that it shows)
REJECTED: dict[str, tuple[Values, str, str]] = {
    "tail to a backend": (
        {**to("cloudwatch"), "sidecar": {"engine": "tail"}},
        "`outputs.cloudwatch.type` is cloudwatch, but the tail engine writes only to stdout",
        "sidecar:\n  engine: fluent-bit\noutputs:\n  cloudwatch:\n    enabled: false",
    ),
    "tail with match": (
        {"outputs": {"stdout": {"match": {"files": ["app"]}}}, "sidecar": {"engine": "tail"}},
        "`outputs.stdout.match.files` is set, but the tail engine writes every file to stdout",
        "sidecar:\n  engine: fluent-bit",
    ),
    "no output": (
        {"outputs": {"stdout": {"enabled": False}}},
        "No output is enabled: nothing would be delivered",
        "outputs:\n",
    ),
    "unknown file": (
        both({**HTTP, "match": {"files": ["a", "c"]}}, files=FILES),
        '`outputs.a.match.files` contains "c", but `logs.files` has no file with that name',
        "outputs:\n  a:\n    match:\n      files:\n      - a\n      - b",
    ),
    "file without an output": (
        {**to("http", files=FILES, match={"files": ["a"]})},
        'of file "b": they would be dropped',
        "    match:\n      files: [b]",
    ),
    "file with two outputs to one destination": (
        both(HTTP, {**HTTP, "match": {"files": ["b"]}}, files=FILES),
        'outputs.a and outputs.b would deliver records of file "b" to the same place twice',
        "outputs:\n  b:\n    enabled: false",
    ),
    "two stdout outputs": (
        both({"type": "stdout"}),
        'outputs.a and outputs.stdout would deliver records of file "app" to the same place twice',
        "outputs:\n  stdout:\n    enabled: false",
    ),
    "host and URL": (
        to("http", url=KEY),
        "`outputs.http` sets both host and url, but the URL already contains the host",
        "outputs:\n  http:\n    url: null",
    ),
    "role of the pod itself": (
        {**to("cloudwatch", roleArn=ROLE), "serviceAccount": {"roleArn": ROLE}},
        "`outputs.cloudwatch.roleArn` is the role of `serviceAccount`, which the pods already have",
        'outputs:\n  cloudwatch:\n    roleArn: ""',
    ),
    "two CA certificates": (
        to("http", tls={"caSecret": KEY, "caConfigMap": KEY}),
        "`outputs.http.tls` has caSecret and caConfigMap, and one CA certificate is used",
        "outputs:\n  http:\n    tls:\n      caSecret:\n        key: key\n        name: source",
    ),
    "user without a password": (
        to("kafka", saslUsername="shop"),
        "`outputs.kafka` has one of saslUsername and saslPassword, and SASL needs both",
        "outputs:\n  kafka:\n    saslPassword:\n      key: password\n      name: my-secret\n    saslUsername: agent",
    ),
    "user and IAM": (
        to("kafka", saslUsername="shop", saslPassword=KEY, awsMskIamClusterArn=CLUSTER),
        "`outputs.kafka` has a user (saslUsername) and authenticates by IAM (awsMskIamClusterArn)",
        "outputs:\n  kafka:\n    saslPassword: null\n    saslUsername: null",
    ),
    "IAM without TLS": (
        to("kafka", awsMskIamClusterArn=CLUSTER, tls={"enabled": False}),
        "`outputs.kafka` authenticates by IAM, for which Amazon MSK requires TLS",
        "outputs:\n  kafka:\n    tls:\n      enabled: true",
    ),
    "IAM with IRSA": (
        {**to("kafka", awsMskIamClusterArn=CLUSTER), "serviceAccount": {"roleArn": ROLE}},
        "would send the token of the service account (IRSA) to AWS STS without TLS",
        'serviceAccount:\n  roleArn: ""',
    ),
    "plugin with a type": (
        to("custom", plugin="splunk"),
        "`outputs.custom.plugin` is splunk, which has a type with options of its own",
        "outputs:\n  custom:\n    type: splunk",
    ),
    "plugin of Elasticsearch": (
        to("custom", plugin="es"),
        "`outputs.custom.plugin` is es, which has a type with options of its own",
        "outputs:\n  custom:\n    type: elasticsearch",
    ),
    "plugin that delivers nothing": (
        to("custom", plugin="null"),
        "`outputs.custom.plugin` is null, which is no output plugin of Fluent Bit 5.1.1 that delivers logs",
        "Use one of azure, azure_blob, ",
    ),
    "unknown option": (
        to("custom", options={"hots": "logs.test"}),
        "`outputs.custom` sets hots, but tcp has no such option",
        "It has format, host, ",
    ),
    "option of the chart": (
        to("custom", options={"match": "*"}),
        "`outputs.custom` sets the option match of Fluent Bit, which the chart or another value of the output sets",
        "Remove it.",
    ),
    "credential": (
        to("custom", plugin="logdna", options={"api_key": "hunter2"}),
        "`outputs.custom.options` contains api_key, a credential",
        "    secretOptions:\n      api_key:\n        key: api_key\n        name: my-secret",
    ),
    "credential in a header": (
        to("custom", plugin="websocket", options={"header": ["Authorization Bearer x"]}),
        "`outputs.custom.options.header` contains Authorization, a credential",
        "    secretOptions:\n      header:\n        key: header\n        name: my-secret",
    ),
    "header with a credential": (
        to("otlp", headers={"X-Api-Key": "hunter2"}),
        "`outputs.otlp.headers` contains X-Api-Key, a credential",
        "    secretHeaders:\n      X-Api-Key:\n        key: header\n        name: my-secret",
    ),
    "option twice": (
        to("custom", options={"host": "a"}, secretOptions={"host": KEY}),
        "`outputs.custom` sets host in options and in secretOptions",
        "    options:\n      host: null",
    ),
    "UDP": (
        to("custom", plugin="syslog", options={"host": "logs.test"}),
        "`outputs.custom` would send by UDP",
        "    options:\n      mode: tcp",
    ),
    "two keys": (
        to("newrelic", apiKey=KEY),
        "`outputs.newrelic` has a licenseKey and an apiKey, and a request carries one of them",
        "outputs:\n  newrelic:\n    apiKey: null",
    ),
    "user with SigV4": (
        to("opensearch", awsAuth=True, httpUser="a", httpPasswd=KEY),
        "`outputs.opensearch` signs requests (awsAuth) and has a user (httpUser)",
        "outputs:\n  opensearch:\n    awsAuth: false",
    ),
    "external ID without a role": (
        to("cloudwatch", externalId="x"),
        "`outputs.cloudwatch.externalId` is set without a role to assume",
        "outputs:\n  cloudwatch:\n    roleArn: arn:aws:iam::",
    ),
    "unknown placeholder": (
        to("cloudwatch", logGroupName="/x/{pipeline}"),
        "{pipeline} is not filled in there",
        "outputs:\n  cloudwatch:\n    logGroupName:",
    ),
    "buffer larger than its volume": (
        to("http", storage={"totalLimitSize": "512M"}),
        "`outputs.http.storage.totalLimitSize` is 512M, but Kubernetes evicts the pod when the volume",
        "sidecar:\n  state:\n    sizeLimit: 550Mi",
    ),
    "buffers larger than their volume in total": (
        {**both(HTTP, {"type": "s3", "bucket": "x"}), "sidecar": {}},
        "`outputs.a.storage.totalLimitSize` is 128M, `outputs.b.storage.totalLimitSize` is 128M, but Kubernetes",
        "sidecar:\n  state:\n    sizeLimit: 306Mi",
    ),
    "buffers of several sidecars": (
        {**both(HTTP, files=FILES), "sidecar": {"perFile": True}},
        "`outputs.a.storage.totalLimitSize` is 128M, for each of 2 sidecars, but Kubernetes evicts the pod",
        "sidecar:\n  state:\n    sizeLimit: 306Mi",
    ),
    "buffer without a limit": (
        to("http", storage={"totalLimitSize": ""}),
        "`outputs.http.storage.totalLimitSize` is empty, but Kubernetes evicts the pod when the buffered records",
        "outputs:\n  http:\n    storage:\n      totalLimitSize: 128M",
    ),
    "grace period too short": (
        to("http") | {"sidecar": {"grace": 30}},
        "`sidecar.grace` (30) and `sidecar.drainSeconds` (1) do not fit within `terminationGracePeriodSeconds` (30)",
        "terminationGracePeriodSeconds: 32",
    ),
    "label with the name of a field": (
        to("http", labels={"pod": "x"}),
        '`logs.labels` sets the field "pod", which every record already has',
        "logs:\n  labels:\n    app-pod: x",
    ),
}


@pytest.mark.parametrize(("values", "says", "shows"), REJECTED.values(), ids=REJECTED)
def test_message_shows_the_yaml(rejection: Callable[[Values], str], values: Values, says: str, shows: str) -> None:
    """An invalid output is rejected with its place and the YAML to write."""
    message = rejection(values)
    assert says in message
    assert shows in message


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (to("elasticsearch", host=""), "minLength"),
        ({"outputs": {"x": {"type": "opensearch"}}}, "missing property 'host'"),
        ({"outputs": {"x": {"type": "sumologic"}}}, "missing property 'url'"),
        (to("opensearch", httpUser="a"), "httpPasswd"),
        ({"outputs": {"x": {"type": "newrelic"}}}, "missing property 'licenseKey'"),
        (to("forward", username="a"), "sharedKey"),
        (to("http", secretHeaders={"X-Key": {"name": "a"}}), "missing property 'key'"),
        (to("http", httpUser="a", httpPasswd={"name": "", "key": "b"}), "/httpPasswd/name"),
        (to("http", retires=3), "'retires' not allowed"),
        (to("stdout", compress=""), "'compress' not allowed"),
    ],
    ids=[
        "empty host",
        "no host",
        "no URL",
        "user without a password",
        "no key of New Relic",
        "user without key",
        "no key",
        "empty name",
        "misspelled",
        "option of another type",
    ],
)
def test_schema_knows_what_a_type_needs(rejection: Callable[[Values], str], values: Values, says: str) -> None:
    """The schema requires the options of the output's type, and rejects those of other types."""
    message = rejection(values)
    assert "don't meet the specifications of the schema" in message
    assert says in message


TEXTS: list[Values] = [
    {"logs": {"labels": {"a": "${AWS_SECRET_ACCESS_KEY}"}}},
    {"logs": {"labels": {"a": "x$${HOME}"}}},
    to("http", headers={"X-A": "${HOME}"}),
    to("http", headers={"X-A": "a\r\nX-B: c"}),
    to("http", headers={"X A": "b"}),
    to("custom", options={"host": "x$${HOME}"}),
    to("custom", options={"header": ["A ${HOME}"]}),
    to("cloudwatch", logGroupName="$TAG"),
    to("cloudwatch", logGroupName="/a b"),
    to("elasticsearch", index="UPPER"),
]


@pytest.mark.parametrize("values", TEXTS, ids=json.dumps)
def test_no_text_is_expanded(rejection: Callable[[Values], str], values: Values) -> None:
    """A value with `${NAME}`, which Fluent Bit would expand, or with a line break is rejected."""
    assert "don't meet the specifications of the schema" in rejection(values)
