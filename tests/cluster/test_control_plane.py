"""Metrics of the EKS control plane, from a stand-in behind the same aggregated API."""

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from cluster.metrics import CHART, until
from cluster.stage import Stage, namespace
from harness.backends.pki import Authority
from harness.clusters import Cluster
from harness.render.helm import Helm

pytestmark = [pytest.mark.cluster, pytest.mark.minutes(2)]
RELEASE = "c"
SERVICE = "v1.metrics.eks.amazonaws.com"
API = "/apis/metrics.eks.amazonaws.com/v1"
METRICS = {
    f"{API}/ksh/container/metrics": "scheduler_pending_pods",
    f"{API}/kcm/container/metrics": "workqueue_depth",
}
VALUES = {
    "server": {"persistence": {"type": "emptyDir"}},
    "kubeStateMetrics": {"enabled": False},
    "nodeExporter": {"enabled": False},
    "scrape": {
        "interval": "5s",
        "timeout": "5s",
        "jobs": {"controlPlane": True, "kubelet": False, "cadvisor": False, "apiserver": False},
    },
}


class ControlPlane(BaseHTTPRequestHandler):
    """Serves the discovery document of the API, and one metric of each component."""

    def do_GET(self) -> None:
        """Answer one request."""
        kind, body = (
            "application/json",
            json.dumps({"kind": "APIResourceList", "groupVersion": API[6:], "resources": []}),
        )
        if self.path in METRICS:
            kind, body = "text/plain; version=0.0.4", f"{METRICS[self.path]} 7\n"
        self.send_response(200 if self.path in {*METRICS, API} else 404)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@dataclass
class Prometheus:
    """A release with only Prometheus.

    Attributes:
        stage: its namespace.
    """

    stage: Stage

    def values(self, query: str) -> dict[str, str]:
        """Return the current values of a query, by job."""
        service = f"{RELEASE}-{CHART.name}-server:http"
        path = f"/api/v1/namespaces/{self.stage.namespace}/services/{service}/proxy/api/v1/query?query={query}"
        answer = json.loads(self.stage.kubectl("get", "--raw", path))
        return {row["metric"]["job"]: row["value"][1] for row in answer["data"]["result"]}


@pytest.fixture(scope="module")
def prometheus(
    kube_stage_cluster: Cluster, helm: Helm, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """Prometheus on a cluster whose API server forwards the group to the stand-in."""
    address = kube_stage_cluster.host_address()
    if address is None:
        pytest.skip("needs a cluster whose pods reach this machine (local or kind)")
    if ":" in address:
        pytest.skip("needs an IPv4 cluster: an external name is no IPv6 address")
    pki: Path = tmp_path_factory.mktemp("control-plane") / "pki"
    Authority(pki).issue("server", "control-plane")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "server.crt", pki / "server.key")
    server = ThreadingHTTPServer((address, 0), ControlPlane)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stage = Stage(kube_stage_cluster, "t-control-plane", helm)
    service = {"name": "control-plane", "namespace": stage.namespace}
    # The aggregator connects to an external name without the cluster's network.
    outside = {"type": "ExternalName", "externalName": address}
    objects = [
        {"apiVersion": "v1", "kind": "Service", "metadata": service, "spec": outside},
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": SERVICE},
            "spec": {
                "group": "metrics.eks.amazonaws.com",
                "version": "v1",
                "groupPriorityMinimum": 1000,
                "versionPriority": 15,
                "insecureSkipTLSVerify": True,
                "service": {**service, "port": server.server_port},
            },
        },
    ]
    with namespace(stage):
        stage.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))
        try:
            stage.kubectl("wait", "--for=condition=Available", f"apiservice/{SERVICE}", "--timeout=60s")
            stage.install(RELEASE, VALUES, chart=CHART)
            yield Prometheus(stage)
        finally:
            stage.kubectl("delete", "apiservice", SERVICE)
            server.shutdown()
            server.server_close()


def test_scheduler_and_controller_manager_are_scraped(prometheus: Prometheus) -> None:
    """Both targets are up, and the metrics of each component have its job."""
    jobs = {"kube-scheduler", "kube-controller-manager"}
    until(lambda: prometheus.values("up").items() >= dict.fromkeys(jobs, "1").items(), f"{sorted(jobs)} to be up", 90)
    assert prometheus.values("scheduler_pending_pods") == {"kube-scheduler": "7"}
    assert prometheus.values("workqueue_depth") == {"kube-controller-manager": "7"}


def test_permission_is_necessary(prometheus: Prometheus) -> None:
    """Without its RBAC rule, the API server rejects the same scrapes."""
    stage = prometheus.stage
    [role] = [item["metadata"]["name"] for item in stage.get("clusterroles", f"app.kubernetes.io/instance={RELEASE}")]
    rules = json.loads(stage.kubectl("get", "clusterrole", role, "-o", "json"))["rules"]
    left = [rule for rule in rules if "metrics.eks.amazonaws.com" not in rule.get("apiGroups", [])]
    assert len(left) == len(rules) - 1
    stage.kubectl("patch", "clusterrole", role, "--type=merge", f"--patch={json.dumps({'rules': left})}")
    until(
        lambda: (
            prometheus.values("up{job=~%22kube-.%2B%22}") == {"kube-scheduler": "0", "kube-controller-manager": "0"}
        ),
        "both targets to be down",
        90,
    )
