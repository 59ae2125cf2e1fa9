"""Runs the queries of rules and panels on a live Prometheus."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser

from cluster.metrics import CHART, INTERVAL, Metrics
from eks_observability.dashboards import panel_queries
from harness.render.manifests import load_yaml

NOT_EKS = "no test cluster runs this add-on of EKS"
NO_UPSTREAM = "CoreDNS of a test cluster forwards no queries"
# Metrics that no test cluster has, with the reason.
ABSENT = {
    "aws_ebs_csi_api_request_errors_total": NOT_EKS,
    "aws_ebs_csi_api_request_throttles_total": NOT_EKS,
    "awscni_aws_api_error_count": NOT_EKS,
    "awscni_no_available_ip_addresses": NOT_EKS,
    "coredns_forward_healthcheck_broken_total": NO_UPSTREAM,
    "coredns_proxy_healthcheck_failures_total": NO_UPSTREAM,
    "coredns_proxy_request_duration_seconds_bucket": NO_UPSTREAM,
    "karpenter_cloudprovider_errors_total": NOT_EKS,
    "karpenter_nodepools_limit": NOT_EKS,
    "karpenter_nodepools_usage": NOT_EKS,
    "karpenter_scheduler_unschedulable_pods_count": NOT_EKS,
    "prometheus_agent_corruptions_total": "an agent tells it, and an agent answers no queries",
}


def empty_panels(metrics: Metrics) -> set[str]:
    """Return panels with an empty query result, except panels with a reason why no test cluster has data."""
    # The window of rates must only contain two scrapes.
    queries = [one for one in panel_queries(f"{6 * INTERVAL}s") if not one.absent]
    return {f"{one.name}: {one.expr}" for one in queries if not metrics.query(one.expr)}


def rules() -> Iterator[dict[str, Any]]:
    """Yield every rule of the chart."""
    for file in sorted(Path(CHART, "files", "rules").glob("*.yaml")):
        for group in load_yaml(file.read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


def empty_rules(metrics: Metrics) -> set[str]:
    """Return missing inputs of rules: metrics that do not exist with the selected label names.

    An alert that does not fire proves nothing about its query, but existing series with these label names do. Label
    values mostly select failures, which the promtool tests cover. The nodes of the tests run Linux, and Prometheus
    answers the queries; tests/agents/test_vmagent.py covers the metrics of vmagent.
    """
    asked = {selector for rule in rules() for selector in _selectors(rule["expr"])}
    asked = {selector for selector in asked if not selector.startswith(("vm_", "vmagent_", "windows_"))}
    return {one for one in asked if one.partition("{")[0] not in ABSENT and not metrics.query(one)}


def refused_rules(metrics: Metrics) -> set[str]:
    """Return the rules that Prometheus could not evaluate."""
    groups = json.loads(metrics.get("api/v1/rules"))["data"]["groups"]
    return {rule["name"] for group in groups for rule in group["rules"] if rule["health"] != "ok"}


def _selectors(query: str) -> set[str]:
    found = set()

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.MatrixSelector):
            visit(node.vector_selector)
        elif isinstance(node, promql_parser.VectorSelector):
            there = (promql_parser.MatchOp.Equal, promql_parser.MatchOp.Re)
            chosen = [one for one in node.matchers.matchers if one.op in there and one.value]
            parts = [
                f"{one.name}={json.dumps(one.value)}" if one.name == "job" and one.op == there[0] else f'{one.name}!=""'
                for one in chosen
            ]
            found.add(f"{node.name}{{{','.join(sorted(parts))}}}")

    promql_parser.walk(promql_parser.parse(query), visit)
    return found
