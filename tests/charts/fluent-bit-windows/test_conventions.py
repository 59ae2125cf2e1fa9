"""Conventions that users expect of any chart: names, labels, images and scheduling, with the usual values."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.render.manifests import Manifests

Install = Callable[..., Manifests]


@pytest.mark.parametrize(
    ("release", "values", "name"),
    [
        ("x", {}, "x-fluent-bit-windows"),
        ("my-fluent-bit-windows", {}, "my-fluent-bit-windows"),
        ("x", {"nameOverride": "logs"}, "x-logs"),
        ("x", {"fullnameOverride": "agent"}, "agent"),
    ],
    ids=["release", "release-has-it", "name", "full-name"],
)
def test_names(install: Install, release: str, values: dict[str, Any], name: str) -> None:
    """Objects are named after the release and the chart, or as the values set."""
    made = install(values, release=release)
    assert made.names() == {
        ("ConfigMap", name),
        ("DaemonSet", f"{name}-2022"),
        ("DaemonSet", f"{name}-2025"),
        ("ServiceAccount", name),
    }


def test_labels_and_annotations_of_the_user(install: Install) -> None:
    """Common labels and annotations are on every object and pod, pod ones on pods, and none overrides the chart's."""
    values = {
        "commonLabels": {"team": "platform", "app.kubernetes.io/version": "9"},
        "podLabels": {"tier": "agents", "app.kubernetes.io/instance": "y"},
        "commonAnnotations": {"example.com/owner": "a"},
        "podAnnotations": {"example.com/scrape": "true", "checksum/config": "x"},
    }
    made = install(values)
    for item in made:
        assert item["metadata"]["labels"]["team"] == "platform"
        assert item["metadata"]["labels"]["app.kubernetes.io/version"] == "5.1.1"
        assert item["metadata"]["annotations"] == {"example.com/owner": "a"}
        assert "tier" not in item["metadata"]["labels"]
    for pod in made.pods():
        labels, annotations = pod.metadata["labels"], pod.metadata["annotations"]
        assert (labels["team"], labels["tier"]) == ("platform", "agents")
        assert labels["app.kubernetes.io/instance"] == "x"
        assert annotations.items() > {"example.com/owner": "a", "example.com/scrape": "true"}.items()
        assert annotations["checksum/config"] != "x"


@pytest.mark.parametrize("profile", ["upstream", "aws-legacy"])
def test_images_can_be_replaced(install: Install, profile: str) -> None:
    """Registry, repository, tag, digest and policy are values; the tag and digest of a build take precedence."""
    digest = "sha256:" + "0" * 64
    image = {"registry": "r.example", "repository": "a/b", "tag": "7.0.0", "pullPolicy": "Always"}
    builds = [{"name": "2019", "tag": "own"}, {"name": "2022", "digest": digest}]
    block = {"image": image} if profile == "upstream" else {"legacy": {"image": image}}
    made = install({"profile": profile, "windows": {"builds": builds}, **block})
    assert [box["image"] for box in made.containers()] == ["r.example/a/b:own", f"r.example/a/b@{digest}"]
    assert {box["imagePullPolicy"] for box in made.containers()} == {"Always"}


def test_pull_secrets(install: Install) -> None:
    """Every pod has the global and the own pull secrets, given by name or as objects, each once."""
    values = {"global": {"imagePullSecrets": ["one", {"name": "two"}]}, "imagePullSecrets": ["two", "three"]}
    for pod in install(values).pods():
        assert pod.spec["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}, {"name": "three"}]
    assert all("imagePullSecrets" not in pod.spec for pod in install().pods())


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("tolerations", [{"key": "dedicated", "operator": "Exists"}]),
        ("priorityClassName", "high"),
        ("terminationGracePeriodSeconds", 86400),
    ],
)
def test_pod_wide_values(pod_spec: Callable[..., dict[str, Any]], field: str, given: Any) -> None:
    """Values of the pod are in its specification."""
    assert pod_spec({field: given})[field] == given


def test_extra_parts_of_the_pod(pod_spec: Callable[..., dict[str, Any]]) -> None:
    """Additional volumes, mounts and environment variables follow the chart's; node labels and affinity are merged."""
    spec = pod_spec(
        {
            "extraVolumes": [{"name": "data", "emptyDir": {}}],
            "extraVolumeMounts": [{"name": "data", "mountPath": "C:\\data"}],
            "extraEnv": [{"name": "A", "value": "b"}],
            "extraEnvFrom": [{"secretRef": {"name": "s"}}],
            "nodeSelector": {"pool": "windows"},
            "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
        }
    )
    [box] = spec["containers"]
    assert [volume["name"] for volume in spec["volumes"]] == ["config", "state", "container-logs", "pod-logs", "data"]
    assert box["volumeMounts"][-1] == {"name": "data", "mountPath": "C:\\data"}
    assert box["env"][-1] == {"name": "A", "value": "b"}
    assert box["envFrom"] == [{"secretRef": {"name": "s"}}]
    assert spec["nodeSelector"]["pool"] == "windows"
    assert spec["affinity"]["podAntiAffinity"] == {"preferredDuringSchedulingIgnoredDuringExecution": []}
    assert len(spec["nodeSelector"]) == 3


def test_no_settings_of_linux(install: Install) -> None:
    """Pods have no settings of Linux, with which Kubernetes rejects a Windows pod."""
    for pod in install({"mode": "hostProcess"}).pods():
        [box] = pod.containers()
        assert "securityContext" not in box
        assert pod.spec["securityContext"].keys() == {"windowsOptions"}
