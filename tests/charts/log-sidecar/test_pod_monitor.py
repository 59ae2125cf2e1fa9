"""The PodMonitor of the application's pods, for prometheus-operator."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.render.manifests import Manifests, Pod

FILES = [{"name": name, "path": f"/var/log/app/{name}.log"} for name in ("a", "b")]
ON = {"podMonitor": {"enabled": True, "labels": {"release": "prometheus"}, "interval": "30s"}}


def selected(monitor: dict[str, Any], pod: Pod) -> bool:
    """Return whether a PodMonitor selects a pod."""
    selector, labels = monitor["spec"]["selector"], pod.metadata["labels"]
    [component] = selector["matchExpressions"]
    return selector["matchLabels"].items() <= labels.items() and labels[component["key"]] in component["values"]


@pytest.mark.parametrize(("per_file", "ports"), [(False, ["metrics"]), (True, ["metrics-0", "metrics-1"])])
def test_every_sidecar_is_scraped(install: Callable[..., Manifests], per_file: bool, ports: list[str]) -> None:
    """There is an endpoint for each sidecar of the pod, with the port that it has."""
    logs = {"files": FILES, "directory": "/var/log/app"}
    made = install({**ON, "sidecar": {"perFile": per_file}, "logs": logs})
    monitor = made.one("PodMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    endpoints = monitor["spec"]["podMetricsEndpoints"]
    assert [one["port"] for one in endpoints] == ports
    assert {(one["path"], one["interval"]) for one in endpoints} == {("/api/v2/metrics/prometheus", "30s")}
    [pod] = [one for one in made.pods() if one.owner["kind"] == "Deployment"]
    assert set(ports) <= {port["name"] for box in pod.containers() for port in box.get("ports", ())}
    assert selected(monitor, pod)


def test_default_needs_no_custom_resource(install: Callable[..., Manifests]) -> None:
    """Without the value, there is no PodMonitor, and without an interval it leaves it to Prometheus."""
    assert not install().select("PodMonitor")
    monitor = install({"podMonitor": {"enabled": True}}).one("PodMonitor")
    assert all("interval" not in one for one in monitor["spec"]["podMetricsEndpoints"])


@pytest.mark.parametrize(
    "values",
    [{"sidecar": {"engine": "tail"}}, {"sidecar": {"enabled": False}}, {"app": {"enabled": False}}],
    ids=["tail", "no sidecar", "no pods"],
)
def test_pods_without_metrics_are_rejected(rejection: Callable[..., str], values: dict[str, Any]) -> None:
    """A PodMonitor that would find nothing is rejected."""
    said = rejection({**values, **ON})
    assert "`podMonitor.enabled` is true, but no pod of this release has a sidecar with Fluent Bit" in said
