"""Objects that a local cluster creates through its API: the DNS Service and simulated nodes."""

from collections.abc import Iterable, Sequence, Set
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from harness import tools
from harness.clusters.local.layout import Layout

_FAKE = {"kwok.x-k8s.io/node": "fake"}
KWOK_FLAGS = (
    "--manage-all-nodes=false",
    "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
    "--node-lease-duration-seconds=40",
    "--server-address=127.0.0.1:10247",
)


def _api(kubeconfig: Path) -> client.ApiClient:
    # The CA and the address belong to the cluster; bypass any proxy of the machine.
    configuration = client.Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=configuration)
    configuration.proxy = None
    configuration.retries = False
    return client.ApiClient(configuration)


def kwok_addresses(layout: Layout) -> list[str]:
    """Return the flags for kwok with the addresses of simulated nodes and pods."""
    cidr, node = ("10.215.0.0/16", "10.215.255.254") if layout.versions[0] == 4 else ("fd0b:215::/64", "fd0b:215:1::1")
    return [f"--cidr={cidr}", f"--node-ip={node}"]


def install(kubeconfig: Path, layout: Layout) -> None:
    """Publish the first node's DNS server as the DNS Service of the cluster, annotated for scraping as on EKS.

    Args:
        kubeconfig: kubeconfig with administrator access.
        layout: the layout of the cluster.
    """
    ports = [{"name": f"dns-{protocol.lower()}", "port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]
    ports.append({"name": "metrics", "port": 9153, "protocol": "TCP"})
    labels = {"k8s-app": "kube-dns"}
    scraped = {"prometheus.io/scrape": "true", "prometheus.io/port": "9153"}
    service = {
        "metadata": {"name": "kube-dns", "labels": labels, "annotations": scraped},
        "spec": {"clusterIP": str(layout.dns_service), "ports": ports},
    }
    endpoints = {
        "metadata": {"name": "kube-dns", "labels": {"kubernetes.io/service-name": "kube-dns"}},
        "addressType": f"IPv{layout.versions[0]}",
        "endpoints": [{"addresses": [str(layout.first.ip)], "conditions": {"ready": True}}],
        "ports": ports,
    }
    with _api(kubeconfig) as api:
        client.CoreV1Api(api).create_namespaced_service("kube-system", service)
        client.DiscoveryV1Api(api).create_namespaced_endpoint_slice("kube-system", endpoints)


def nodes_are_ready(kubeconfig: Path, names: Set[str]) -> bool:
    """Return whether the API server answers, these nodes are Ready, and the default service account exists."""
    try:
        with _api(kubeconfig) as api:
            core = client.CoreV1Api(api)
            nodes = [core.read_node(name, _request_timeout=2) for name in names]
            # Pods are rejected until the controller has created this account.
            core.read_namespaced_service_account("default", "default", _request_timeout=2)
    except (ApiException, HTTPError, OSError, config.ConfigException):
        return False
    return all(
        any(state.type == "Ready" and state.status == "True" for state in node.status.conditions) for node in nodes
    )


def kwok_stages() -> list[Path]:
    """Return the kwok stages of simulated nodes and pods."""
    stages = tools.path("kwok").parent / "kustomize" / "stage"
    chosen = ["node/fast/node-initialize.yaml", "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml"]
    return [*(stages / name for name in chosen), *sorted(stages.glob("pod/fast/pod-*.yaml"))]


def create_fake_nodes(
    kubeconfig: Path, names: Iterable[str], labels: dict[str, str], taints: Sequence[dict[str, str]]
) -> None:
    """Register simulated nodes; kwok makes them Ready.

    Args:
        kubeconfig: kubeconfig with administrator access.
        names: names of the nodes.
        labels: labels of each node.
        taints: taints of each node, in addition to kwok's.
    """
    with _api(kubeconfig) as api:
        core = client.CoreV1Api(api)
        for name in names:
            own = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", **labels}
            core.create_node(_fake_node(name, own, taints))


def _fake_node(name: str, labels: dict[str, str], taints: Sequence[dict[str, str]]) -> dict[str, Any]:
    size = {"cpu": "32", "memory": "256Gi", "pods": "110"}
    return {
        "metadata": {"name": name, "labels": labels, "annotations": _FAKE},
        # Repels real pods: only pods that a test sends here are simulated.
        "spec": {"taints": [{"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}, *taints]},
        "status": {"allocatable": size, "capacity": size},
    }
