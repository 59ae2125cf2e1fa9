"""The dashboard of EKS add-ons: CoreDNS, the VPC CNI, Karpenter and the EBS CSI driver."""

from eks_observability.dashboards.model import Board, Panel, Query, Row
from eks_observability.dashboards.promql import CLUSTER, RATE, percentile, rate, series

# Annotated Services, as EKS annotates that of CoreDNS, or annotated pods.
ADDONS = "pods|endpoints"
DNS = "a CoreDNS whose Service is annotated for scraping"
NO_UPSTREAM = "needs a CoreDNS that forwards queries"
NO_CNI = "needs the VPC CNI"
NO_KARPENTER = "needs Karpenter"
NO_EBS = "needs the EBS CSI driver"
FORWARD = 'proxy_name="forward"'


def _addon(metric: str, *matchers: str) -> str:
    return series(metric, ADDONS, *matchers)


def _dns(title: str, unit: str, *queries: Query, description: str = "", absent: str = "") -> Panel:
    return Panel(title, "graph", queries, unit=unit, description=description, needs=(DNS,), absent=absent)


def _graph(title: str, unit: str, absent: str, *queries: Query, description: str = "") -> Panel:
    return Panel(title, "graph", queries, unit=unit, description=description, absent=absent)


BOARD = Board(
    uid="eks-addons",
    title="EKS / DNS and add-ons",
    description="CoreDNS, addresses of the VPC CNI, capacity of Karpenter, and volumes of the EBS CSI driver.",
    variables=(CLUSTER,),
    rows=(
        Row(
            "CoreDNS",
            (
                _dns(
                    "Queries by response",
                    "reqps",
                    Query(f"sum by (rcode) ({rate(_addon('coredns_dns_responses_total'))})", "{{rcode}}"),
                    description="SERVFAIL: no answer. NXDOMAIN: no such name, which search domains cause regularly.",
                ),
                _dns(
                    "Query duration",
                    "s",
                    Query(percentile(0.99, _addon("coredns_dns_request_duration_seconds_bucket")), "99th percentile"),
                    Query(percentile(0.5, _addon("coredns_dns_request_duration_seconds_bucket")), "median"),
                ),
                _dns(
                    "Answered from the cache",
                    "percentunit",
                    Query(
                        f"sum({rate(_addon('coredns_cache_hits_total'))})"
                        f" / sum({rate(_addon('coredns_cache_requests_total'))})",
                    ),
                ),
                _dns(
                    "Upstream duration",
                    "s",
                    Query(
                        percentile(0.99, _addon("coredns_proxy_request_duration_seconds_bucket", FORWARD), "to"),
                        "{{to}}",
                    ),
                    description="99th percentile of the queries that CoreDNS forwards, by resolver.",
                    absent=NO_UPSTREAM,
                ),
                _dns(
                    "Failed health checks of upstreams",
                    "ops",
                    Query(
                        f"sum by (to) ({rate(_addon('coredns_proxy_healthcheck_failures_total', FORWARD))})", "{{to}}"
                    ),
                    absent=NO_UPSTREAM,
                ),
                _dns(
                    "Queries without a healthy upstream",
                    "ops",
                    Query(f"sum({rate(_addon('coredns_forward_healthcheck_broken_total'))})"),
                    absent=NO_UPSTREAM,
                ),
                _dns("Panics", "ops", Query(f"sum({rate(_addon('coredns_panics_total'))})")),
            ),
        ),
        Row(
            "VPC CNI",
            (
                _graph(
                    "Addresses of nodes in use",
                    "percentunit",
                    NO_CNI,
                    Query(
                        f"sum by (node) ({_addon('awscni_assigned_ip_addresses')})"
                        f" / sum by (node) ({_addon('awscni_total_ip_addresses')})",
                        "{{node}}",
                    ),
                    description="Of those that the node holds. At 1, the next pod waits for a call to EC2.",
                ),
                _graph(
                    "Requests without a free address",
                    "short",
                    NO_CNI,
                    Query(
                        f"sum by (node) (increase({_addon('awscni_no_available_ip_addresses')}[{RATE}]))", "{{node}}"
                    ),
                ),
                _graph(
                    "Errors of the EC2 API (VPC CNI)",
                    "ops",
                    NO_CNI,
                    Query(f"sum by (api, error) ({rate(_addon('awscni_aws_api_error_count'))})", "{{api}} {{error}}"),
                ),
            ),
        ),
        Row(
            "Karpenter",
            (
                _graph(
                    "NodePools: usage / limit",
                    "percentunit",
                    NO_KARPENTER,
                    Query(
                        f"max by (nodepool, resource_type) ({_addon('karpenter_nodepools_usage')})"
                        f" / max by (nodepool, resource_type) ({_addon('karpenter_nodepools_limit')})",
                        "{{nodepool}} {{resource_type}}",
                    ),
                ),
                _graph(
                    "NodeClaims",
                    "short",
                    NO_KARPENTER,
                    Query(
                        f"sum by (nodepool) (increase({_addon('karpenter_nodeclaims_created_total')}[1h]))",
                        "{{nodepool}} created",
                    ),
                    Query(
                        f"-sum by (nodepool) (increase({_addon('karpenter_nodeclaims_terminated_total')}[1h]))",
                        "{{nodepool}} terminated",
                    ),
                    description="In the last hour.",
                ),
                _graph(
                    "NodeClaims disrupted",
                    "short",
                    NO_KARPENTER,
                    Query(
                        f"sum by (reason) (increase({_addon('karpenter_nodeclaims_disrupted_total')}[1h]))",
                        "{{reason}}",
                    ),
                    description="In the last hour, by reason: consolidation, drift, expiration, interruption.",
                ),
                _graph(
                    "Unschedulable pods",
                    "short",
                    NO_KARPENTER,
                    Query(f"max({_addon('karpenter_scheduler_unschedulable_pods_count')})"),
                ),
                _graph(
                    "Errors of the EC2 API (Karpenter)",
                    "ops",
                    NO_KARPENTER,
                    Query(
                        f"sum by (method, error) ({rate(_addon('karpenter_cloudprovider_errors_total'))})",
                        "{{method}} {{error}}",
                    ),
                ),
            ),
        ),
        Row(
            "EBS CSI driver",
            (
                _graph(
                    "Failed requests",
                    "ops",
                    NO_EBS,
                    Query(f"sum by (request) ({rate(_addon('aws_ebs_csi_api_request_errors_total'))})", "{{request}}"),
                ),
                _graph(
                    "Throttled requests",
                    "ops",
                    NO_EBS,
                    Query(f"sum({rate(_addon('aws_ebs_csi_api_request_throttles_total'))})"),
                ),
            ),
        ),
    ),
)
