"""pytest-helm-charts' fixtures work with our clusters, and our Helm runs the full lifecycle of a chart."""

import textwrap
from pathlib import Path
from typing import Any

import pytest

from harness.clusters import Cluster, kube
from harness.clusters.kube import NotReadyError
from harness.render.helm import Helm, HelmError

IMAGE = "public.ecr.aws/docker/library/busybox:1.37"
CHART = {
    "Chart.yaml": "{apiVersion: v2, name: small, version: 1.0.0}",
    "values.yaml": "{replicas: 1, os: linux}",
    "templates/web.yaml": """
        apiVersion: apps/v1
        kind: {{ .Values.kind | default "Deployment" }}
        metadata: {name: web, namespace: {{ .Release.Namespace }}}
        spec:
          {{- if not .Values.kind }}
          replicas: {{ .Values.replicas }}
          {{- end }}
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              terminationGracePeriodSeconds: 0
              nodeSelector: {kubernetes.io/os: {{ .Values.os }}}
              containers: [{name: web, image: IMAGE, command: [sleep, "600"]}]
        """,
}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A chart with one Deployment, or a DaemonSet by the value ``kind``."""
    for name, text in CHART.items():
        file = tmp_path / "small" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).replace("IMAGE", IMAGE), encoding="utf-8")
    return tmp_path / "small"


def test_plugin_fixtures_use_our_cluster(
    kube_cluster: Any, random_namespace: Any, kube_stage_cluster: Cluster, cluster_type: str
) -> None:
    """`kube_cluster`, its kubectl and `random_namespace` use the cluster of this session."""
    assert kube_cluster.kube_config_path == str(kube_stage_cluster.kubeconfig)
    assert cluster_type == kube_stage_cluster.type
    names = [item["metadata"]["name"] for item in kube_cluster.kubectl("get namespaces")]
    assert random_namespace.name in names


def test_release_lives_and_leaves_nothing(
    small: Path, helm: Helm, kube_stage_cluster: Cluster, random_namespace: Any
) -> None:
    """Install, upgrade, rollback and uninstall work, and our readiness check agrees at each step."""
    kube_stage_cluster.load_images([IMAGE])
    where = {"kubeconfig": kube_stage_cluster.kubeconfig, "namespace": random_namespace.name}
    rendered = helm.render(small, release="x", namespace=random_namespace.name)

    def replicas() -> int:
        kube.wait_all_ready(where["kubeconfig"], rendered, namespace=where["namespace"], timeout=60)
        found = kube.get(where["kubeconfig"], "Deployment", "web", namespace=where["namespace"])
        assert found is not None
        return int(found["spec"]["replicas"])

    helm.install("x", small, **where)
    assert replicas() == 1
    helm.upgrade("x", small, values={"replicas": 2}, **where)
    assert replicas() == 2
    helm.rollback("x", **where)
    assert replicas() == 1
    helm.uninstall("x", **where)
    assert kube.get(where["kubeconfig"], "Deployment", "web", namespace=where["namespace"]) is None
    with pytest.raises(HelmError, match="not found"):
        helm.uninstall("x", **where)


def test_daemon_set_without_nodes_is_not_ready(
    small: Path, helm: Helm, kube_stage_cluster: Cluster, random_namespace: Any
) -> None:
    """Helm accepts 0 of 0 pods as ready; we do not, unless the test allows it."""
    where = {"kubeconfig": kube_stage_cluster.kubeconfig, "namespace": random_namespace.name}
    helm.install("empty", small, values={"kind": "DaemonSet", "os": "windows"}, **where)
    arguments = (where["kubeconfig"], "DaemonSet", "web")
    with pytest.raises(NotReadyError, match=r"it requires no pods \(0 of 0\)"):
        kube.wait_ready(*arguments, namespace=where["namespace"], timeout=2)
    assert kube.wait_ready(*arguments, namespace=where["namespace"], timeout=20, allow_empty=True)
    helm.uninstall("empty", **where)


def test_pod_that_cannot_start_is_explained(
    small: Path, helm: Helm, kube_stage_cluster: Cluster, random_namespace: Any
) -> None:
    """A timeout names the failing container and pod, with the reason."""
    where = {"kubeconfig": kube_stage_cluster.kubeconfig, "namespace": random_namespace.name}
    helm.install("stuck", small, values={"os": "plan9"}, wait=False, **where)
    with pytest.raises(NotReadyError, match=r"(?s)Deployment .*/web is not ready after 2 s.*web-.*Unschedulable"):
        kube.wait_ready(where["kubeconfig"], "Deployment", "web", namespace=where["namespace"], timeout=2)
    helm.uninstall("stuck", **where)
