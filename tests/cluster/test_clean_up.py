"""All parts of observability-stack on a real API server: objects that a switch and an uninstall remove."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from cluster.metrics import CHART, until
from cluster.stage import Stage, namespace
from harness.clusters import Cluster
from harness.render.helm import Helm

pytestmark = pytest.mark.cluster
RELEASE = "x"
# Each switch, and the suffixes of its object names.
PARTS = {"metrics": "server", "traces": "traces", "containerInsights": "container-insights", "logs": "logs"}
PARTS |= {"events": "events"}
# Objects that the cluster creates in every namespace, and read-only kinds.
EVERYWHERE = {"configmap/kube-root-ca.crt", "serviceaccount/default"}
LOCK = ("configmap", "cwagent-clusterleader")
CLUSTER_WIDE = "clusterroles,clusterrolebindings"
Found = Callable[[], set[str]]


@pytest.fixture
def stage(kube_stage_cluster: Cluster, helm: Helm) -> Iterator[Stage]:
    """A namespace that allows host access."""
    made = Stage(kube_stage_cluster, "t-clean-up", helm)
    with namespace(made):
        yield made


@pytest.fixture
def found(stage: Stage) -> Found:
    """Return all objects in the namespace, and the cluster-scoped objects of the release."""
    listed = stage.kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").split()
    kinds = ",".join(kind for kind in listed if not kind.startswith("events") and "metrics.k8s.io" not in kind)

    def objects() -> set[str]:
        label = f"app.kubernetes.io/instance={RELEASE}"
        names = stage.kubectl("get", kinds, "-o", "name").split()
        wide = stage.kubectl("get", CLUSTER_WIDE, "-l", label, "-o", "name").split()
        return {*names, *wide} - EVERYWHERE

    return objects


def act(stage: Stage, values: dict[str, Any]) -> None:
    """Install or upgrade the release without waiting for pods, whose images need not exist."""
    do = stage.helm.upgrade if RELEASE in stage.releases else stage.helm.install
    stage.releases[:] = [RELEASE]
    do(RELEASE, CHART, namespace=stage.namespace, kubeconfig=stage.cluster.kubeconfig, values=values, wait=False)


def test_switches_and_uninstall_leave_nothing(stage: Stage, found: Found) -> None:
    """Each disabled part leaves no object; with all disabled only Helm's own remain, and none after an uninstall."""
    assert found() == set()
    values: dict[str, Any] = {part: {"enabled": True} for part in PARTS}
    # An emptyDir, because the claim of Prometheus is kept on purpose.
    values["server"] = {"persistence": {"type": "emptyDir"}}
    act(stage, values)

    def named(name: str) -> list[str]:
        return [one for one in found() if f"{CHART.name}-{name}" in one]

    assert all(named(name) for name in PARTS.values())
    # The leader writes to this ConfigMap, which an upgrade must not change.
    stage.kubectl("annotate", *LOCK, "leader=somebody")
    for part, name in PARTS.items():
        values[part] = {"enabled": False}
        act(stage, values)
        until(partial(_none, named, name), f"all of {part} to be gone")
        lock = stage.kubectl("get", *LOCK, "--ignore-not-found", "-o", "jsonpath={.metadata.annotations.leader}")
        assert lock == ("somebody" if values["containerInsights"]["enabled"] else "")
    until(lambda: {one.partition("/")[0] for one in found()} == {"secret"}, f"only Helm's own to be left of {found()}")
    stage.uninstall(RELEASE)
    until(lambda: found() == set(), f"nothing to be left of {found()}")


def _none(named: Callable[[str], list[str]], name: str) -> bool:
    return not named(name)
