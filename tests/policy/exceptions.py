"""Exceptions from policies, each with the reason; a test fails for unused ones."""

import re
from pathlib import Path

# chart: [(complaint, reason)]
EXCEPTIONS: dict[str, list[tuple[str, str]]] = {
    "fluent-bit-windows": [
        (r"DaemonSet/.*: volume (state|[a-z]+-logs|dataplane-\d) is a hostPath", "a node agent reads the node's files"),
        (r"DaemonSet/.*: runAsNonRoot is not true", "only administrators may read the logs of a Windows node"),
        (r"DaemonSet/.*: hostNetwork is true", "Kubernetes takes host processes in the host's network only"),
        (r"DaemonSet/.*: hostProcess is true", "mode hostProcess: the event log of the node has no other reader"),
        (r"DaemonSet/.*: a hostPort is set", "a port in the host's network is one of the host"),
        (r"DaemonSet/.*: automountServiceAccountToken is not false", "metadata from the API server or the kubelet"),
        (
            r"(DaemonSet|Job)/.*: the value of AWS_WEB_IDENTITY_TOKEN_FILE is written out",
            "the path of a token, not a token",
        ),
        (r"Job/.*-check check: runAsNonRoot is not true", "the agent's image runs as an administrator"),
        (
            r"Deployment/.*: runAsNonRoot is not true",
            "a workload that asks for it: IIS starts as an administrator only",
        ),
    ],
    "log-sidecar": [
        (rf"Deployment/bot sumologic-collector: {fault}", f"Sumo Logic's own image {reason}")
        for fault, reason in (
            ("runAsNonRoot is not true", "runs as root"),
            ("runAsUser is 0", "runs as root"),
            ("readOnlyRootFilesystem is not true", "writes below /opt/SumoCollector"),
            ("capabilities.add has more than NET_BIND_SERVICE", "reads and writes files of other users"),
        )
    ],
    "observability-stack": [
        (r"StatefulSet/.*-server.*: automountServiceAccountToken is not false", "discovery asks the API server"),
        (r"Deployment/.*-kube-state-metrics: automountServiceAccountToken is not false", "it reads the API server"),
        (r"Deployment/.*-events: automountServiceAccountToken is not false", "events are in the API server"),
        (r"DaemonSet/.*-node-exporter: volume (proc|sys|root) is a hostPath", "the node's figures are in its files"),
        (r"DaemonSet/.*-node-exporter: hostNetwork is true", "a pod's own network has other interfaces"),
        (
            r"DaemonSet/.*-container-insights: volume (rootfs|sys|disks|containerd|pod-resources) is a hostPath",
            "whose containers use how much of the node is in its files",
        ),
        (
            r"DaemonSet/.*-container-insights container-insights: (runAsNonRoot is not true|runAsUser is 0)",
            "containerd's socket and the kubelet's folders are root's",
        ),
        (
            r"DaemonSet/.*-container-insights(-windows)?: automountServiceAccountToken is not false",
            "it asks the node's kubelet and the API server whose container it is",
        ),
        (
            r"DaemonSet/.*-(container-insights-windows|windows-exporter).*: (hostNetwork|hostProcess) is true",
            "Windows nodes have no cgroups, and only a host process may read their counters",
        ),
        (
            r"DaemonSet/.*-(container-insights-windows|windows-exporter).*: runAsNonRoot is not true",
            "only the system's account may read the counters of a Windows node",
        ),
        (
            r"DaemonSet/.*-(node|windows)-exporter.*: a hostPort is set",
            "a port in the host's network is one of the host",
        ),
        (r"DaemonSet/.*-traces traces: a hostPort is set", "asked for by `traces.hostPort`"),
        (r"DaemonSet/.*-logs: volume (state|logs|journal) is a hostPath", "a node agent reads the node's files"),
        (r"DaemonSet/.*-logs logs: runAsNonRoot is not true", "only root may read the logs of a node"),
        (r"DaemonSet/.*-logs logs: runAsUser is 0", "only root may read the logs of a node"),
        (r"DaemonSet/.*-logs: automountServiceAccountToken is not false", "metadata from the kubelet"),
        ("ConfigMap/aws-logging: namespace aws-observability", "Fargate reads its log router's configuration there"),
    ],
}


def unexplained(chart: Path, complaints: list[str]) -> list[str]:
    """Return the complaints about a chart without an exception."""
    patterns = [pattern for pattern, _ in EXCEPTIONS.get(chart.name, [])]
    return [text for text in complaints if not any(re.fullmatch(pattern, text) for pattern in patterns)]
