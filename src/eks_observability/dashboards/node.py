"""The node dashboard: scarce resources, and the work of the kubelet."""

from eks_observability.dashboards.model import Board, Panel, Query, Row
from eks_observability.dashboards.promql import (
    CLUSTER,
    DISKS,
    FILESYSTEMS,
    NODE,
    UPLINKS,
    kube,
    kubelet,
    node,
    of_live_pods,
    percentile,
    rate,
    windows,
)

BUSY = 'mode!="idle"'
# The virtual adapter of the container network (Hyper-V) would count the same bytes twice.
NICS = 'nic!~"Hyper-V.*|.*Loopback.*|isatap.*|Teredo.*"'
NO_WINDOWS = "needs a Windows node"
RESOURCES = 'resource=~"cpu|memory"'
ON = 'node=~"$node"'


def _graph(
    title: str, unit: str, *queries: Query, description: str = "", top: float | None = None, needs: tuple[str, ...] = ()
) -> Panel:
    return Panel(title, "graph", queries, unit=unit, description=description, top=top, needs=needs)


def _windows(title: str, unit: str, *queries: Query, description: str = "", top: float | None = None) -> Panel:
    return Panel(title, "graph", queries, unit=unit, description=description, width=6, top=top, absent=NO_WINDOWS)


def _filesystem(free: str, total: str) -> Query:
    least = f"max by (node, mountpoint) (1 - {node(free, ON, FILESYSTEMS)} / ({node(total, ON, FILESYSTEMS)} > 0))"
    return Query(least, "{{node}} {{mountpoint}}")


def _memory(metric: str, legend: str) -> Query:
    return Query(f"sum({node(metric, ON)})", legend)


def _pressure(kind: str) -> Panel:
    waiting = node(f"node_pressure_{kind}_waiting_seconds_total", ON)
    return _graph(
        f"Waiting for {'CPU' if kind == 'cpu' else kind}",
        "percentunit",
        Query(f"sum by (node) ({rate(waiting)})", "{{node}}"),
        description="Share of time in which at least one task waited (pressure stall information).",
        top=1,
    )


BOARD = Board(
    uid="eks-node",
    title="EKS / Node",
    description="Scarce resources of a node, and the work of its kubelet.",
    variables=(CLUSTER, NODE),
    rows=(
        Row(
            "CPU and memory",
            (
                Panel(
                    "CPU by mode",
                    "stacked",
                    (
                        Query(
                            f"sum by (mode) ({rate(node('node_cpu_seconds_total', ON, BUSY))})"
                            f" / scalar(count({node('node_cpu_seconds_total', ON, mode='idle')}))",
                            "{{mode}}",
                        ),
                    ),
                    unit="percentunit",
                    description="Steal: CPU time used by other guests, or exhausted credits of a burstable instance.",
                    top=1,
                ),
                _graph(
                    "Load per core",
                    "short",
                    Query(
                        f"sum by (node) ({node('node_load5', ON)})"
                        f" / count by (node) ({node('node_cpu_seconds_total', ON, mode='idle')})",
                        "{{node}}",
                    ),
                ),
                Panel(
                    "Memory",
                    "stacked",
                    (
                        Query(
                            f"sum({node('node_memory_MemTotal_bytes', ON)})"
                            f" - sum({node('node_memory_MemAvailable_bytes', ON)})",
                            "used",
                        ),
                        _memory("node_memory_MemAvailable_bytes", "available"),
                    ),
                    unit="bytes",
                ),
                _pressure("cpu"),
                _pressure("memory"),
                _pressure("io"),
            ),
        ),
        Row(
            "Disks",
            (
                _graph(
                    "Filesystem used",
                    "percentunit",
                    _filesystem("node_filesystem_avail_bytes", "node_filesystem_size_bytes"),
                    top=1,
                ),
                _graph(
                    "Inodes used",
                    "percentunit",
                    _filesystem("node_filesystem_files_free", "node_filesystem_files"),
                    top=1,
                ),
                _graph(
                    "Disk busy",
                    "percentunit",
                    Query(
                        f"sum by (node, device) ({rate(node('node_disk_io_time_seconds_total', ON, DISKS))})",
                        "{{node}} {{device}}",
                    ),
                    top=1,
                ),
                _graph(
                    "Disk throughput",
                    "Bps",
                    Query(f"sum by (node) ({rate(node('node_disk_read_bytes_total', ON, DISKS))})", "{{node}} read"),
                    Query(
                        f"-sum by (node) ({rate(node('node_disk_written_bytes_total', ON, DISKS))})", "{{node}} written"
                    ),
                ),
                _graph(
                    "Disk operations",
                    "iops",
                    Query(
                        f"sum by (node) ({rate(node('node_disk_reads_completed_total', ON, DISKS))})", "{{node}} read"
                    ),
                    Query(
                        f"-sum by (node) ({rate(node('node_disk_writes_completed_total', ON, DISKS))})",
                        "{{node}} written",
                    ),
                ),
                _graph(
                    "File descriptors",
                    "percentunit",
                    Query(
                        f"sum by (node) ({node('node_filefd_allocated', ON)})"
                        f" / sum by (node) ({node('node_filefd_maximum', ON)})",
                        "{{node}}",
                    ),
                ),
            ),
        ),
        Row(
            "Disk queue and clock",
            (
                _graph(
                    "Disk queue",
                    "short",
                    Query(
                        f"sum by (node, device) ({rate(node('node_disk_io_time_weighted_seconds_total', ON, DISKS))})",
                        "{{node}} {{device}}",
                    ),
                    description="Mean number of requests in the queue, which is long if a volume reaches its IOPS.",
                ),
                _graph(
                    "Clock offset",
                    "s",
                    Query(f"max by (node) (abs({node('node_timex_offset_seconds', ON)}))", "{{node}}"),
                ),
                _graph(
                    "Changes of readiness",
                    "short",
                    Query(
                        "max by (node) (changes("
                        f"{kube('kube_node_status_condition', ON, condition='Ready', status='true')}[15m]))",
                        "{{node}}",
                    ),
                    description="In 15 minutes. A node that alternates between Ready and NotReady loses its pods.",
                ),
            ),
        ),
        Row(
            "Network",
            (
                _graph(
                    "Traffic",
                    "Bps",
                    Query(
                        f"sum by (node) ({rate(node('node_network_receive_bytes_total', ON, UPLINKS))})",
                        "{{node}} received",
                    ),
                    Query(
                        f"-sum by (node) ({rate(node('node_network_transmit_bytes_total', ON, UPLINKS))})",
                        "{{node}} sent",
                    ),
                ),
                _graph(
                    "Dropped packets",
                    "pps",
                    Query(
                        f"sum by (node) ({rate(node('node_network_receive_drop_total', ON, UPLINKS))})",
                        "{{node}} received",
                    ),
                    Query(
                        f"-sum by (node) ({rate(node('node_network_transmit_drop_total', ON, UPLINKS))})",
                        "{{node}} sent",
                    ),
                ),
                _graph(
                    "Connections tracked",
                    "percentunit",
                    Query(
                        f"sum by (node) ({node('node_nf_conntrack_entries', ON)})"
                        f" / sum by (node) ({node('node_nf_conntrack_entries_limit', ON)})",
                        "{{node}}",
                    ),
                    description="At 1 the kernel drops new connections.",
                ),
            ),
        ),
        Row(
            "Windows",
            (
                _windows(
                    "CPU of Windows nodes",
                    "percentunit",
                    Query(
                        f"1 - avg by (node) ({rate(windows('windows_cpu_time_total', ON, mode='idle'))})", "{{node}}"
                    ),
                    top=1,
                ),
                _windows(
                    "Memory of Windows nodes",
                    "percentunit",
                    Query(
                        f"1 - sum by (node) ({windows('windows_memory_available_bytes', ON)})"
                        f" / sum by (node) ({windows('windows_memory_physical_total_bytes', ON)})",
                        "{{node}}",
                    ),
                    top=1,
                ),
                _windows(
                    "Volumes of Windows nodes",
                    "percentunit",
                    Query(
                        f"max by (node, volume) (1 - {windows('windows_logical_disk_free_bytes', ON)}"
                        f" / ({windows('windows_logical_disk_size_bytes', ON)} > 0))",
                        "{{node}} {{volume}}",
                    ),
                    description="Windows updates these counters every 10 to 15 minutes.",
                    top=1,
                ),
                _windows(
                    "Traffic of Windows nodes",
                    "Bps",
                    Query(
                        f"sum by (node) ({rate(windows('windows_net_bytes_received_total', ON, NICS))})",
                        "{{node}} received",
                    ),
                    Query(
                        f"-sum by (node) ({rate(windows('windows_net_bytes_sent_total', ON, NICS))})", "{{node}} sent"
                    ),
                ),
            ),
        ),
        Row(
            "Kubernetes",
            (
                _graph(
                    "Pods",
                    "short",
                    Query(f"sum by (node) ({kubelet('kubelet_running_pods', ON)})", "{{node}} running"),
                    Query(
                        f"sum by (node) ({kube('kube_node_status_allocatable', ON, resource='pods')})",
                        "{{node}} allocatable",
                    ),
                ),
                _graph(
                    "Pod lifecycle relist",
                    "s",
                    Query(
                        percentile(0.99, kubelet("kubelet_pleg_relist_duration_seconds_bucket", ON), "node"),
                        "{{node}}",
                    ),
                    description="99th percentile of the time in which the kubelet lists its containers. Above a few "
                    "seconds, the runtime is stuck. At 3 minutes, the node becomes NotReady.",
                ),
                _graph(
                    "Runtime errors",
                    "ops",
                    Query(
                        "sum by (node, operation_type)"
                        f" ({rate(kubelet('kubelet_runtime_operations_errors_total', ON))})",
                        "{{node}} {{operation_type}}",
                    ),
                    description="Failed calls from the kubelet to the container runtime.",
                    needs=("a pod whose image cannot be pulled",),
                ),
                Panel(
                    "Conditions",
                    "table",
                    (Query(f"sum by (node, condition) ({kube('kube_node_status_condition', ON, status='true')})"),),
                    description="1: the condition is true. Only Ready should be.",
                    width=12,
                ),
                Panel(
                    "Requested / allocatable",
                    "bars",
                    (
                        Query(
                            of_live_pods(kube("kube_pod_container_resource_requests", ON, RESOURCES), "resource")
                            + f" / sum by (resource) ({kube('kube_node_status_allocatable', ON, RESOURCES)})",
                            "{{resource}}",
                        ),
                    ),
                    unit="percentunit",
                    width=12,
                    top=1,
                ),
            ),
        ),
    ),
)
