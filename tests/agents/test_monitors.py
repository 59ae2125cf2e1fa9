"""Monitors of prometheus-operator, compiled to values of the chart: what Prometheus scrapes with them."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from eks_observability.cli import program
from harness.backends.remote_write import RemoteWriteReceiver
from harness.render.manifests import load_yaml

from .prometheus import Exporter, amp, running

pytestmark = pytest.mark.slow
POD = {
    "namespace": "shop",
    "pod_name": "api-1",
    "pod_container_name": "app",
    "pod_container_port_name": "web",
    "pod_label_app": "api",
    "pod_labelpresent_app": "true",
    "pod_phase": "Running",
}
SERVICE = {
    "namespace": "shop",
    "service_name": "api",
    "service_label_team": "orders",
    "endpointslice_port_name": "web",
    "endpointslice_address_target_kind": "Pod",
    "endpointslice_address_target_name": "api-1",
    "pod_name": "api-1",
    "pod_phase": "Running",
}


def monitor(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    """Return a monitor in the namespace `shop`."""
    meta = {"name": name, "namespace": "shop"}
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": kind, "metadata": meta, "spec": spec}


MONITORS = [
    monitor(
        "ServiceMonitor",
        "api",
        selector={},
        targetLabels=["team"],
        endpoints=[{"port": "web", "path": "/m", "metricRelabelings": [{"regex": "drop", "action": "labeldrop"}]}],
    ),
    monitor("PodMonitor", "api", selector={"matchLabels": {"app": "api"}}, podMetricsEndpoints=[{"port": "web"}]),
    # Its Secret does not exist.
    monitor(
        "ServiceMonitor",
        "tls",
        selector={},
        endpoints=[{"port": "web", "tlsConfig": {"ca": {"secret": {"name": "ca", "key": "ca.crt"}}}}],
    ),
]


def test_prometheus_scrapes_as_with_the_operator(tmp_path: Path) -> None:
    """Targets have the operator's labels. A monitor whose Secret is missing does not affect the others."""
    done = CliRunner().invoke(program, ["monitors", "compile"], input=yaml.safe_dump_all(MONITORS))
    values = load_yaml(done.stdout)
    with contextlib.ExitStack() as stack:
        receiver = stack.enter_context(RemoteWriteReceiver(region="us-east-1"))
        exporter = stack.enter_context(Exporter({"/m": 'a{drop="x"} 1\n', "/metrics": "b 1\n"}))
        other = {**POD, "pod_label_app": "other"}
        targets = {
            "serviceMonitor/shop/api/0": [exporter.target(**SERVICE)],
            "serviceMonitor/shop/tls/0": [exporter.target(**SERVICE)],
            "podMonitor/shop/api/0": [exporter.target(**POD), exporter.target(**other)],
        }
        values["server"] |= {"mode": "agent", "remoteWrite": [amp()]}
        prometheus = stack.enter_context(running(tmp_path, values, targets, receiver))

        def found() -> dict[str, dict[str, str]]:
            series = [dict(labels) for labels in receiver.all()]
            return {labels["__name__"]: labels for labels in series if labels["__name__"] in ("a", "b")}

        prometheus.wait(lambda: found().keys() == {"a", "b"}, "the metrics of both monitors")
        instance = {"cluster": "shop", "instance": exporter.address, "namespace": "shop", "endpoint": "web"}
        of_service = {"service": "api", "pod": "api-1", "team": "orders", "job": "api"}
        assert found()["a"] == {"__name__": "a", **instance, **of_service}
        of_pod = {"pod": "api-1", "container": "app", "job": "shop/api"}
        assert found()["b"] == {"__name__": "b", **instance, **of_pod}
        assert prometheus.own("prometheus_config_last_reload_successful") == 1
