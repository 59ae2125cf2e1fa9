"""The cluster dashboard: replaces dashboard 3119 of grafana.com, with the current labels of Kubernetes."""

from eks_observability.dashboards.model import Board, Panel, Query, Row
from eks_observability.dashboards.promql import (
    CLUSTER,
    FILESYSTEMS,
    UPLINKS,
    cadvisor,
    kube,
    node,
    of_live_pods,
    rate,
    series,
)

ROOT = 'id="/"'
LIVE = 'phase=~"Pending|Running"'
DEAD = 'phase=~"Failed|Unknown"'
IN_PODS = 'pod!=""'
CONTAINERS = 'container!=""'
CPU = 'resource="cpu"'
MEMORY = 'resource="memory"'


def _share(title: str, part: str, whole: str, description: str = "", *, warn: float = 0.8, alarm: float = 0.9) -> Panel:
    return Panel(
        title,
        "stat",
        (Query(f"{part} / {whole}"),),
        unit="percentunit",
        description=description,
        width=4,
        height=4,
        warn=warn,
        alarm=alarm,
        top=1,
    )


def _count(title: str, expr: str, description: str = "", *, alarm: float | None = None) -> Panel:
    return Panel(title, "stat", (Query(expr),), description=description, width=4, height=4, alarm=alarm)


def _reserved(title: str, resource: str) -> Panel:
    requests = kube("kube_pod_container_resource_requests", resource)
    allocatable = kube("kube_node_status_allocatable", resource)
    return _share(
        title,
        f"sum({of_live_pods(requests, 'cluster')})",
        f"sum({allocatable})",
        "Requests of running and pending pods, as a share of allocatable resources. "
        "The scheduler uses requests, not usage.",
        warn=0.85,
        alarm=0.95,
    )


# A device with several mount points counts once.
_FREE = f"sum(max by (cluster, node, device) ({node('node_filesystem_avail_bytes', FILESYSTEMS)}))"
_SIZE = f"sum(max by (cluster, node, device) ({node('node_filesystem_size_bytes', FILESYSTEMS)}))"
_READY = kube("kube_node_status_condition", condition="Ready", status="true")

BOARD = Board(
    uid="eks-cluster",
    title="EKS / Cluster",
    description="Usage, requests and problems of a whole cluster.",
    variables=(CLUSTER,),
    rows=(
        Row(
            "Total",
            (
                _share(
                    "CPU used",
                    f"sum({rate(cadvisor('container_cpu_usage_seconds_total', ROOT))})",
                    f"sum({cadvisor('machine_cpu_cores')})",
                ),
                _share(
                    "Memory used",
                    f"sum({cadvisor('container_memory_working_set_bytes', ROOT)})",
                    f"sum({cadvisor('machine_memory_bytes')})",
                ),
                _share("Filesystems used", f"({_SIZE} - {_FREE})", _SIZE),
                _reserved("CPU requested", CPU),
                _reserved("Memory requested", MEMORY),
                _share(
                    "Pods / capacity",
                    f"sum({kube('kube_pod_status_phase', LIVE)})",
                    f"sum({kube('kube_node_status_allocatable', resource='pods')})",
                ),
            ),
        ),
        Row(
            "State",
            (
                _count("Nodes", f"count({kube('kube_node_info')})"),
                _count("Nodes not ready", f"count({kube('kube_node_info')}) - sum({_READY})", alarm=1),
                _count("Pods running", f"sum({kube('kube_pod_status_phase', phase='Running')})"),
                _count("Pods pending", f"sum({kube('kube_pod_status_phase', phase='Pending')})", alarm=1),
                _count("Pods failed", f"sum({kube('kube_pod_status_phase', DEAD)})", alarm=1),
                _count(
                    "Targets down",
                    f"count({series('up', '.+')}) - sum({series('up', '.+')})",
                    "Endpoints that Prometheus cannot scrape.",
                    alarm=1,
                ),
            ),
        ),
        Row(
            "By node",
            (
                Panel(
                    "CPU by node",
                    "graph",
                    (
                        Query(
                            f"sum by (node) ({rate(cadvisor('container_cpu_usage_seconds_total', ROOT))})"
                            f" / sum by (node) ({cadvisor('machine_cpu_cores')})",
                            "{{node}}",
                        ),
                    ),
                    unit="percentunit",
                    top=1,
                ),
                Panel(
                    "Memory by node",
                    "graph",
                    (
                        Query(
                            f"sum by (node) ({cadvisor('container_memory_working_set_bytes', ROOT)})"
                            f" / sum by (node) ({cadvisor('machine_memory_bytes')})",
                            "{{node}}",
                        ),
                    ),
                    unit="percentunit",
                    top=1,
                ),
                Panel(
                    "Network",
                    "graph",
                    (
                        Query(f"sum({rate(node('node_network_receive_bytes_total', UPLINKS))})", "received"),
                        Query(f"-sum({rate(node('node_network_transmit_bytes_total', UPLINKS))})", "sent"),
                    ),
                    unit="Bps",
                    description="On the nodes' own devices. Traffic between pods of the same node is not included.",
                ),
            ),
        ),
        Row(
            "By namespace",
            (
                Panel(
                    "CPU by namespace",
                    "stacked",
                    (
                        Query(
                            f"sum by (namespace) ({rate(cadvisor('container_cpu_usage_seconds_total', CONTAINERS))})",
                            "{{namespace}}",
                        ),
                    ),
                    unit="cores",
                ),
                Panel(
                    "Memory by namespace",
                    "stacked",
                    (
                        Query(
                            f"sum by (namespace) ({cadvisor('container_memory_working_set_bytes', CONTAINERS)})",
                            "{{namespace}}",
                        ),
                    ),
                    unit="bytes",
                ),
                Panel(
                    "Network by namespace",
                    "stacked",
                    (
                        Query(
                            "sum by (namespace)"
                            f" ({rate(cadvisor('container_network_receive_bytes_total', IN_PODS))}"
                            f" + {rate(cadvisor('container_network_transmit_bytes_total', IN_PODS))})",
                            "{{namespace}}",
                        ),
                    ),
                    unit="Bps",
                    description="Received and sent. Pods with hostNetwork count the traffic of their node.",
                ),
                Panel(
                    "CPU requested by namespace",
                    "stacked",
                    (
                        Query(
                            of_live_pods(kube("kube_pod_container_resource_requests", CPU), "namespace"),
                            "{{namespace}}",
                        ),
                    ),
                    unit="cores",
                ),
                Panel(
                    "Memory requested by namespace",
                    "stacked",
                    (
                        Query(
                            of_live_pods(kube("kube_pod_container_resource_requests", MEMORY), "namespace"),
                            "{{namespace}}",
                        ),
                    ),
                    unit="bytes",
                ),
                Panel(
                    "Pods by phase",
                    "stacked",
                    (Query(f"sum by (phase) ({kube('kube_pod_status_phase')})", "{{phase}}"),),
                ),
            ),
        ),
        Row(
            "Trouble",
            (
                Panel(
                    "Waiting containers",
                    "table",
                    (
                        Query(
                            "sum by (namespace, pod, container, reason)"
                            f" ({kube('kube_pod_container_status_waiting_reason')} > 0)"
                        ),
                    ),
                    description="Reason why the container does not run.",
                    width=12,
                    needs=("a pod whose image cannot be pulled",),
                ),
                Panel(
                    "Restarts in the last hour",
                    "table",
                    (
                        Query(
                            "topk(20, sum by (namespace, pod, container)"
                            f" (increase({kube('kube_pod_container_status_restarts_total')}[1h])) > 0)"
                        ),
                    ),
                    width=12,
                    needs=("a container that exits and restarts",),
                ),
            ),
        ),
    ),
)
