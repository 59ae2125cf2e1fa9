"""The PodMonitor of the agents, for prometheus-operator."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.render.manifests import Manifests, Pod


def selected(monitor: dict[str, Any], pod: Pod) -> bool:
    """Return whether a PodMonitor selects a pod."""
    selector, labels = monitor["spec"]["selector"], pod.metadata["labels"]
    [component] = selector["matchExpressions"]
    return selector["matchLabels"].items() <= labels.items() and labels[component["key"]] in component["values"]


@pytest.mark.parametrize(("profile", "version"), [("upstream", "v2"), ("aws-legacy", "v1")])
def test_agents_are_scraped(install: Callable[..., Manifests], profile: str, version: str) -> None:
    """The PodMonitor selects the agents of all builds, and the page that their version of Fluent Bit has."""
    of = {"profile": profile, "windows": {"builds": [{"name": "2019", "tag": "x"}, {"name": "2022"}]}}
    made = install({**of, "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}}})
    monitor = made.one("PodMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("http", f"/api/{version}/metrics/prometheus")
    agents = [pod for pod in made.pods() if pod.owner["kind"] == "DaemonSet"]
    assert [pod for pod in made.pods() if selected(monitor, pod)] == agents
    assert len(agents) == 2
    assert not install(of).select("PodMonitor")
