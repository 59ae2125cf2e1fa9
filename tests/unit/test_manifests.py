"""Selecting rendered objects: exact, and never a guess."""

import textwrap

import pytest
import yaml

from harness.render.manifests import ManifestError, Manifests, pod_of

TEXT = """
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app.kubernetes.io/component: app, tier: front}}
---
# only a comment
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app.kubernetes.io/component: app}}
spec:
  template:
    metadata: {labels: {a: b}}
    spec:
      initContainers: [{name: first}, {name: sidecar, restartPolicy: Always}]
      containers: [{name: app}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {released: 2026-11-21}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: clean}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: clean}]}}}}}
---
apiVersion: v1
kind: Pod
metadata: {name: counter, annotations: {x: y}}
spec: {containers: [{name: count}]}
"""


@pytest.fixture
def manifests() -> Manifests:
    return Manifests.parse(TEXT)


def test_names_are_an_exact_set(manifests: Manifests) -> None:
    """Every document is an object, empty ones are not."""
    assert manifests.names() == {
        ("Service", "web"),
        ("Deployment", "web"),
        ("ConfigMap", "settings"),
        ("CronJob", "clean"),
        ("Pod", "counter"),
    }
    assert len(manifests) == 5


def test_selection_matches_everything_that_is_given(manifests: Manifests) -> None:
    """Kind, name, labels and component narrow a selection together."""
    assert manifests.select("Service").names() == {("Service", "web")}
    assert manifests.select(name="web").names() == {("Service", "web"), ("Deployment", "web")}
    assert manifests.select(component="app", labels={"tier": "front"}).names() == {("Service", "web")}
    assert manifests.select("Service", "other").names() == set()
    assert manifests.select(labels={"tier": "back"}).names() == set()


def test_one_returns_the_object(manifests: Manifests) -> None:
    """The only match is returned itself."""
    assert manifests.one("ConfigMap")["metadata"]["name"] == "settings"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"kind": "Job"}, "0 objects match kind='Job', not 1; there is ConfigMap/settings, CronJob/clean"),
        ({"name": "web"}, "2 objects match name='web', not 1"),
    ],
    ids=["none", "several"],
)
def test_one_refuses_none_and_several(manifests: Manifests, asked: dict[str, str], message: str) -> None:
    """Anything but one match is an error that says what there is."""
    with pytest.raises(ManifestError, match=message):
        manifests.one(**asked)


def test_containers_are_those_of_every_pod(manifests: Manifests) -> None:
    """Init containers, native sidecars and containers of Deployments, CronJobs and Pods all count."""
    names = [container["name"] for container in manifests.containers()]
    assert names == ["first", "sidecar", "app", "clean", "count"]
    assert manifests.containers("sidecar") == [{"name": "sidecar", "restartPolicy": "Always"}]


def test_pods_know_their_metadata_and_owner(manifests: Manifests) -> None:
    """A template carries the labels its pods get; a Pod carries its own."""
    deployment, cron_job, pod = manifests.pods()
    assert (str(deployment), deployment.metadata) == ("Deployment/web", {"labels": {"a": "b"}})
    assert (str(cron_job), cron_job.metadata) == ("CronJob/clean", {})
    assert (str(pod), pod.metadata["annotations"]) == ("Pod/counter", {"x": "y"})
    assert pod_of(manifests.one("Service")) is None


def test_dates_stay_strings_as_in_kubernetes(manifests: Manifests) -> None:
    """An unquoted date is no date object."""
    assert manifests.one("ConfigMap")["data"]["released"] == "2026-11-21"


def test_repeated_object_is_rejected() -> None:
    """Two objects of one kind, namespace and name would overwrite each other."""
    text = "{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: %s}}\n---\n"
    assert Manifests.parse(text % "x" + text % "y").names() == {("Secret", "a")}
    with pytest.raises(ManifestError, match="Secret/a is rendered twice"):
        Manifests.parse(text % "x" + text % "x").names()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", "not a Kubernetes object"),
        ("kind: Pod", "not a Kubernetes object"),
        ("{apiVersion: v1, kind: Pod}", "a Pod without a name"),
        ("{apiVersion: v1, kind: Pod, kind: Pod, metadata: {name: a}}", "a key appears twice"),
        ("{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {a: {b: 1, b: 2}}}", "a key appears twice"),
    ],
    ids=["list", "no version", "no name", "key twice", "deep key twice"],
)
def test_what_is_no_object_is_rejected(text: str, message: str) -> None:
    """What Kubernetes would not take, or would take half of, does not get past parsing."""
    with pytest.raises(ManifestError, match=message):
        Manifests.parse(text)


def test_merge_keys_are_no_repetition() -> None:
    """A YAML merge may override the key it merges."""
    text = """
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: a}
        base: &base {x: 1, y: 2}
        data:
          <<: *base
          x: 3
        """
    assert Manifests.parse(textwrap.dedent(text))[0]["data"] == {"x": 3, "y": 2}


def test_broken_yaml_is_an_error() -> None:
    """Text that is no YAML is no empty list."""
    with pytest.raises(yaml.YAMLError):
        Manifests.parse("a: [")


def test_slices_are_manifests(manifests: Manifests) -> None:
    """A slice can be selected from again."""
    assert manifests[:2].select("Deployment").names() == {("Deployment", "web")}
    assert repr(manifests[:2]) == "Manifests(Service/web, Deployment/web)"
