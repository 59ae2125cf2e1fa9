"""Kubernetes events: the collector, its permissions, its configuration, and its notes."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import fluentbit, images
from harness.render.manifests import Manifests, load_yaml

from .test_notes import policies

Install = Callable[..., Manifests]
NAME = "x-observability-stack-events"
ROLE = "arn:aws:iam::444455556666:role/logs"
CLUSTER = {"name": "shop", "region": "eu-west-1"}
OBJECTS = {
    ("ClusterRole", f"{NAME}.prometheus"),
    ("ClusterRoleBinding", f"{NAME}.prometheus"),
    ("ConfigMap", NAME),
    ("Deployment", NAME),
    ("NetworkPolicy", NAME),
    ("ServiceAccount", NAME),
}


def values(**events: Any) -> dict[str, Any]:
    return {"metrics": {"enabled": False}, "cluster": CLUSTER, "events": {"enabled": True, **events}}


def config_of(made: Manifests) -> dict[str, Any]:
    config: dict[str, Any] = load_yaml(made.one("ConfigMap", NAME)["data"]["fluent-bit.yaml"])
    return config


def test_one_collector_that_can_only_read_events(install: Install) -> None:
    """There is a single pod, which is replaced with `Recreate`; disabled, there is no object."""
    made = install(values())
    assert made.names() == OBJECTS
    assert install(values(enabled=False)).names() == set()
    assert made.one("ClusterRole", f"{NAME}.prometheus")["rules"] == [
        {"apiGroups": [""], "resources": ["events"], "verbs": ["list", "watch"]}
    ]
    [subject] = made.one("ClusterRoleBinding", f"{NAME}.prometheus")["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": NAME, "namespace": "prometheus"}
    spec = made.one("Deployment", NAME)["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    [pod] = made.pods()
    assert pod.spec["serviceAccountName"] == NAME
    [container] = pod.containers()
    probes = {name: container[name]["httpGet"]["path"] for name in ("livenessProbe", "readinessProbe")}
    assert probes == {"livenessProbe": "/", "readinessProbe": "/api/v1/health"}
    # The allow-list and the rules refer to pods with these annotations.
    assert (
        pod.metadata["annotations"].items()
        >= {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(container["ports"][0]["containerPort"]),
            "prometheus.io/path": "/api/v2/metrics/prometheus",
        }.items()
    )


def test_claim_keeps_the_state(install: Install) -> None:
    """With a claim, the next pod has the IDs of sent events; an uninstall deletes the claim."""
    made = install(
        values(persistence={"type": "persistentVolumeClaim", "persistentVolumeClaim": {"storageClassName": "gp3"}})
    )
    assert made.names() == OBJECTS | {("PersistentVolumeClaim", NAME)}
    claim = made.one("PersistentVolumeClaim", NAME)
    assert (claim["spec"]["storageClassName"], claim["metadata"].get("annotations")) == ("gp3", None)
    [pod] = made.pods()
    assert {"name": "state", "persistentVolumeClaim": {"claimName": NAME}} in pod.spec["volumes"]
    scratch = install(values()).pods()[0].spec["volumes"]
    assert {"name": "state", "emptyDir": {"sizeLimit": "256Mi"}} in scratch


def test_events_have_a_log_group(install: Install) -> None:
    """Events go to their log group once, with a state that survives restarts, and a buffer with a limit."""
    config = config_of(install(values()))
    [source], [output] = config["pipeline"]["inputs"], config["pipeline"]["outputs"]
    assert (output["log_group_name"], output["region"]) == ("/aws/containerinsights/shop/events", "eu-west-1")
    assert (output["log_retention_days"], output["log_group_class"]) == (30, "STANDARD")
    assert (source["kube_retention_time"], source["storage.type"]) == ("60m", "filesystem")
    # An event is stored as read only when it is in the buffer: otherwise a kill in between would lose it.
    assert source["threaded"] is False
    state = "/var/lib/fluent-bit/"
    assert source["db"].startswith(state) and config["service"]["storage.path"].startswith(state)
    assert (output["log_stream_name"], "log_stream_prefix" in output) == ("events", False)
    assert (output["retry_limit"], output["storage.total_limit_size"]) == ("no_limits", "64M")
    output = {"logGroupName": "/shop/{pipeline}", "logRetentionDays": 0, "logGroupClass": "INFREQUENT_ACCESS"}
    output |= {"retryLimit": 7, "roleArn": ROLE, "autoCreateGroup": False, "logStreamName": "own"}
    config = config_of(install({**values(lookbackMinutes=5), "outputs": {"cloudwatch": output}}))
    [source], [output] = config["pipeline"]["inputs"], config["pipeline"]["outputs"]
    assert (output["log_group_name"], output["log_group_class"]) == ("/shop/events", "INFREQUENT_ACCESS")
    assert (output["auto_create_group"], "log_retention_days" in output) == (False, False)
    assert (output["log_stream_name"], "log_stream_prefix" in output) == ("own", False)
    assert (output["retry_limit"], output["role_arn"], source["kube_retention_time"]) == (7, ROLE, "5m")


def test_events_reach_other_backends(install: Install) -> None:
    """With or without logs, another backend receives the events, with the cluster's name and the Secret's password."""
    login = {"httpUser": {"name": "es", "key": "username"}, "httpPasswd": {"name": "es", "key": "password"}}
    search = {"type": "elasticsearch", "host": "es.example.com", **login}
    made = install({**values(), "outputs": {"cloudwatch": {"enabled": False}, "search": search}})
    assert made.names() == OBJECTS
    config = config_of(made)["pipeline"]
    assert [(one["name"], one["host"], one["match"]) for one in config["outputs"]] == [
        ("opensearch", "es.example.com", "events")
    ]
    assert config["inputs"][0]["processors"]["logs"][-1]["record"] == ["cluster shop", "pipeline events"]
    [container] = made.pods()[0].containers()
    secrets = {entry["name"]: entry["valueFrom"].get("secretKeyRef") for entry in container["env"]}
    assert secrets == {
        "HOST_NAME": None,
        "POD_IP": None,
        "OUTPUT_SEARCH__HTTP_USER": login["httpUser"],
        "OUTPUT_SEARCH__HTTP_PASSWD": login["httpPasswd"],
    }


def test_incomplete_output_is_rejected(rejection: Callable[..., str]) -> None:
    """The message shows the place and the fix, also if only events are enabled."""
    said = rejection({**values(), "outputs": {"stream": {"type": "firehose"}}})
    assert "at '/outputs/stream': missing property 'deliveryStream'" in said


@pytest.mark.parametrize(
    ("chosen", "filters"),
    [
        ({}, {}),
        ({"types": ["Warning"]}, {"types": ("regex", "$type ^(?:Warning)$")}),
        ({"excludeReasons": ["Pulled", "Created"]}, {"reasons": ("exclude", "$reason ^(?:Pulled|Created)$")}),
        (
            {"namespaces": {"include": ["a", "b"], "exclude": ["c"]}},
            {
                "namespaces": ("regex", "$metadata['namespace'] ^(?:a|b)$"),
                "other-namespaces": ("exclude", "$metadata['namespace'] ^(?:c)$"),
            },
        ),
    ],
    ids=["all", "warnings", "reasons", "namespaces"],
)
def test_events_are_selected(install: Install, chosen: Any, filters: dict[str, tuple[str, str]]) -> None:
    """By default all events are sent; types, namespaces and reasons select events by whole words.

    A processor drops other events before they count as read, because an alert compares read with sent events.
    """
    pipeline = config_of(install(values(**chosen)))["pipeline"]
    assert "filters" not in pipeline
    found = {
        one["alias"]: next((kind, one[kind]) for kind in ("regex", "exclude") if kind in one)
        for one in pipeline["inputs"][0]["processors"]["logs"]
        if one["name"] == "grep"
    }
    assert found == filters


def test_configuration_is_valid(install: Install, chart: Path, tmp_path: Path) -> None:
    """Every event reaches one output, all paths are in mounts, and Fluent Bit accepts the configuration."""
    made = install(files=[chart / "ci" / "node-values.yaml"])
    [pod] = [pod for pod in made.pods() if pod.owner["metadata"]["name"] == NAME]
    [container] = pod.containers()
    text = made.one("ConfigMap", NAME)["data"]["fluent-bit.yaml"]
    config = fluentbit.parse(text, environment={"HOST_NAME": "node-1", "POD_IP": "127.0.0.1"})
    assert fluentbit.faults(config, mounts=fluentbit.mounts_of(pod, container), several=True) == []
    program = images.fluent_bit()
    if program is None:
        pytest.skip("needs fluent-bit on PATH (or in $FLUENT_BIT)")
    file = tmp_path / "fluent-bit.yaml"
    file.write_text(text, encoding="utf-8")
    done = subprocess.run([str(program), "--dry-run", "-c", str(file)], capture_output=True, text=True)
    assert "configuration test is successful" in done.stdout + done.stderr, done.stderr


def test_notes_have_policy_and_commands(notes: Callable[..., str]) -> None:
    """The policy permits writing to this log group only; the notes show how to read and delete it."""
    text = notes(values())
    policy, trust = policies(text)
    assert policy == {
        "Effect": "Allow",
        "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:PutRetentionPolicy"],
        "Resource": ["arn:aws:logs:eu-west-1:ACCOUNT:log-group:/aws/containerinsights/shop/events:*"],
    }
    account = trust["Condition"]["StringEquals"]["OIDC_ISSUER:sub"]
    assert account == f"system:serviceaccount:prometheus:{NAME}"
    assert "aws logs tail /aws/containerinsights/shop/events --region eu-west-1" in text
    assert "aws logs delete-log-group --region eu-west-1 --log-group-name /aws/containerinsights/shop/events" in text
    assert "sends the events of the last 60 minutes again" in text
    given = {"outputs": {"cloudwatch": {"autoCreateGroup": False}}}
    kept = notes({**values(persistence={"type": "persistentVolumeClaim"}), **given})
    assert policies(kept)[0]["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert "sends the events of the last" not in kept
    assert "/events" not in notes(values(enabled=False))
