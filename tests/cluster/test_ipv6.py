"""Default installs on an IPv6-only cluster. `pytest tests/cluster --ip-family ipv6` runs all cluster tests on one."""

import os
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from cluster.stage import CHART, Stage, namespace, own_name
from harness.clusters import LocalCluster
from harness.clusters.local.config import Options
from harness.render.helm import Helm

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.minutes(2),
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a local cluster needs Linux and root"),
]
STACK = Path("charts/observability-stack")


@pytest.fixture(scope="module")
def stage(helm: Helm) -> Iterator[Stage]:
    """A namespace of a cluster in which nodes, pods and Services have no IPv4 address."""
    with LocalCluster(own_name("ipv6"), Options(ip_family="ipv6")) as cluster:
        made = Stage(cluster, "t-ipv6", helm)
        with namespace(made):
            yield made


@pytest.mark.parametrize("engine", ["fluent-bit", "tail"])
def test_log_sidecar_becomes_ready(stage: Stage, engine: str) -> None:
    """The demo and the engine's HTTP server answer probes, and the Service answers requests."""
    stage.install(engine, {"sidecar": {"engine": engine}}, chart=CHART)
    [service] = stage.get("services", f"app.kubernetes.io/instance={engine}")
    assert ip_address(service["spec"]["clusterIP"]).version == 6
    path = f"/api/v1/namespaces/{stage.namespace}/services/{service['metadata']['name']}:http/proxy/log"
    assert stage.kubectl("get", "--raw", path)


def test_metrics_become_ready(stage: Stage) -> None:
    """Prometheus, node-exporter and kube-state-metrics answer probes."""
    stage.install("metrics", {"server": {"persistence": {"type": "emptyDir"}}}, chart=STACK)
    pods = stage.get("pods", "app.kubernetes.io/instance=metrics")
    assert {ip_address(pod["status"]["podIP"]).version for pod in pods} == {6}
