"""What an install prints: commands that fit what was installed."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from harness.render.manifests import Manifests


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod"])
@pytest.mark.parametrize("engine", ["fluent-bit", "tail"])
def test_log_commands_name_every_container(
    notes: Callable[..., str], install: Callable[..., Manifests], kind: str, engine: str
) -> None:
    """There is a `kubectl logs` command for each container, which finds the pods of this release."""
    values = {"app": {"kind": kind}, "sidecar": {"engine": engine, "perFile": True}}
    text = notes(values)
    [pod] = install(values).select(component="app").pods()
    commands = re.findall(r"kubectl logs --namespace prd (.*?) -c (\S+)", text)
    assert {container for _, container in commands} == {box["name"] for box in pod.containers()}
    for target, _ in commands:
        selector = re.search(r"-l '(.*?)'", target)
        if kind == "Pod":
            assert target == pod.owner["metadata"]["name"]
        else:
            assert selector is not None
            wanted = dict(pair.split("=") for pair in selector[1].split(","))
            assert wanted.items() <= pod.metadata["labels"].items()


def test_commands_reach_the_service(notes: Callable[..., str], install: Callable[..., Manifests]) -> None:
    """The port-forward names the Service and a port that it has; `helm test` is offered when there is a test."""
    service = install().one("Service")
    text = notes()
    assert f"service/{service['metadata']['name']} 8080:{service['spec']['ports'][0]['port']}" in text
    assert "helm test x --namespace prd" in text
    assert "helm test" not in notes({"tests": {"enabled": False}})
    assert "port-forward" not in notes({"app": {"kind": "Job"}})


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"sidecar": {"engine": "tail"}}, "when its container restarts, it delivers the files from their start again"),
        ({"sidecar": {"native": False}}, "goes on until the files were quiet for 5 s"),
        ({"sidecar": {"enabled": False}}, "There is no sidecar"),
        ({"app": {"kind": "Job"}}, "kubectl delete job --namespace prd x-log-sidecar"),
        (
            {"app": {"service": {"type": "LoadBalancer"}}},
            "kubectl get service --namespace prd x-log-sidecar -o jsonpath",
        ),
        (
            {"app": {"kind": "StatefulSet"}, "logs": {"volume": {"type": "persistentVolumeClaim"}}},
            "kubectl get persistentvolumeclaim --namespace prd -l 'app.kubernetes.io/name=log-sidecar",
        ),
        ({"app": {"enabled": False}}, "installed no application"),
        ({"output": {"type": "cloudwatch"}}, "The lines of its log files go to cloudwatch."),
    ],
    ids=["tail", "plain", "none", "job", "load-balancer", "claims", "off", "backend"],
)
def test_what_an_install_has_to_know(notes: Callable[..., str], values: dict[str, Any], says: str) -> None:
    """What is particular to an install is said, and to no other."""
    assert says in notes(values)
    assert says not in notes()


def test_notes_repeat_no_free_text(notes: Callable[..., str]) -> None:
    """Environment, arguments and annotations can hold secrets: none is printed."""
    values = {
        "app": {
            "demo": {"enabled": False},
            "command": ["hunter2"],
            "args": ["hunter2"],
            "env": [{"name": "A", "value": "hunter2"}],
        },
        "podAnnotations": {"a": "hunter2"},
    }
    assert "hunter2" not in notes(values)
