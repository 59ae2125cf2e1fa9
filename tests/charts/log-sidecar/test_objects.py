"""The exact set of objects of an installation, by kind of workload and by switch."""

from collections.abc import Callable

import pytest

from harness.render import supported
from harness.render.manifests import Manifests

NAME = "x-log-sidecar"
DEMO = {("ConfigMap", f"{NAME}-demo")}
AGENT = {("ConfigMap", f"{NAME}-sidecar")}
ACCOUNT = {("ServiceAccount", NAME)}
SERVICE = {("Service", NAME)}
TEST = {("Pod", f"{NAME}-test")}
ALWAYS = DEMO | AGENT | ACCOUNT


@pytest.mark.parametrize("helm", supported.HELM, indirect=True, ids=lambda major: f"helm-{major}")
def test_default_install_is_the_demo_a_service_and_a_sidecar(install: Callable[..., Manifests]) -> None:
    """The default installation has exactly these objects, with each Helm."""
    assert install().names() == ALWAYS | SERVICE | TEST | {("Deployment", NAME)}


@pytest.mark.parametrize(
    ("kind", "besides"),
    [
        ("Deployment", SERVICE | TEST),
        ("StatefulSet", SERVICE | TEST | {("Service", f"{NAME}-headless")}),
        ("DaemonSet", SERVICE | TEST),
        ("Pod", SERVICE | TEST),
        ("Job", set()),
        ("CronJob", set()),
    ],
)
def test_kind_of_workload(install: Callable[..., Manifests], kind: str, besides: set[tuple[str, str]]) -> None:
    """Each kind creates one workload; a Job or CronJob has no Service and no test."""
    assert install({"app": {"kind": kind}}).names() == ALWAYS | besides | {(kind, NAME)}


@pytest.mark.parametrize(
    ("values", "missing", "added"),
    [
        ({"app": {"service": {"enabled": False}}}, SERVICE | TEST, set()),
        ({"serviceAccount": {"create": False}}, ACCOUNT, set()),
        ({"app": {"demo": {"enabled": False}, "command": ["serve"]}}, DEMO | TEST, set()),
        ({"sidecar": {"enabled": False}}, AGENT, set()),
        ({"sidecar": {"engine": "tail"}}, AGENT, set()),
        ({"tests": {"enabled": False}}, TEST, set()),
        ({"podDisruptionBudget": {"enabled": True}}, set(), {("PodDisruptionBudget", NAME)}),
        (
            {"logs": {"volume": {"type": "persistentVolumeClaim"}}},
            set(),
            {("PersistentVolumeClaim", f"{NAME}-logs")},
        ),
    ],
    ids=["service", "account", "demo", "sidecar", "engine", "tests", "budget", "claim"],
)
def test_toggle(
    install: Callable[..., Manifests],
    values: dict[str, object],
    missing: set[tuple[str, str]],
    added: set[tuple[str, str]],
) -> None:
    """Each switch adds or removes its own objects only."""
    everything = install().names()
    assert missing <= everything
    assert install(values).names() == everything - missing | added


def test_nothing_is_installed_without_an_application(install: Callable[..., Manifests]) -> None:
    """`app.enabled: false` creates no objects, whatever else is set."""
    assert install({"app": {"enabled": False}, "podDisruptionBudget": {"enabled": True}}).names() == set()


def test_extra_objects_are_rendered_templates(install: Callable[..., Manifests]) -> None:
    """Maps and strings in `extraObjects` become objects, and templates in them are rendered."""
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-map"}}
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: text-{{ .Release.Namespace }}\n"
    made = install({"app": {"enabled": False}, "extraObjects": [config, text]})
    assert made.names() == {("ConfigMap", "x-map"), ("ConfigMap", "text-prd")}


def test_every_object_says_its_namespace_and_labels(install: Callable[..., Manifests]) -> None:
    """Every object has the release's namespace and the recommended labels."""
    for item in install(
        {"podDisruptionBudget": {"enabled": True}, "logs": {"volume": {"type": "persistentVolumeClaim"}}}
    ):
        labels = item["metadata"]["labels"]
        assert item["metadata"]["namespace"] == "prd"
        assert labels["app.kubernetes.io/name"] == "log-sidecar"
        assert labels["app.kubernetes.io/instance"] == "x"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["app.kubernetes.io/component"] in {"app", "sidecar", "test"}
        assert labels["helm.sh/chart"] == "log-sidecar-0.1.0"


def test_components(install: Callable[..., Manifests]) -> None:
    """The label `component` distinguishes the sidecar's configuration, the test and the application's objects."""
    made = install()
    assert made.select(component="sidecar").names() == AGENT
    assert made.select(component="test").names() == TEST
    assert made.select(component="app").names() == DEMO | ACCOUNT | SERVICE | {("Deployment", NAME)}
