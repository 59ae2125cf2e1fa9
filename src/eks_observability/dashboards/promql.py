"""Query parts that several dashboards share."""

import re

from eks_observability.dashboards.model import Variable

RATE = "$__rate_interval"
CHOSEN_CLUSTER = 'cluster=~"$cluster"'

CLUSTER = Variable("cluster", "Cluster", 'up{job="kubelet"}', "cluster")
NODE = Variable("node", "Node", 'up{job="kubelet",cluster=~"$cluster"}', "node")
NAMESPACE = Variable(
    "namespace", "Namespace", 'kube_namespace_created{job="kube-state-metrics",cluster=~"$cluster"}', "namespace"
)

# Physical devices of a node. The rest are the host ends of pod interfaces, which would count the same bytes twice.
UPLINKS = 'device!~"lo|veth.*|eni[0-9a-f]{11}|cali.*|cni.*|docker.*|dummy.*|br-.*|tap.*|kube-ipvs.*|nodelocaldns"'
DISKS = 'device=~"nvme.+|xvd.+|sd.+|vd.+|dm-.+"'
FILESYSTEMS = (
    'fstype!~"tmpfs|squashfs|overlay|ramfs|nsfs|fuse.*|autofs",mountpoint!~"/(run|var/lib/(kubelet|containerd))/.+"'
)


def series(metric: str, job: str, *matchers: str, **labels: str) -> str:
    """Select the series of a metric.

    Each selector names its job, because the allow-list keeps a metric only for the jobs in queries. A missing label
    equals an empty one, so that ``cluster=~".*"`` also matches the series of a server without remote write.

    Args:
        metric: name of the metric.
        job: the scrape job, or a regular expression.
        matchers: additional matchers.
        labels: labels with their exact values.
    """
    equal = (f'{name}="{value}"' for name, value in labels.items())
    of_job = f'job="{job}"' if re.fullmatch(r"[\w-]+", job) else f'job=~"{job}"'
    return f"{metric}{{{','.join((of_job, CHOSEN_CLUSTER, *matchers, *equal))}}}"


def kube(metric: str, *matchers: str, **labels: str) -> str:
    """Select a metric of kube-state-metrics."""
    return series(metric, "kube-state-metrics", *matchers, **labels)


def cadvisor(metric: str, *matchers: str, **labels: str) -> str:
    """Select a metric of the containers."""
    return series(metric, "cadvisor", *matchers, **labels)


def node(metric: str, *matchers: str, **labels: str) -> str:
    """Select a metric of node-exporter."""
    return series(metric, "node-exporter", *matchers, **labels)


def windows(metric: str, *matchers: str, **labels: str) -> str:
    """Select a metric of windows_exporter."""
    return series(metric, "windows-exporter", *matchers, **labels)


def kubelet(metric: str, *matchers: str, **labels: str) -> str:
    """Select a metric of the kubelets."""
    return series(metric, "kubelet", *matchers, **labels)


def rate(selector: str) -> str:
    """Return the per-second rate of a counter."""
    return f"rate({selector}[{RATE}])"


def percentile(share: float, buckets: str, *by: str) -> str:
    """Return a percentile of a histogram.

    Args:
        share: the percentile as a fraction, for example 0.99.
        buckets: the selector of its buckets.
        by: labels of the result.
    """
    return f"histogram_quantile({share}, sum by ({', '.join((*by, 'le'))}) ({rate(buckets)}))"


def live_pods(*matchers: str) -> str:
    """Select pods whose requests count: one series with the value 1 for each pod that has not terminated."""
    phases = kube("kube_pod_status_phase", 'phase=~"Pending|Running"', *matchers)
    return f"max by (cluster, namespace, pod) ({phases} == 1)"


def of_live_pods(selector: str, by: str, *matchers: str) -> str:
    """Sum a metric of kube-state-metrics over the pods that have not terminated."""
    return f"sum by ({by}) ({selector} * on (cluster, namespace, pod) group_left () {live_pods(*matchers)})"


def workloads(*matchers: str) -> str:
    """Return one series per pod with the label ``workload``.

    The workload is the pod's owner. For a pod of a ReplicaSet it is the Deployment, a prefix of the ReplicaSet's name.
    """
    owners = "max by (cluster, namespace, pod, owner_name) ({})"
    direct = owners.format(kube("kube_pod_owner", 'owner_kind!="ReplicaSet"', *matchers))
    replica = owners.format(kube("kube_pod_owner", 'owner_kind="ReplicaSet"', *matchers))
    # A pod without an owner is its own workload.
    alone = f'label_replace({direct}, "workload", "$1", "pod", "(.+)")'
    return (
        f'(label_replace({replica}, "workload", "$1", "owner_name", "(.+)-[^-]+")'
        f' or label_replace({alone}, "workload", "$1", "owner_name", "(.+)"))'
    )


def by_workload(per_pod: str, *matchers: str) -> str:
    """Sum a query with the labels ``cluster``, ``namespace`` and ``pod`` over each workload."""
    return f"sum by (workload) ({per_pod} * on (cluster, namespace, pod) group_left (workload) {workloads(*matchers)})"
