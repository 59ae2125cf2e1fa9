"""Outputs of logs and events: matching records, agent settings, and rejected values."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import fluentbit
from harness.render.manifests import Manifests

from . import test_events as events
from .test_logs import ENVIRONMENT, NAMESPACES, PREFIX, agent, check, groups, plugins, text_of, values
from .test_notes import statements

Install = Callable[..., Manifests]
ROLE = "arn:aws:iam::444455556666:role/logs"
OFF = {"enabled": False}
HOST = {"host": "logs.example.com"}
KEY = {"name": "backend", "key": "key"}
# Every output type except CloudWatch, with its required options.
OUTPUTS: dict[str, dict[str, Any]] = {
    "opensearch": HOST,
    "elasticsearch": HOST,
    "firehose": {"deliveryStream": "eks"},
    "kinesis": {"stream": "eks"},
    "s3": {"bucket": "logs"},
    "http": HOST,
    "loki": HOST,
    "splunk": {**HOST, "splunkToken": KEY},
    "datadog": {"apikey": KEY},
    "newrelic": {"licenseKey": KEY},
    "otlp": HOST,
    "kafka": {"brokers": "logs.example.com:9096", "topics": "eks", "saslUsername": KEY, "saslPassword": KEY},
    "custom": {"plugin": "tcp", "options": HOST},
    "forward": HOST,
    "stdout": {},
}
LOGIN = {"httpUser": {"name": "backend", "key": "user"}, "httpPasswd": {"name": "backend", "key": "password"}}


def only(kind: str, **options: Any) -> dict[str, Any]:
    """Return an output that replaces the default output."""
    return {"cloudwatch": OFF, "backend": {"type": kind, **options}}


def variable(path: str) -> str:
    """Return the variable of a secret option of the output `backend`."""
    return f"OUTPUT_BACKEND__{re.sub('(?=[A-Z])', '_', path).upper()}"


def split(**match: dict[str, Any]) -> dict[str, Any]:
    """Return outputs by name, each with its own log group and `match`."""
    own = {name: {"type": "cloudwatch", "logGroupName": f"/{name}", "match": chosen} for name, chosen in match.items()}
    return {"cloudwatch": OFF, **own}


def receivers(made: Manifests, path: str) -> list[str]:
    """Return the aliases of the outputs that receive a pod's log file."""
    config = fluentbit.parse(text_of(made), environment=ENVIRONMENT)
    [tag] = [fluentbit.tag_of(plugin, path) for plugin in fluentbit.inputs_of(config, path)]
    return sorted(delivery.output.get("alias") for delivery in fluentbit.deliveries(config, tag))


def test_group_of_each_namespace(install: Install) -> None:
    """With `logGroupTemplate`, the log group of application records contains pod metadata; others keep theirs."""
    outputs = {"cloudwatch": {"logGroupTemplate": "/aws/containerinsights/{cluster}/$kubernetes['namespace_name']"}}
    made = install(values(outputs=outputs))
    assert groups(made, *(fluentbit.pod_log(name, "web-1") for name in NAMESPACES)) == [*NAMESPACES]
    assert groups(made, fluentbit.pod_log("kube-system", "kube-proxy-x")) == ["dataplane"]
    templates = {name: one.get("log_group_template") for name, one in plugins(made, "outputs").items()}
    assert templates == {
        "cloudwatch-application": f"{PREFIX}/$kubernetes['namespace_name']",
        "cloudwatch-dataplane": None,
        "cloudwatch-host": None,
    }


def test_pipelines_have_outputs_of_their_own(install: Install) -> None:
    """By `match.pipelines`, each pipeline, events included, has its log group, retention and class."""
    host = {"logGroupName": "/shop/host", "logRetentionDays": 0, "logGroupClass": "INFREQUENT_ACCESS"}
    outputs = {
        "cloudwatch": {"match": {"pipelines": ["application", "dataplane", "events"]}, "logRetentionDays": 400},
        "rare": {"type": "cloudwatch", "match": {"pipelines": ["host"]}, **host},
    }
    made = install({**values(outputs=outputs), "events": {"enabled": True}})
    kept = {
        name: (one["log_group_name"], one.get("log_retention_days"), one["log_group_class"])
        for name, one in plugins(made, "outputs").items()
    }
    assert kept == {
        "cloudwatch-application": (f"{PREFIX}/application", 400, "STANDARD"),
        "cloudwatch-dataplane": (f"{PREFIX}/dataplane", 400, "STANDARD"),
        "rare-host": ("/shop/host", None, "INFREQUENT_ACCESS"),
    }
    [event] = events.config_of(made)["pipeline"]["outputs"]
    assert (event["alias"], event["log_group_name"]) == ("cloudwatch", f"{PREFIX}/events")


def test_namespaces_are_split_by_globs(install: Install) -> None:
    """Each namespace reaches one output, whatever its pods' names; other pipelines reach outputs that name them."""
    outputs = split(
        shop={"namespaces": {"include": ["shop*"]}},
        rest={"namespaces": {"exclude": ["shop*"]}},
    )
    made = install(values(outputs=outputs))
    found = {name: receivers(made, fluentbit.pod_log(name, "shop-1", "shop")) for name in NAMESPACES}
    assert found == {
        "default": ["rest-application"],
        "kube-system": ["rest-application"],
        "shop": ["shop-application"],
        "shop-2": ["shop-application"],
    }
    assert {*plugins(made, "outputs")} == {"shop-application", "rest-application", "rest-dataplane", "rest-host"}


def test_records_for_backends_have_their_origin(install: Install, tmp_path: Path) -> None:
    """Records contain cluster, pipeline and node in the pipelines that a backend other than CloudWatch receives."""
    search = {"type": "opensearch", **HOST, "match": {"pipelines": ["application"]}}
    made = install(values(outputs={"search": search}))
    origins = {name: one["record"] for name, one in plugins(made, "filters").items() if name.startswith("origin-")}
    assert origins == {"origin-application": ["cluster shop", "pipeline application", "node ${HOST_NAME}"]}
    assert receivers(made, fluentbit.pod_log("shop", "web")) == ["cloudwatch-application", "search-application"]
    check(made, tmp_path)


@pytest.mark.parametrize("kind", ["cloudwatch", *OUTPUTS])
def test_fluent_bit_accepts_every_output(kind: str, install: Install, tmp_path: Path) -> None:
    """Each tag reaches one output, the real program accepts it, and credentials come from Secrets."""
    login = LOGIN if kind in ("elasticsearch", "http") else {}
    made = install(values(outputs=only(kind, **OUTPUTS.get(kind, {}), **login)))
    env = {entry["name"]: entry["valueFrom"].get("secretKeyRef") for entry in agent(made).containers()[0]["env"]}
    secrets = {name: secret for name, secret in env.items() if secret}
    options = {**OUTPUTS.get(kind, {}), **login}
    assert secrets == {variable(path): key for path, key in options.items() if isinstance(key, dict) and "key" in key}
    origins = [name for name in plugins(made, "filters") if name.startswith("origin-")]
    assert len(origins) == (0 if kind == "cloudwatch" else 3)
    check(made, tmp_path)


def test_limits_of_storage_and_retries(install: Install) -> None:
    """An output's own limit overrides that of the pipeline; S3 has a store of its own with the same limit."""
    outputs = {
        "cloudwatch": {"retryLimit": 7},
        "archive": {"type": "s3", "bucket": "b"},
        "search": {"type": "opensearch", **HOST, "storage": {"totalLimitSize": "9M"}},
    }
    made = plugins(install(values(outputs=outputs, host={"storage": {"totalLimitSize": "5M"}})), "outputs")
    limits = {name: one["storage.total_limit_size"] for name, one in made.items() if "-host" in name}
    assert limits == {"cloudwatch-host": "5M", "archive-host.s3": "5M", "search-host": "9M"}
    archive = made["archive-host.s3"]
    assert (archive["store_dir_limit_size"], archive["retry_limit"]) == ("5M", 1_000_000)
    assert made["cloudwatch-host"]["retry_limit"] == 7
    assert len({one["store_dir"] for name, one in made.items() if name.startswith("archive")}) == 3


@pytest.mark.parametrize("kind", ["elasticsearch", "opensearch"])
def test_retried_records_are_stored_once(kind: str, install: Install) -> None:
    """Records have IDs unless `generateId` is off, and the output retries only records that failed."""
    bulk = {"name": "opensearch", "generate_id": True, "time_key_nanos": True, "buffer_size": "False"}
    signed = {"awsAuth": True} if kind == "opensearch" else {}
    host = plugins(install(values(outputs=only(kind, **HOST, **signed))), "outputs")["backend-host"]
    assert host.items() >= bulk.items()
    # Fluent Bit reads any other word, even "true", as no.
    assert host.get("aws_auth") == ("On" if signed else None)
    made = install(values(outputs=only(kind, **HOST, generateId=False)))
    assert plugins(made, "outputs")["backend-host"]["generate_id"] is False


def test_agents_mount_secrets_of_their_outputs(install: Install) -> None:
    """Only agents whose pipelines an output receives mount its Secrets and CA certificate."""
    ca = {"name": "backend-ca", "key": "ca.pem"}
    backend = {"type": "http", **HOST, **LOGIN, "tls": {"caConfigMap": ca}, "match": {"pipelines": ["events"]}}
    made = install({**values(outputs={"backend": backend}), "events": {"enabled": True}})
    found = {}
    for pod in made.pods():
        [container] = pod.containers()
        mounts = {mount["mountPath"] for mount in container["volumeMounts"] if mount["name"].startswith("ca-")}
        volumes = [volume for volume in pod.spec["volumes"] if volume["name"].startswith("ca-")]
        found[pod.metadata["labels"]["app.kubernetes.io/component"]] = (
            mounts,
            volumes,
            "backend" in str(container["env"]),
        )
    volume = {"name": "ca-backend", "configMap": {"name": "backend-ca", "items": [{"key": "ca.pem", "path": "ca.crt"}]}}
    assert found == {"logs": (set(), [], False), "events": ({"/etc/outputs-ca/backend"}, [volume], True)}
    [_, output] = sorted(events.config_of(made)["pipeline"]["outputs"], key=lambda one: one["name"])
    assert output["tls.ca_file"] == "/etc/outputs-ca/backend/ca.crt"


def test_notes_have_a_policy_for_each_role(notes: Callable[..., str]) -> None:
    """The policies of the agent's own role and of assumed roles permit what their outputs require, and no more."""
    outputs = {
        "cloudwatch": {
            "roleArn": ROLE,
            "logRetentionDays": 0,
            "logGroupTemplate": f"{PREFIX}/$kubernetes['namespace_name']",
        },
        "archive": {"type": "s3", "bucket": "b"},
    }
    text = notes(values(outputs=outputs, host=OFF))
    [theirs], [archive, assume], [trust] = statements(text)
    assert theirs == {
        "Effect": "Allow",
        "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": [f"arn:aws:logs:eu-west-1:ACCOUNT:log-group:{PREFIX}/*:*"],
    }
    assert archive == {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": ["arn:aws:s3:::b/*"]}
    assert assume == {"Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": [ROLE]}
    assert "system:serviceaccount:prometheus:fluent-bit" in str(trust)
    assert f"log-group-name-prefix {PREFIX}/" in text
    assert statements(notes(values(outputs=only("http", **HOST)))) == []


CLOUDWATCH = {"type": "cloudwatch"}


def entity(output: dict[str, Any] | None = None, **logs: Any) -> dict[str, Any]:
    """Return values with an output that relates records to workloads."""
    given = values(outputs={"cloudwatch": {"addEntity": True, **(output or {})}}, **logs)
    return {**given, "cluster": {**given["cluster"], "accountId": "111122223333"}}


# name: (values, what the message says, the YAML that it shows)
REJECTED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no output": (
        values(outputs={"cloudwatch": OFF}),
        "No output is enabled",
        "outputs:\n  logs:\n    type: cloudwatch",
    ),
    "events without an output": (
        {"events": {"enabled": True}, "outputs": {"cloudwatch": {"match": {"pipelines": ["host"]}}}},
        'No output receives the records of pipeline "events": they would be dropped',
        "pipelines: [events]",
    ),
    "namespace without an output": (
        values(outputs=split(shop={"namespaces": {"include": ["shop*"]}}, nodes={"pipelines": ["dataplane", "host"]})),
        'No output receives records of pipeline "application" from other namespaces: they would be dropped',
        'namespaces:\n        exclude: ["shop*"]',
    ),
    "entity without an account": (
        values(outputs={"cloudwatch": {"addEntity": True}}),
        "`outputs.cloudwatch.addEntity` requires the ID of the AWS account",
        'cluster:\n  accountId: "111122223333"',
    ),
    "entity without workloads": (
        entity(metadata={"from": "tag"}),
        "`outputs.cloudwatch.addEntity` is true, but `logs.metadata.from: tag` adds no workloads",
        "logs:\n  metadata:\n    from: kubelet",
    ),
    "entity of a line alone": (
        entity({"logKey": "text"}),
        "`outputs.cloudwatch` has addEntity and logKey",
        "outputs:\n  cloudwatch:\n    addEntity: false",
    ),
    "entity of several pods": (
        entity({"logStreamName": "{node}"}),
        "`outputs.cloudwatch.addEntity` is true, but several pods share a log stream",
        "logStreamTemplate: $kubernetes['pod_name'].$kubernetes['container_name']",
    ),
    "lines of the journal": (
        values(outputs={"cloudwatch": {"logKey": "log"}}),
        "`outputs.cloudwatch.logKey` is log, but the pipeline dataplane has records without this field",
        "outputs:\n  cloudwatch:\n    match:\n      pipelines:\n      - application",
    ),
    "same place twice": (
        values(outputs={"again": CLOUDWATCH}),
        'outputs.again and outputs.cloudwatch would deliver records of pipeline "host" to the same place twice',
        "outputs:\n  cloudwatch:\n    enabled: false",
    ),
    "namespace twice": (
        values(
            outputs={"again": {**CLOUDWATCH, "match": {"pipelines": ["application"], "namespaces": {"include": ["a"]}}}}
        ),
        'would deliver records of pipeline "application" from a to the same place twice',
        'exclude: ["a"]',
    ),
    "namespaces of no pipeline": (
        values(
            outputs={"x": {"type": "http", **HOST, "match": {"pipelines": ["host"], "namespaces": {"include": ["a"]}}}}
        ),
        "`outputs.x.match.namespaces` selects by namespace or pod, but `match.pipelines` does not contain application",
        "pipelines:\n      - host\n      - application",
    ),
    "template of no pod": (
        values(
            outputs={
                "x": {
                    **CLOUDWATCH,
                    "logGroupName": "/x",
                    "logGroupTemplate": "/x/$kubernetes['pod_name']",
                    "match": {"pipelines": ["host"]},
                }
            }
        ),
        "`outputs.x.logGroupTemplate` selects by namespace or pod, but `match.pipelines` does not contain application",
        "pipelines:\n      - host\n      - application",
    ),
    "placeholder": (
        values(outputs={"cloudwatch": {"logGroupName": "/logs/{pod}"}}),
        '`outputs.cloudwatch.logGroupName` is "/logs/{pod}", and {pod} is not filled in there',
        "logGroupName: /logs/{cluster}",
    ),
    "no host": (values(outputs=only("elasticsearch")), "missing property 'host'", "/outputs/backend"),
    "no key": (
        values(outputs=only("http", **HOST, httpUser="a", httpPasswd={"name": "backend"})),
        "missing property 'key'",
        "/outputs/backend/httpPasswd",
    ),
    "no bucket": (values(outputs=only("s3")), "missing property 'bucket'", "/outputs/backend"),
    "signed and user": (
        values(outputs=only("opensearch", **HOST, **LOGIN, awsAuth=True)),
        "`outputs.backend` signs requests (awsAuth) and has a user (httpUser)",
        "outputs:\n  backend:\n    awsAuth: false",
    ),
    "external ID": (
        values(outputs={"cloudwatch": {"externalId": "x"}}),
        "`outputs.cloudwatch.externalId` is set without a role to assume",
        "outputs:\n  cloudwatch:\n    roleArn: arn:aws:iam::444455556666:role/logs",
    ),
    "no stream": (
        values(outputs={"cloudwatch": {"logStreamPrefix": ""}}),
        "`outputs.cloudwatch` has neither logStreamName nor logStreamPrefix",
        "outputs:\n  cloudwatch:\n    logStreamPrefix: '{node}-'",
    ),
}


@pytest.mark.parametrize(("given", "says", "shows"), REJECTED.values(), ids=REJECTED)
def test_wrong_outputs_are_rejected(
    rejection: Callable[..., str], given: dict[str, Any], says: str, shows: str
) -> None:
    """The message shows the problem and the YAML to write."""
    message = rejection(given)
    assert says in message
    assert shows in message


@pytest.mark.parametrize(
    "outputs",
    [
        split(shop={"namespaces": {"include": ["shop"]}}, rest={"namespaces": {"exclude": ["shop"]}}),
        {"again": {**CLOUDWATCH, "logGroupName": "/again/{pipeline}"}},
        {
            "a": {**CLOUDWATCH, "match": {"pipelines": ["host"]}},
            "cloudwatch": {"match": {"pipelines": ["application", "dataplane"]}},
        },
    ],
    ids=["split", "two-places", "pipelines"],
)
def test_right_outputs_are_accepted(install: Install, outputs: dict[str, Any]) -> None:
    """Similar, valid values render; without logs and events, outputs are not checked."""
    assert install(values(outputs=outputs)).select("DaemonSet")
    assert install({"outputs": {"cloudwatch": OFF}}).select("StatefulSet")
