"""Fixtures of the cluster tests."""

import time
from collections.abc import Callable, Iterator

import pytest

from cluster.pods import ASKS, IMAGES, INJECTS, answer, pod
from cluster.stage import Stage, namespace
from harness.clusters import Cluster
from harness.render.helm import Helm


@pytest.fixture
def stage(kube_stage_cluster: Cluster, helm: Helm, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A new namespace for one test; its releases are removed afterwards."""
    name = "t-" + "".join(letter if letter.isalnum() else "-" for letter in request.node.name.lower())[-40:].strip("-")
    made = Stage(kube_stage_cluster, name, helm)
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    with namespace(made, labels):
        yield made


@pytest.fixture(scope="session")
def operator(kube_stage_cluster: Cluster, helm: Helm) -> Iterator[Stage]:
    """The release with the injection policies, in its own namespace."""
    with namespace(Stage(kube_stage_cluster, "t-injection", helm)) as stage:
        stage.load_images(IMAGES)
        stage.install("x", INJECTS)
        # Policies become active a few moments after their creation.
        default = Stage(kube_stage_cluster, "default", helm)
        while "log-sidecar-logs-0" not in answer(default, pod("probe", ASKS)):
            time.sleep(0.2)
        while "is unknown" not in answer(default, pod("probe", ASKS | {"unknown": "x"})):
            time.sleep(0.2)
        yield stage


@pytest.fixture
def apps(stage: Stage, operator: Stage) -> Stage:
    """A restricted namespace whose pods can request the sidecar."""
    assert operator.releases
    stage.add_writer()
    return stage


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Wait until a condition holds; `eventually(condition, seconds=30)`."""

    def wait(condition: Callable[[], object], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not true within {seconds:.0f} s"
            time.sleep(0.2)

    return wait
