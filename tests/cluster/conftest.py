"""Fixtures of the cluster tests."""

import time
from collections.abc import Callable, Iterator

import pytest
import yaml

from cluster.stage import Stage
from harness.clusters import Cluster
from harness.helm import Helm


@pytest.fixture
def stage(kube_stage_cluster: Cluster, helm: Helm, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A fresh namespace for one test; what is installed in it is removed afterwards."""
    name = "t-" + "".join(letter if letter.isalnum() else "-" for letter in request.node.name.lower())[-40:].strip("-")
    made = Stage(kube_stage_cluster, name, helm)
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    made.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(namespace))
    try:
        yield made
    finally:
        for release in [*made.releases]:
            made.uninstall(release)
        made.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Wait until a condition holds; `eventually(condition, seconds=30)`."""

    def wait(condition: Callable[[], object], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not true within {seconds:.0f} s"
            time.sleep(0.2)

    return wait
