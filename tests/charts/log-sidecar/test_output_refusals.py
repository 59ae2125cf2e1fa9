"""What `output` refuses, with the YAML to write instead."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from .test_output import to

Values = dict[str, Any]
# name: (values, what the message says, the YAML that it shows)
REFUSED: dict[str, tuple[Values, str, str]] = {
    "tail to a backend": (
        {**to("cloudwatch"), "sidecar": {"engine": "tail"}},
        "output.type is cloudwatch, and the tail engine only writes to stdout",
        "sidecar:\n  engine: fluent-bit",
    ),
    "no host": (
        to("elasticsearch", host=""),
        "output.elasticsearch.host is empty",
        "output:\n  type: elasticsearch\n  elasticsearch:\n    host: logs-es-http.elastic.svc",
    ),
    "no URL": (
        to("sumologic", url={"name": ""}),
        "output.sumologic.url.name does not say which Secret",
        "output:\n  type: sumologic\n  sumologic:\n    url:\n      name: sumologic\n      key: url",
    ),
    "host and URL": (
        to("http", url={"name": "a"}),
        "output.http.host and output.http.url.name are both set",
        'output:\n  http:\n    host: ""\n    url:\n      name: a\n      key: url',
    ),
    "two authorities": (
        to("http", output={"ca": {"secret": "a", "configMap": "b"}}),
        "output.ca.secret and output.ca.configMap are both set",
        'output:\n  ca:\n    secret: a\n    configMap: ""',
    ),
    "user without password": (
        to("opensearch", username={"name": "a"}),
        "output.opensearch: a user's name and password come together",
        "    password:\n      name: a\n      key: password",
    ),
    "user and signature": (
        to("opensearch", aws={"enabled": True}, username={"name": "a"}, password={"name": "a"}),
        "output.opensearch has a user and aws.enabled",
        'output:\n  opensearch:\n    username:\n      name: ""\n    password:\n      name: ""',
    ),
    "user without shared key": (
        to("forward", username={"name": "a"}, password={"name": "a"}),
        "output.forward.username goes with a shared key",
        "output:\n  forward:\n    sharedKey:\n      name: a\n      key: sharedKey",
    ),
    "header without a Secret": (
        to("http", secretHeaders={"Authorization": {"key": "bearer"}}),
        "output.http.secretHeaders.Authorization does not say which key of which Secret",
        "      Authorization:\n        name: logs\n        key: bearer",
    ),
    "buffer larger than its volume": (
        {**to("http", output={"buffer": {"maxSize": "512M"}})},
        "output.buffer.maxSize is 512M, and the pod is evicted when their volume exceeds sidecar.state.sizeLimit",
        "sidecar:\n  state:\n    sizeLimit: 550Mi",
    ),
    "grace period too short": (
        to("http", output={"graceSeconds": 30}),
        "output.graceSeconds (30) and sidecar.drainSeconds (1) do not fit into terminationGracePeriodSeconds (30)",
        "terminationGracePeriodSeconds: 32",
    ),
    "label of a field that is there": (
        to("http", output={"labels": {"pod": "x"}}),
        'output.labels has a field "pod", which every record has already',
        'output:\n  labels:\n    app-pod: "x"',
    ),
    "no rule for records": (
        to("http", files=[{"name": "a", "path": "/var/log/app/a.log", "multiline": "regex"}]),
        "logs.files[0] (a) has no rule for the first line of a record",
        "      multiline: regex\n      multilineRegex:\n        start: '^\\d{4}-\\d{2}-\\d{2}'",
    ),
    "rule that does not count": (
        to("http", files=[{"name": "a", "path": "/var/log/app/a.log", "multilineRegex": {"start": "x"}}]),
        "logs.files[0] (a) has `multilineRegex`, which counts only with `multiline: regex`",
        "      multiline: regex",
    ),
}


@pytest.mark.parametrize(("values", "says", "shows"), REFUSED.values(), ids=REFUSED)
def test_refusals_show_the_yaml(refusal: Callable[[Values], str], values: Values, says: str, shows: str) -> None:
    """What cannot work is refused with its place and the YAML to write."""
    message = refusal(values)
    assert says in message
    assert shows in message


@pytest.mark.parametrize(
    "output",
    [
        {"labels": {"a": "${AWS_SECRET_ACCESS_KEY}"}},
        {"labels": {"a": "x$${HOME}"}},
        {"http": {"headers": {"X-A": "${HOME}"}}},
        {"http": {"headers": {"X-A": "a\r\nX-B: c"}}},
        {"http": {"headers": {"X A": "b"}}},
        {"cloudwatch": {"logGroupName": "$TAG"}},
        {"cloudwatch": {"logGroupName": "{secret}"}},
        {"elasticsearch": {"index": "UPPER"}},
    ],
    ids=json.dumps,
)
def test_no_text_is_expanded(refusal: Callable[[Values], str], output: Values) -> None:
    """Fluent Bit expands `${NAME}` in its configuration: a value that has it, or more than one line, is refused."""
    assert "don't meet the specifications of the schema" in refusal({"output": {"type": "http", **output}})
