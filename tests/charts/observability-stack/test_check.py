"""The Job that starts the log agent before it is rolled out: when there is one, and what it may see."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.render.manifests import Manifests, load_yaml

from .test_logs import values

Install = Callable[..., Manifests]
FILTER = {"extraFilters": [{"name": "grep", "match": "application.*", "exclude": "log ^DEBUG"}]}
PARSER = {"extraParsers": [{"name": "shop", "format": "json"}]}
PROCESSOR = {"extraProcessors": {"application": [{"name": "content_modifier", "action": "delete", "key": "stream"}]}}
CUSTOM = {"outputs": {"x": {"type": "custom", "plugin": "nats", "options": {"host": "nats.example.com"}}}}
# name: (values, whether there is a Job)
CASES: dict[str, tuple[dict[str, Any], bool]] = {
    "filter": (values(**FILTER), True),
    "parser": (values(**PARSER), True),
    "processor": (values(**PROCESSOR), True),
    "custom output": (values(**CUSTOM), True),
    "only the chart's own": (values(), False),
    "switched off": (values(**FILTER, checkConfig=False), False),
    "without logs": (values(**FILTER, enabled=False), False),
}


@pytest.mark.parametrize(("given", "checked"), CASES.values(), ids=CASES)
def test_job_checks_what_templates_cannot(given: dict[str, Any], checked: bool, install: Install) -> None:
    """There is a Job, with a ConfigMap of its own, exactly if the agent gets something that a user wrote."""
    found = [item for item in install(given) if item["metadata"]["name"].endswith("-logs-check")]
    assert sorted(item["kind"] for item in found) == (["ConfigMap", "Job"] if checked else [])
    hooks = [item["metadata"]["annotations"] for item in found]
    assert {hook["helm.sh/hook"] for hook in hooks} == ({"pre-install,pre-upgrade"} if checked else set())


def test_job_runs_the_configuration_and_sees_nothing_of_the_node(install: Install) -> None:
    """The Job has the agent's image and configuration, but neither directories of the node nor a token, nor root."""
    made = install(values(**FILTER))
    job = made.one("Job")["spec"]["template"]["spec"]
    [container] = job["containers"]
    [agent] = made.containers("logs")
    assert container["image"] == agent["image"]
    data = made.one("ConfigMap", "x-observability-stack-logs-check")["data"]
    assert data["fluent-bit.yaml"] == made.one("ConfigMap", "x-observability-stack-logs")["data"]["fluent-bit.yaml"]
    assert load_yaml(data["check.yaml"])["includes"] == ["fluent-bit.yaml"]
    assert not any("hostPath" in volume for volume in job["volumes"])
    assert (job["automountServiceAccountToken"], job["securityContext"]["runAsNonRoot"]) == (False, True)
    assert "serviceAccountName" not in job


@pytest.mark.parametrize(
    ("outputs", "switch", "checked"),
    [(CUSTOM["outputs"], True, True), (CUSTOM["outputs"], False, False), ({}, True, False)],
    ids=["custom output", "switched off", "only the chart's own"],
)
def test_collector_of_events_is_checked(outputs: dict[str, Any], switch: bool, checked: bool, install: Install) -> None:
    """With outputs that a user wrote, a Job starts the collector of events, without its claim and token."""
    events = {"enabled": True, "checkConfig": switch, "persistence": {"type": "persistentVolumeClaim"}}
    made = install(values(enabled=False) | {"events": events, "outputs": outputs})
    found = [item for item in made if item["metadata"]["name"] == "x-observability-stack-events-check"]
    assert sorted(item["kind"] for item in found) == (["ConfigMap", "Job"] if checked else [])
    for item in found:
        assert item["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    for job in made.select("Job"):
        spec = job["spec"]["template"]["spec"]
        assert not any("persistentVolumeClaim" in volume for volume in spec["volumes"])
        assert (spec["automountServiceAccountToken"], "serviceAccountName" in spec) == (False, False)
        [data] = [item["data"] for item in found if item["kind"] == "ConfigMap"]
        assert (
            data["fluent-bit.yaml"] == made.one("ConfigMap", "x-observability-stack-events")["data"]["fluent-bit.yaml"]
        )


def test_hook_comes_before_the_release(install: Install) -> None:
    """The ConfigMap precedes its Job, and no pod of the Job matches the selector of the DaemonSet."""
    made = install(values(**FILTER))
    weights = {
        item["kind"]: int(item["metadata"]["annotations"]["helm.sh/hook-weight"])
        for item in made
        if item["metadata"]["name"].endswith("-logs-check")
    }
    assert weights["ConfigMap"] < weights["Job"]
    selector = made.one("DaemonSet", component="logs")["spec"]["selector"]["matchLabels"]
    labels = made.one("Job")["spec"]["template"]["metadata"]["labels"]
    assert not selector.items() <= labels.items()
