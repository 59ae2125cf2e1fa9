"""The workload dashboard: usage, requests, and the reasons why pods do not run."""

from eks_observability.dashboards.model import Board, Panel, Query, Row, Variable
from eks_observability.dashboards.promql import (
    CLUSTER,
    NAMESPACE,
    RATE,
    by_workload,
    cadvisor,
    kube,
    kubelet,
    live_pods,
    rate,
    workloads,
)

IN = 'namespace=~"$namespace"'
OF = 'pod=~"$pod"'
STUCK = 'condition="Progressing",status="false"'
CONTAINERS = 'container!=""'
AUTOSCALER = "a HorizontalPodAutoscaler"
CLAIM = "a claim whose volume reports its size"
PER_POD = "sum by (cluster, namespace, pod)"

POD = Variable("pod", "Pod", f'kube_pod_info{{job="kube-state-metrics",cluster=~"$cluster",{IN}}}', "pod")

_CPU = f"{PER_POD} ({rate(cadvisor('container_cpu_usage_seconds_total', IN, OF, CONTAINERS))})"
_MEMORY = f"{PER_POD} ({cadvisor('container_memory_working_set_bytes', IN, OF, CONTAINERS)})"
_RECEIVED = f"{PER_POD} ({rate(cadvisor('container_network_receive_bytes_total', IN, OF))})"
_PERIODS = f"{PER_POD} ({rate(cadvisor('container_cpu_cfs_periods_total', IN, OF, CONTAINERS))})"
_THROTTLED = f"{PER_POD} ({rate(cadvisor('container_cpu_cfs_throttled_periods_total', IN, OF, CONTAINERS))})"
_SENT = f"{PER_POD} ({rate(cadvisor('container_network_transmit_bytes_total', IN, OF))})"


def _asked(what: str, resource: str) -> str:
    """Sum requests or limits over each pod that has not terminated."""
    values = kube(f"kube_pod_container_resource_{what}", f'resource="{resource}"', IN, OF)
    return f"{PER_POD} ({values}) * on (cluster, namespace, pod) group_left () {live_pods(IN, OF)}"


def _graph(
    title: str, unit: str, *queries: Query, description: str = "", needs: tuple[str, ...] = (), top: float | None = None
) -> Panel:
    return Panel(title, "graph", queries, unit=unit, description=description, needs=needs, top=top)


def _stacked(title: str, unit: str, *queries: Query) -> Panel:
    return Panel(title, "stacked", queries, unit=unit)


def _workload(per_pod: str) -> str:
    return by_workload(f"({per_pod})", IN, OF)


def _replicas(kind: str, wanted: str, ready: str, needs: tuple[str, ...] = ()) -> Panel:
    by = f"sum by (namespace, {kind})"
    legend = f"{{{{{kind}}}}}"
    return _graph(
        f"{kind.capitalize()}s: missing replicas",
        "short",
        Query(f"{by} ({kube(wanted, IN)}) - {by} ({kube(ready, IN)})", legend),
        needs=needs,
    )


def _table(
    title: str,
    expr: str,
    description: str = "",
    *,
    unit: str = "short",
    width: int = 12,
    needs: tuple[str, ...] = (),
) -> Panel:
    return Panel(title, "table", (Query(expr),), unit=unit, description=description, width=width, needs=needs)


BOARD = Board(
    uid="eks-workload",
    title="EKS / Namespace and workload",
    description="Usage and requests of the workloads in a namespace, and the reasons why pods do not run.",
    variables=(CLUSTER, NAMESPACE, POD),
    rows=(
        Row(
            "CPU",
            (
                _stacked("CPU by workload", "cores", Query(_workload(_CPU), "{{workload}}")),
                _graph(
                    "CPU usage / requests",
                    "percentunit",
                    Query(f"{_workload(_CPU)} / {_workload(_asked('requests', 'cpu'))}", "{{workload}}"),
                    description="Above 1, the excess is not guaranteed. Far below 1, the workload requests too much.",
                    needs=("a pod that requests CPU",),
                ),
                _graph(
                    "Throttled",
                    "percentunit",
                    Query(
                        f"{_workload(_THROTTLED)} / {_workload(_PERIODS)}",
                        "{{workload}}",
                    ),
                    description="Share of periods in which a container reached its CPU limit.",
                    needs=("a pod with a CPU limit",),
                ),
            ),
        ),
        Row(
            "Memory",
            (
                _stacked("Memory by workload", "bytes", Query(_workload(_MEMORY), "{{workload}}")),
                _graph(
                    "Memory usage / requests",
                    "percentunit",
                    Query(f"{_workload(_MEMORY)} / {_workload(_asked('requests', 'memory'))}", "{{workload}}"),
                    needs=("a pod that requests memory",),
                ),
                _graph(
                    "Memory usage / limits",
                    "percentunit",
                    Query(f"{_workload(_MEMORY)} / {_workload(_asked('limits', 'memory'))}", "{{workload}}"),
                    description="At 1, the kernel kills the container.",
                    needs=("a pod with a memory limit",),
                    top=1,
                ),
            ),
        ),
        Row(
            "Network and volumes",
            (
                _stacked("Received by workload", "Bps", Query(_workload(_RECEIVED), "{{workload}}")),
                _stacked("Sent by workload", "Bps", Query(_workload(_SENT), "{{workload}}")),
                _graph(
                    "Volumes used",
                    "percentunit",
                    Query(
                        "max by (namespace, persistentvolumeclaim)"
                        f" ({kubelet('kubelet_volume_stats_used_bytes', IN)}"
                        f" / {kubelet('kubelet_volume_stats_capacity_bytes', IN)})",
                        "{{persistentvolumeclaim}}",
                    ),
                    needs=(CLAIM,),
                    top=1,
                ),
                _graph(
                    "Inodes of volumes used",
                    "percentunit",
                    Query(
                        "max by (namespace, persistentvolumeclaim)"
                        f" (1 - {kubelet('kubelet_volume_stats_inodes_free', IN)}"
                        f" / ({kubelet('kubelet_volume_stats_inodes', IN)} > 0))",
                        "{{persistentvolumeclaim}}",
                    ),
                    needs=(CLAIM,),
                    top=1,
                ),
                _graph(
                    "Claims by phase",
                    "short",
                    Query(f"sum by (phase) ({kube('kube_persistentvolumeclaim_status_phase', IN)})", "{{phase}}"),
                    needs=(CLAIM,),
                ),
                _graph(
                    "Volumes of the cluster by phase",
                    "short",
                    Query(f"sum by (phase) ({kube('kube_persistentvolume_status_phase')})", "{{phase}}"),
                    needs=(CLAIM,),
                ),
            ),
        ),
        Row(
            "Running",
            (
                _replicas("deployment", "kube_deployment_spec_replicas", "kube_deployment_status_replicas_available"),
                _replicas(
                    "statefulset",
                    "kube_statefulset_replicas",
                    "kube_statefulset_status_replicas_ready",
                    needs=("a StatefulSet",),
                ),
                _replicas(
                    "daemonset",
                    "kube_daemonset_status_desired_number_scheduled",
                    "kube_daemonset_status_number_ready",
                ),
                _graph(
                    "Restarts",
                    "short",
                    Query(
                        _workload(
                            f"{PER_POD} (increase({kube('kube_pod_container_status_restarts_total', IN, OF)}[{RATE}]))"
                        ),
                        "{{workload}}",
                    ),
                ),
                _stacked(
                    "Pods by phase",
                    "short",
                    Query(f"sum by (phase) ({kube('kube_pod_status_phase', IN, OF)})", "{{phase}}"),
                ),
                _graph(
                    "Autoscalers near their limit",
                    "percentunit",
                    Query(
                        "max by (namespace, horizontalpodautoscaler)"
                        f" ({kube('kube_horizontalpodautoscaler_status_current_replicas', IN)}"
                        f" / {kube('kube_horizontalpodautoscaler_spec_max_replicas', IN)})",
                        "{{horizontalpodautoscaler}}",
                    ),
                    description="At 1, an autoscaler cannot add pods.",
                    needs=(AUTOSCALER,),
                    top=1,
                ),
                _graph(
                    "Pods of an old version",
                    "short",
                    Query(
                        f"sum by (namespace, statefulset) ({kube('kube_statefulset_status_replicas', IN)})"
                        f" - sum by (namespace, statefulset) ({kube('kube_statefulset_status_replicas_updated', IN)})",
                        "{{statefulset}}",
                    ),
                    Query(
                        "sum by (namespace, daemonset)"
                        f" ({kube('kube_daemonset_status_desired_number_scheduled', IN)})"
                        " - sum by (namespace, daemonset)"
                        f" ({kube('kube_daemonset_status_updated_number_scheduled', IN)})",
                        "{{daemonset}}",
                    ),
                    Query(
                        f"sum by (namespace, deployment) ({kube('kube_deployment_status_condition', IN, STUCK)})",
                        "{{deployment}}: rollout stuck",
                    ),
                    description="Of StatefulSets and DaemonSets, and Deployments whose rollout is stuck.",
                ),
                _graph(
                    "Autoscalers: missing replicas",
                    "short",
                    Query(
                        "sum by (namespace, horizontalpodautoscaler)"
                        f" ({kube('kube_horizontalpodautoscaler_status_desired_replicas', IN)}"
                        f" - {kube('kube_horizontalpodautoscaler_status_current_replicas', IN)})",
                        "{{horizontalpodautoscaler}}",
                    ),
                    needs=(AUTOSCALER,),
                ),
                _graph(
                    "Disruption budgets: missing pods",
                    "short",
                    Query(
                        "sum by (namespace, poddisruptionbudget)"
                        f" ({kube('kube_poddisruptionbudget_status_desired_healthy', IN)}"
                        f" - {kube('kube_poddisruptionbudget_status_current_healthy', IN)})",
                        "{{poddisruptionbudget}}",
                    ),
                    description="Above 0, no pod can be evicted, so nodes cannot be drained.",
                    needs=("a PodDisruptionBudget",),
                ),
                _graph(
                    "Quota used",
                    "percentunit",
                    Query(
                        "max by (namespace, resource)"
                        f" ({kube('kube_resourcequota', IN, type='used')} / ignoring (type)"
                        f" ({kube('kube_resourcequota', IN, type='hard')} > 0))",
                        "{{namespace}} {{resource}}",
                    ),
                    needs=("a ResourceQuota",),
                    top=1,
                ),
                _table(
                    "Failed Jobs",
                    f"max by (namespace, job_name) ({kube('kube_job_failed', IN, condition='true')})",
                    width=8,
                    needs=("a Job that fails",),
                ),
                _graph(
                    "Until the next run of CronJobs",
                    "s",
                    Query(
                        f"max by (namespace, cronjob) ({kube('kube_cronjob_next_schedule_time', IN)}) - time()",
                        "{{cronjob}}",
                    ),
                    description="Below 0, a CronJob is late.",
                    needs=("a CronJob",),
                ),
            ),
        ),
        Row(
            "Pods",
            (
                _table(
                    "CPU by container",
                    "topk(50, sum by (namespace, pod, container)"
                    f" ({rate(cadvisor('container_cpu_usage_seconds_total', IN, OF, CONTAINERS))}))",
                    unit="cores",
                ),
                _table(
                    "Memory by container",
                    "topk(50, sum by (namespace, pod, container)"
                    f" ({cadvisor('container_memory_working_set_bytes', IN, OF, CONTAINERS)}))",
                    unit="bytes",
                ),
                _table(
                    "Containers not ready",
                    f"count by (namespace, pod, container) ({kube('kube_pod_container_status_ready', IN, OF)} == 0)",
                    needs=("a pod whose image cannot be pulled",),
                ),
                _table(
                    "Last termination reason",
                    "sum by (namespace, pod, container, reason)"
                    f" ({kube('kube_pod_container_status_last_terminated_reason', IN, OF)})",
                    "OOMKilled: memory limit exceeded. Error: nonzero exit status.",
                    needs=("a container that exits and restarts",),
                ),
                _table(
                    "Workload of each pod",
                    f"max by (namespace, workload, pod) ({workloads(IN, OF)})",
                    "The pod's owner; for pods of a ReplicaSet, the Deployment.",
                ),
                _table(
                    "Requests by container",
                    "sum by (namespace, pod, container, resource)"
                    f" ({kube('kube_pod_container_resource_requests', IN, OF)})",
                    "Cores, or bytes.",
                    needs=("a pod that requests CPU",),
                ),
            ),
        ),
    ),
)
