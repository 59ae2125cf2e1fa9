"""The CloudWatch agent on a real node: measurements arrive with its permissions, and an uninstall leaves nothing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from cluster.metrics import CHART, until
from cluster.stage import Stage, namespace
from harness.backends.aws import CREDENTIALS, REGION
from harness.backends.ports import in_url
from harness.clusters import Cluster
from harness.render.helm import Helm

pytestmark = [pytest.mark.cluster, pytest.mark.environment("ipv4", "insights")]
GROUP = "/aws/containerinsights/shop/performance"
RELEASE = "i"


@dataclass
class Insights:
    """A release that measures, and the received measurements.

    Attributes:
        stage: the namespace of the release.
        api: CloudWatch Logs.
    """

    stage: Stage
    api: Any

    def events(self) -> list[dict[str, Any]]:
        """Return the measurements, one item per event of the log group."""
        if not self.api.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]:
            return []
        pages = self.api.get_paginator("filter_log_events").paginate(logGroupName=GROUP)
        return [json.loads(event["message"]) for page in pages for event in page["events"]]

    def log(self) -> str:
        """Return the agent's log."""
        return self.stage.kubectl("logs", f"daemonset/{RELEASE}-{CHART.name}-container-insights")


@pytest.fixture(scope="module")
def insights(kube_stage_cluster: Cluster, helm: Helm) -> Iterator[Insights]:
    """The chart with only Container Insights, which writes to this machine."""
    address = kube_stage_cluster.host_address()
    if address is None:
        pytest.skip("needs a cluster whose pods reach this machine (local or kind)")
    server = ThreadedMotoServer(address, 0, verbose=False)
    stage = Stage(kube_stage_cluster, "t-insights", helm)
    with namespace(stage):
        server.start()
        _, port = server.get_host_and_port()
        url = f"http://{in_url(address)}:{port}"
        values = {
            "metrics": {"enabled": False},
            "cluster": {"name": "shop", "region": REGION},
            "containerInsights": {
                "enabled": True,
                "interval": 10,
                "flushInterval": 1,
                "endpoint": url,
                "extraEnv": [
                    *({"name": name, "value": value} for name, value in CREDENTIALS.items()),
                    # There is no metadata service here; the agent would retry.
                    {"name": "AWS_EC2_METADATA_DISABLED", "value": "true"},
                ],
            },
        }
        try:
            stage.install(RELEASE, values, chart=CHART)
            keys = {name.lower(): value for name, value in CREDENTIALS.items() if name != "AWS_REGION"}
            yield Insights(stage, boto3.client("logs", region_name=REGION, endpoint_url=url, **keys))
        finally:
            server.stop()


def test_node_and_cluster_are_measured(insights: Insights) -> None:
    """Measurements of the node and the cluster arrive at every interval.

    Pods and containers cannot be measured on this cluster, because the node itself runs in a cgroup.
    """
    kinds = {"Node", "NodeFS", "NodeNet", "Cluster", "ClusterNamespace", "ClusterDaemonSet", "ControlPlane"}
    until(lambda: kinds <= {event["Type"] for event in insights.events()}, f"events of {sorted(kinds)}", 120)
    events = {event["Type"]: event for event in insights.events()}
    assert {event["ClusterName"] for event in events.values()} == {"shop"}
    [node] = {pod["spec"]["nodeName"] for pod in insights.stage.get("pods")}
    assert {events[kind]["NodeName"] for kind in ("Node", "NodeFS", "NodeNet")} == {node}
    assert events["Cluster"]["cluster_node_count"] == 1
    assert events["ClusterDaemonSet"]["PodName"] == f"{RELEASE}-{CHART.name}-container-insights"
    until(lambda: sum(event["Type"] == "Node" for event in insights.events()) > 2, "a third measurement")


def test_rights_are_enough(insights: Insights) -> None:
    """No call of the agent is rejected, and it holds the release's lock."""
    [lock] = [item for item in insights.stage.get("configmaps") if item["metadata"]["name"] == "cwagent-clusterleader"]
    assert "control-plane.alpha.kubernetes.io/leader" in lock["metadata"]["annotations"]
    refused = [line for line in insights.log().splitlines() if "forbidden" in line or "Forbidden" in line]
    assert refused == []


def test_uninstall_leaves_nothing(insights: Insights) -> None:
    """An uninstall deletes the lock, although the agent has written to it."""
    insights.stage.uninstall(RELEASE)
    names = {item["metadata"]["name"] for item in insights.stage.get("configmaps,serviceaccounts,daemonsets,roles")}
    assert names == {"kube-root-ca.crt", "default"}
