"""Conventions of Helm charts: names, labels, images and scheduling, with the usual values."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.render.manifests import Manifests, Pod

Install = Callable[..., Manifests]
BLOCKS = {
    "server": "prometheus",
    "kubeStateMetrics": "kube-state-metrics",
    "nodeExporter": "node-exporter",
    "windowsExporter": "windows-exporter",
    "alertmanager": "alertmanager",
    "pushgateway": "pushgateway",
    "blackboxExporter": "blackbox-exporter",
}
ON: dict[str, dict[str, Any]] = {name: {"enabled": True} for name in BLOCKS}
each = pytest.mark.parametrize("block", BLOCKS)


def with_value(block: str, **settings: Any) -> dict[str, Any]:
    return {**ON, block: {"enabled": True, **settings}}


def pod_of(made: Manifests, block: str) -> Pod:
    [pod] = [pod for pod in made.pods() if pod.containers()[-1]["name"] == BLOCKS[block]]
    return pod


@pytest.mark.parametrize(
    ("release", "values", "start"),
    [
        ("x", {}, "x-observability-stack-"),
        ("my-observability-stack", {}, "my-observability-stack-"),
        ("x", {"nameOverride": "metrics"}, "x-metrics-"),
        ("x", {"fullnameOverride": "metrics"}, "metrics-"),
    ],
    ids=["release", "release-has-it", "name", "full-name"],
)
def test_names(install: Install, release: str, values: dict[str, Any], start: str) -> None:
    """Names of objects derive from release and chart, or from the overrides, and are unique for each kind."""
    made = install({**ON, **values, "server": {"replicas": 2, "shards": 1}}, release=release)
    named = [item for item in made if not item["metadata"]["name"].startswith(("amp-iamproxy", "prometheus-"))]
    assert [item["metadata"]["name"] for item in named if not item["metadata"]["name"].startswith(start)] == []
    assert len(made.names()) == len(made)


def test_releases_have_separate_state_directories(install: Install) -> None:
    """Release c in namespace a-b and release b-c in namespace a have different state directories."""
    folders = set()
    for namespace, release in (("a-b", "c"), ("a", "b-c")):
        [pod] = install(
            {"metrics": {"enabled": False}, "logs": {"enabled": True}}, namespace=namespace, release=release
        ).pods()
        folders |= {volume["hostPath"]["path"] for volume in pod.spec["volumes"] if volume["name"] == "state"}
    assert folders == {
        "/var/lib/observability-stack/c-observability-stack-logs.a-b",
        "/var/lib/observability-stack/b-c-observability-stack-logs.a",
    }


@each
def test_common_labels_and_annotations(install: Install, block: str) -> None:
    """Common labels and annotations are on every object, a component's on its pods; none replaces the chart's own."""
    own = {
        "podLabels": {"tier": "metrics", "app.kubernetes.io/instance": "y"},
        "podAnnotations": {"example.com/a": "b", "checksum/config": "x"},
    }
    common = {"commonLabels": {"team": "platform"}, "commonAnnotations": {"example.com/owner": "a"}}
    made = install({**with_value(block, **own), **common})
    for item in made:
        assert item["metadata"]["labels"]["team"] == "platform"
        assert item["metadata"]["annotations"]["example.com/owner"] == "a"
    pod = pod_of(made, block)
    assert (pod.metadata["labels"]["tier"], pod.metadata["labels"]["app.kubernetes.io/instance"]) == ("metrics", "x")
    assert pod.metadata["annotations"].items() >= {"example.com/a": "b", "example.com/owner": "a"}.items()
    if block == "alertmanager":
        assert pod.metadata["annotations"]["checksum/config"] != "x"
    assert sum("tier" in other.metadata["labels"] for other in made.pods()) == 1


@each
def test_image_can_be_replaced(install: Install, block: str) -> None:
    """Registry, repository, tag, digest and pull policy come from the values; a digest overrides the tag."""
    image = {"registry": "r.example", "repository": "a/b", "tag": "7", "pullPolicy": "Always"}
    for box in pod_of(install(with_value(block, image=image)), block).containers():
        assert (box["image"], box["imagePullPolicy"]) == ("r.example/a/b:7", "Always")
    digest = "sha256:" + "0" * 64
    for box in pod_of(install(with_value(block, image={**image, "digest": digest})), block).containers():
        assert box["image"] == f"r.example/a/b@{digest}"


def test_affinity_of_a_daemon_set_is_merged(install: Install) -> None:
    """Each term of the user's node affinity also excludes Fargate and virtual nodes; other affinity is unchanged."""
    ours = [
        {"key": "eks.amazonaws.com/compute-type", "operator": "NotIn", "values": ["fargate"]},
        {"key": "type", "operator": "NotIn", "values": ["virtual-kubelet"]},
    ]
    zones = [{"key": "zone", "operator": "In", "values": [name]} for name in "ab"]
    fields = [{"key": "metadata.name", "operator": "In", "values": ["node-1"]}]
    preferred = [{"weight": 1, "preference": {"matchExpressions": [zones[0]]}}]
    given = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [zone]} for zone in zones] + [{"matchFields": fields}]
            },
            "preferredDuringSchedulingIgnoredDuringExecution": preferred,
        },
        "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []},
    }
    [made] = install({"nodeExporter": {"affinity": given}}).select("DaemonSet")
    terms = [{"matchExpressions": [zone, *ours]} for zone in zones] + [
        {"matchFields": fields, "matchExpressions": ours}
    ]
    assert made["spec"]["template"]["spec"]["affinity"] == {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms},
            "preferredDuringSchedulingIgnoredDuringExecution": preferred,
        },
        "podAntiAffinity": given["podAntiAffinity"],
    }


@each
def test_pod_settings(install: Install, block: str) -> None:
    """Pod settings of a component are in its pod specification."""
    given: dict[str, Any] = {
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}},
        "priorityClassName": "high",
    }
    if block not in ("nodeExporter", "windowsExporter"):
        spread = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
        given["topologySpreadConstraints"] = [spread]
    probe = {"livenessProbe": {"periodSeconds": 77}, "readinessProbe": {"enabled": False}}
    box_given = {"resources": {"requests": {"cpu": "7m"}}, "extraArgs": ["--seven=7"]}
    changed = with_value(block, **given, **probe, **box_given, nodeSelector={"pool": "metrics"})
    made = install({**changed, "nodeTaints": []})
    pod = pod_of(made, block)
    if pod.owner["kind"] == "DaemonSet":  # the policies check its affinity
        del given["affinity"]
    assert {key: pod.spec[key] for key in given} == given
    system = "windows" if block == "windowsExporter" else "linux"
    assert pod.spec["nodeSelector"] == {"kubernetes.io/os": system, "pool": "metrics"}
    [box] = pod.spec["containers"]
    assert box["livenessProbe"]["periodSeconds"] == 77
    assert "readinessProbe" not in box
    assert box["resources"]["requests"]["cpu"] == "7m"
    assert box["args"][-1] == "--seven=7"


def test_extra_volumes_and_environment(install: Install) -> None:
    """Additional volumes, mounts and environment variables follow the chart's own."""
    extra = {
        "extraVolumes": [{"name": "remote", "secret": {"secretName": "remote"}}],
        "extraVolumeMounts": [{"name": "remote", "mountPath": "/etc/remote"}],
        "extraEnv": [{"name": "A", "value": "b"}],
        "extraEnvFrom": [{"configMapRef": {"name": "proxies"}}],
    }
    pod = pod_of(install({"server": extra}), "server")
    [box] = pod.containers()
    assert pod.spec["volumes"][-1] == extra["extraVolumes"][0]
    assert box["volumeMounts"][-1] == extra["extraVolumeMounts"][0]
    assert (box["env"], box["envFrom"]) == (extra["extraEnv"], extra["extraEnvFrom"])


def test_replicas_prefer_different_nodes(install: Install) -> None:
    """Several Prometheus pods prefer different nodes, unless `server.affinity` is set."""
    for pod in install({"server": {"replicas": 2}, "kubeStateMetrics": {"enabled": False}}).pods():
        if pod.owner["kind"] == "StatefulSet":
            [term] = pod.spec["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
            assert term["podAffinityTerm"]["topologyKey"] == "kubernetes.io/hostname"
    assert "affinity" not in pod_of(install(), "server").spec


@pytest.mark.parametrize(
    "change",
    [
        {"scrape": {"interval": "30s"}},
        {"cluster": {"name": "shop"}},
        {"scrape": {"jobs": {"pods": False}}},
        {"rules": {"labels": {"team": "a"}}},
        {"alertmanager": {"enabled": True}},
    ],
    ids=["interval", "name", "job", "rules", "alertmanager"],
)
def test_configuration_change_keeps_the_pod(install: Install, change: dict[str, Any]) -> None:
    """Prometheus reloads its configuration and rules, so that a change does not replace its pod; a flag does."""
    before, after, flag = (
        pod_of(install(values), "server") for values in ({}, change, {"server": {"logLevel": "debug"}})
    )
    assert (before.metadata, before.spec) == (after.metadata, after.spec)
    assert "--config.auto-reload" in before.spec["containers"][0]["args"]
    assert before.spec != flag.spec
