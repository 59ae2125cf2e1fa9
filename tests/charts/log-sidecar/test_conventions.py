"""Conventional values of charts: names, labels, images and scheduling."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.render.manifests import Manifests, Object

Install = Callable[..., Manifests]
SELECTOR = {
    "app.kubernetes.io/name": "log-sidecar",
    "app.kubernetes.io/instance": "x",
    "app.kubernetes.io/component": "app",
}
KINDS = ("Deployment", "StatefulSet", "DaemonSet")


@pytest.mark.parametrize(
    ("release", "values", "name"),
    [
        ("x", {}, "x-log-sidecar"),
        ("my-log-sidecar", {}, "my-log-sidecar"),
        ("x", {"nameOverride": "logs"}, "x-logs"),
        ("x", {"fullnameOverride": "counter"}, "counter"),
    ],
    ids=["release", "release-has-it", "name", "full-name"],
)
def test_names(install: Install, release: str, values: dict[str, Any], name: str) -> None:
    """Names of objects consist of the release and the chart, unless the values override them."""
    made = install(values, release=release)
    assert made.one("Deployment")["metadata"]["name"] == name
    assert all(item["metadata"]["name"].startswith(name) for item in made)


@pytest.mark.parametrize("kind", KINDS)
def test_selectors_never_change(install: Install, kind: str) -> None:
    """Selectors consist of three labels, whatever labels the values add, because they are immutable."""
    labels = {"team": "platform", "app.kubernetes.io/version": "9", "app.kubernetes.io/name": "other"}
    for values in ({}, {"commonLabels": labels, "podLabels": labels, "fullnameOverride": "other"}):
        item = install({**values, "app": {"kind": kind}}).one(kind)
        assert item["spec"]["selector"] == {"matchLabels": SELECTOR}
        assert SELECTOR.items() <= item["spec"]["template"]["metadata"]["labels"].items()


def test_labels_of_the_user(install: Install) -> None:
    """`commonLabels` apply to all objects and pods, `podLabels` to pods only; neither replaces the chart's own."""
    made = install(
        {"commonLabels": {"team": "platform"}, "podLabels": {"tier": "web", "app.kubernetes.io/instance": "y"}}
    )
    pod = made.one("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert all(item["metadata"]["labels"]["team"] == "platform" for item in made)
    assert (pod["team"], pod["tier"], pod["app.kubernetes.io/instance"]) == ("platform", "web", "x")
    assert not [item for item in made if "tier" in item["metadata"]["labels"]]


def test_annotations_of_the_user(install: Install) -> None:
    """`commonAnnotations` apply to all objects and pods, `podAnnotations` to pods only."""
    made = install({"commonAnnotations": {"example.com/owner": "a"}, "podAnnotations": {"example.com/scrape": "true"}})
    pod = made.one("Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert all(item["metadata"]["annotations"]["example.com/owner"] == "a" for item in made)
    assert (pod["example.com/owner"], pod["example.com/scrape"]) == ("a", "true")
    assert not [item for item in made if "example.com/scrape" in item["metadata"]["annotations"]]


def test_bare_pod_has_the_labels_and_annotations_of_a_pod(install: Install) -> None:
    """A bare Pod has the labels and annotations of both an object and a pod."""
    values = {"app": {"kind": "Pod"}, "podLabels": {"tier": "web"}, "podAnnotations": {"example.com/scrape": "true"}}
    metadata = install(values).one("Pod", "x-log-sidecar")["metadata"]
    assert metadata["labels"]["tier"] == "web"
    assert metadata["annotations"]["example.com/scrape"] == "true"
    assert "checksum/sidecar" in metadata["annotations"]


def images(made: Manifests) -> set[str]:
    return {container["image"] for container in made.containers()}


def test_images_can_be_replaced(install: Install) -> None:
    """All parts of image names and the pull policies come from the values; a digest overrides the tag."""
    digest = "sha256:" + "0" * 64
    image = {"registry": "r.example", "repository": "a/b", "tag": "1", "pullPolicy": "Always"}
    made = install({"app": {"image": image}, "sidecar": {"fluentBit": {"image": {**image, "digest": digest}}}})
    assert images(made) == {"r.example/a/b:1", f"r.example/a/b@{digest}"}
    assert {container["imagePullPolicy"] for container in made.containers()} == {"Always"}
    tail = install({"sidecar": {"engine": "tail", "tail": {"image": {**image, "registry": ""}}}})
    assert "a/b:1" in images(tail)


def test_one_registry_for_all(install: Install) -> None:
    """`global.imageRegistry` overrides the registry of all images, including the test pod's."""
    for engine in ("fluent-bit", "tail"):
        made = install({"global": {"imageRegistry": "mirror.example:5000"}, "sidecar": {"engine": engine}})
        assert {image.partition("/")[0] for image in images(made)} == {"mirror.example:5000"}


def test_pull_secrets(install: Install) -> None:
    """Every pod has the global and the chart's pull secrets, by name or as objects, each once."""
    values = {"global": {"imagePullSecrets": ["one", {"name": "two"}]}, "imagePullSecrets": ["two", "three"]}
    for pod in install(values).pods():
        assert pod.spec["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}, {"name": "three"}]
    assert all("imagePullSecrets" not in pod.spec for pod in install().pods())


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("nodeSelector", {"kubernetes.io/os": "linux", "pool": "apps"}),
        ("tolerations", [{"key": "dedicated", "operator": "Exists"}]),
        ("affinity", {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}),
        ("priorityClassName", "high"),
        ("runtimeClassName", "gvisor"),
        ("terminationGracePeriodSeconds", 86400),
    ],
)
def test_pod_wide_values(pod_spec: Callable[..., Object], field: str, given: Any) -> None:
    """Settings of the pod are in its specification, and are not rendered by default."""
    assert pod_spec({field: given})[field] == given
    if field not in ("nodeSelector", "terminationGracePeriodSeconds"):
        assert field not in pod_spec()


def test_pods_run_on_linux_nodes_only(install: Install) -> None:
    """No pod of the chart can be scheduled on a Windows node."""
    assert all(pod.spec["nodeSelector"] == {"kubernetes.io/os": "linux"} for pod in install().pods())


def test_spread_constraints_find_their_own_pods(pod_spec: Callable[..., Object]) -> None:
    """A constraint without a selector selects the pods of this release; others keep their selector."""
    zone: Mapping[str, Any] = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "DoNotSchedule",
    }
    own = {**zone, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"matchLabels": {"a": "b"}}}
    made = pod_spec({"topologySpreadConstraints": [zone, own]})["topologySpreadConstraints"]
    assert made == [{**zone, "labelSelector": {"matchLabels": SELECTOR}}, own]


def test_extra_parts_of_the_pod(pod_spec: Callable[..., Object]) -> None:
    """Extra volumes, containers and init containers are added to the chart's own."""
    spec = pod_spec(
        {
            "extraVolumes": [{"name": "data", "emptyDir": {}}],
            "extraContainers": [{"name": "proxy", "image": "proxy"}],
            "extraInitContainers": [{"name": "prepare", "image": "prepare"}],
            "app": {"extraVolumeMounts": [{"name": "data", "mountPath": "/data"}]},
        }
    )
    assert [volume["name"] for volume in spec["volumes"]] == ["logs", "demo", "tmp", "config", "state", "data"]
    assert [box["name"] for box in spec["containers"]] == ["app", "proxy"]
    assert [box["name"] for box in spec["initContainers"]] == ["sidecar", "prepare"]
    assert spec["containers"][0]["volumeMounts"][-1] == {"name": "data", "mountPath": "/data"}


def test_pods_share_one_user_that_is_not_root(install: Install) -> None:
    """The application and its sidecar run as the same user, so that the sidecar can read files of mode 0600."""
    for pod in install().pods():
        assert pod.spec["securityContext"]["runAsNonRoot"] is True
        assert pod.spec["securityContext"]["runAsUser"] >= 10000
        assert pod.spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not [box for box in pod.containers() if "runAsUser" in box["securityContext"]]


def test_changed_demo_makes_new_pods(install: Install, chart: Path) -> None:
    """The pod has a checksum of the demo's source."""
    annotations = install().one("Deployment")["spec"]["template"]["metadata"]["annotations"]
    source = (chart / "files" / "demo" / "app.py").read_bytes()
    assert annotations["checksum/demo"] == hashlib.sha256(source).hexdigest()
    without = install({"app": {"demo": {"enabled": False}, "command": ["serve"]}}).one("Deployment")
    assert "checksum/demo" not in without["spec"]["template"]["metadata"]["annotations"]


def test_chart_test_pod(install: Install) -> None:
    """`helm test` runs a pod with the application's image against its Service, and deletes it afterwards."""
    pod = install().one("Pod", "x-log-sidecar-test")
    annotations = pod["metadata"]["annotations"]
    assert annotations["helm.sh/hook"] == "test"
    assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
    [container] = pod["spec"]["containers"]
    assert container["args"] == ["http://x-log-sidecar.prd.svc:80"]
    assert container["image"] == "public.ecr.aws/docker/library/python:3.11-slim-bookworm"
    assert pod["spec"]["restartPolicy"] == "Never"
