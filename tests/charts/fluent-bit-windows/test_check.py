"""The Job that starts the agent before it is rolled out: when there is one, and what it may see."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.render.manifests import Manifests, load_yaml

Install = Callable[..., Manifests]
FILTER = {"extraFilters": [{"name": "grep", "match": "application.*", "exclude": "log ^DEBUG"}], "checkConfig": True}
PROCESSOR = {"extraProcessors": {"host": [{"name": "content_modifier"}]}, "checkConfig": True}
CUSTOM = {"outputs": {"x": {"type": "custom", "plugin": "tcp", "options": {"host": "logs.example.com"}}}}
LEGACY = {"profile": "aws-legacy", "windows": {"builds": [{"name": "2022"}]}}
# name: (values, whether there is a Job)
CASES: dict[str, tuple[dict[str, Any], bool]] = {
    "filter": ({"logs": FILTER}, True),
    "processor": ({"logs": PROCESSOR}, True),
    "custom output": ({"logs": {"checkConfig": True}, **CUSTOM}, True),
    "only the chart's own": ({"logs": {"checkConfig": True}}, False),
    "default": ({"logs": {**FILTER, "checkConfig": False}}, False),
    "classic format": ({"logs": {"checkConfig": True}, **LEGACY}, False),
}


@pytest.mark.parametrize(("given", "checked"), CASES.values(), ids=CASES)
def test_job_checks_what_templates_cannot(given: dict[str, Any], checked: bool, install: Install) -> None:
    """There is a Job, with a ConfigMap of its own, exactly if the agent gets something that a user wrote."""
    found = [item for item in install(given) if item["metadata"]["name"].endswith("-check")]
    assert sorted(item["kind"] for item in found) == (["ConfigMap", "Job"] if checked else [])
    weights = {item["kind"]: int(item["metadata"]["annotations"]["helm.sh/hook-weight"]) for item in found}
    assert not checked or weights["ConfigMap"] < weights["Job"]


@pytest.mark.parametrize("mode", ["container", "hostProcess"])
def test_job_runs_the_configuration_and_sees_nothing_of_the_node(mode: str, install: Install) -> None:
    """The Job is a container with the agent's image and configuration, without directories of the node or a token."""
    made = install({"mode": mode, "logs": FILTER})
    job = made.one("Job")["spec"]["template"]["spec"]
    [container] = job["containers"]
    agent = next(item for item in made if item["kind"] == "DaemonSet")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == agent["image"]
    checked = load_yaml(made.one("ConfigMap", "x-fluent-bit-windows-check")["data"]["check.yaml"])
    rendered = load_yaml(made.one("ConfigMap", "x-fluent-bit-windows")["data"]["fluent-bit.yaml"])
    assert checked["pipeline"]["inputs"].pop()["alias"] == "_check"
    assert checked == rendered
    assert not any("hostPath" in volume for volume in job["volumes"])
    assert job["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in job and "hostNetwork" not in job
    assert "hostProcess" not in str(job.get("securityContext"))
    assert {"name": "CONTAINER_SANDBOX_MOUNT_POINT", "value": "C:"} in container["env"]
