"""The article's setup: what prometheus-community/prometheus 29.27 configures with the article's values.

Written as a Prometheus configuration. Pods of our exporters replace the annotated Services of that chart, so that both
sides scrape the same exporters and neither scrapes the other.
"""

from typing import Any

import yaml

from cluster import metrics as release
from cluster.stage import Stage
from harness.backends.remote_write import RemoteWriteReceiver

_NAME = "article"
_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
_TLS = {"ca_file": "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt", "insecure_skip_verify": True}
_NODE_LABELS = {"action": "labelmap", "regex": "__meta_kubernetes_node_label_(.+)"}
_EXPORTERS = "kube-state-metrics|node-exporter"


def install(stage: Stage, url: str, receiver: RemoteWriteReceiver) -> None:
    """Run the article's Prometheus in the namespace `article`, with a receiver to write to."""
    assert receiver.ca is not None
    remote = {
        "url": url,
        "sigv4": {"region": release.REGION},
        "queue_config": {"max_samples_per_send": 1000, "max_shards": 200, "capacity": 2500},
        "tls_config": {"ca": receiver.ca.read_text(encoding="ascii")},
    }
    times = {"scrape_interval": "1m", "scrape_timeout": "10s", "evaluation_interval": "1m"}
    config = {"global": times, "remote_write": [remote], "scrape_configs": list(_jobs(stage.namespace))}
    image = next(one["image"] for one in stage.helm.render(release.CHART).containers() if one["name"] == "prometheus")
    release.apply(Stage(stage.cluster, _NAME, stage.helm), _objects(yaml.safe_dump(config), image))


def _jobs(namespace: str) -> list[dict[str, Any]]:
    https = {"scheme": "https", "tls_config": _TLS, "bearer_token_file": _TOKEN}
    slices = {"kubernetes_sd_configs": [{"role": "endpointslice"}]}
    where = ["__meta_kubernetes_namespace", "__meta_kubernetes_service_name"]
    nodes = {**https, "kubernetes_sd_configs": [{"role": "node"}]}
    pod_labels = {"action": "labelmap", "regex": "__meta_kubernetes_pod_label_(.+)"}
    names = [
        {"source_labels": [f"__meta_kubernetes_{source}"], "target_label": target}
        for source, target in (("namespace", "namespace"), ("pod_node_name", "node"))
    ]
    component = "__meta_kubernetes_pod_label_app_kubernetes_io_component"
    port = "__meta_kubernetes_pod_container_port_name"
    return [
        {"job_name": "prometheus", "static_configs": [{"targets": ["localhost:9090"]}]},
        {
            "job_name": "kubernetes-api-servers",
            **https,
            **slices,
            "relabel_configs": [
                {
                    "source_labels": [*where, "__meta_kubernetes_endpointslice_port_name"],
                    "action": "keep",
                    "regex": "default;kubernetes;https",
                }
            ],
        },
        {"job_name": "kubernetes-nodes", **nodes, "relabel_configs": [_NODE_LABELS]},
        {
            "job_name": "kubernetes-nodes-cadvisor",
            **nodes,
            "metrics_path": "/metrics/cadvisor",
            "relabel_configs": [_NODE_LABELS, {"source_labels": ["__metrics_path__"], "target_label": "metrics_path"}],
        },
        {
            "job_name": "kubernetes-service-endpoints",
            "honor_labels": True,
            "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": [namespace]}}],
            "relabel_configs": [
                {"source_labels": [component, port], "action": "keep", "regex": f"({_EXPORTERS});http"},
                pod_labels,
                *names,
            ],
        },
        {
            "job_name": "kubernetes-pods",
            "honor_labels": True,
            "kubernetes_sd_configs": [{"role": "pod"}],
            "relabel_configs": [
                {
                    "source_labels": ["__meta_kubernetes_pod_annotation_prometheus_io_scrape"],
                    "action": "keep",
                    "regex": True,
                },
                {
                    "source_labels": ["__meta_kubernetes_pod_annotation_prometheus_io_path"],
                    "regex": "(.+)",
                    "target_label": "__metrics_path__",
                },
                {
                    "source_labels": [
                        "__meta_kubernetes_pod_annotation_prometheus_io_port",
                        "__meta_kubernetes_pod_ip",
                    ],
                    "regex": r"(\d+);((([0-9]+?)(\.|$)){4})",
                    "replacement": "$2:$1",
                    "target_label": "__address__",
                },
                pod_labels,
                *names,
                {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "pod"},
            ],
        },
    ]


def _objects(config: str, image: str) -> list[dict[str, Any]]:
    meta = {"name": _NAME, "namespace": _NAME}
    read = {"verbs": ["get", "list", "watch"]}
    rules = [
        {"apiGroups": [""], "resources": ["nodes", "nodes/metrics", "services", "endpoints", "pods"], **read},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], **read},
        {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
    ]
    container = {
        "name": "prometheus",
        "image": image,
        "args": [
            "--storage.tsdb.retention.time=15d",
            "--config.file=/etc/config/prometheus.yml",
            "--storage.tsdb.path=/data",
            "--web.enable-lifecycle",
        ],
        "env": [{"name": key, "value": value} for key, value in release.CREDENTIALS.items()],
        "volumeMounts": [{"name": "config", "mountPath": "/etc/config"}, {"name": "data", "mountPath": "/data"}],
    }
    spec = {
        "serviceAccountName": _NAME,
        "securityContext": {"runAsUser": 65534, "runAsNonRoot": True, "fsGroup": 65534},
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": _NAME}}, {"name": "data", "emptyDir": {}}],
    }
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": _NAME}
    subject = {"kind": "ServiceAccount", **meta}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAME}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": meta, "rules": rules},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": _NAME},
            "roleRef": role,
            "subjects": [subject],
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"prometheus.yml": config}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec},
    ]
