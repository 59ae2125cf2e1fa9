"""Monitors: what the command line compiles is valid, and the chart offers its own to prometheus-operator."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from eks_observability.cli import program
from harness.render.manifests import Manifests, Pod, load_yaml

FIXTURES = Path(__file__).parents[2] / "unit" / "fixtures" / "monitors"
# Discovery that the harness's Prometheus does not contain.
CLOUDS = ("consul_sd_configs", "dns_sd_configs", "ec2_sd_configs", "http_sd_configs")
CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "client", "namespace": "shop"}}
RULES = [{"name": "api", "rules": [{"alert": "ApiDown", "expr": 'up{job="api"} == 0', "labels": {"severity": "page"}}]}]


def monitors() -> list[dict[str, Any]]:
    """Return the fixtures of the command line as objects, and the objects that have client IDs."""
    found: list[dict[str, Any]] = []
    for file in ("shapes", "fields"):
        for kind, specs in load_yaml((FIXTURES / f"{file}.yaml").read_text(encoding="utf-8")).items():
            for name, spec in specs.items():
                meta = {"name": f"{file}-{name}", "namespace": "shop"}
                found.append({"apiVersion": "monitoring.coreos.com/v1", "kind": kind, "metadata": meta, "spec": spec})
    rule = {"kind": "PrometheusRule", "metadata": {"name": "api", "namespace": "shop"}, "spec": {"groups": RULES}}
    client = {**CONFIG_MAP, "data": {"id": "prometheus"}}
    secret = {**CONFIG_MAP, "kind": "Secret", "stringData": {"id": "prometheus"}}
    return [*found, {"apiVersion": "monitoring.coreos.com/v1", **rule}, client, secret]


def compiled(objects: list[dict[str, Any]], *options: str) -> dict[str, Any]:
    """Return the output for objects, none of which is left out."""
    done = CliRunner().invoke(program, ["monitors", "compile", *options], input=yaml.safe_dump_all(objects))
    assert done.exit_code == 0 and "left out" not in done.stderr, done.stderr
    found: dict[str, Any] = load_yaml(done.stdout)
    return found


def check(promtool: Path, config: dict[str, Any], folder: Path) -> None:
    """Let promtool check a configuration."""
    for job in config["scrape_configs"]:
        for name in CLOUDS:
            job.pop(name, None)
    file = folder / "prometheus.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [str(promtool), "check", "config", "--syntax-only", str(file)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_chart_and_prometheus_accept_every_monitor(
    install: Callable[..., Manifests], promtool: Path, tmp_path: Path
) -> None:
    """All fixtures of the command line together are a valid configuration, with one job for each endpoint."""
    values = compiled(monitors())
    made = install(values)
    [text] = made.texts("x-observability-stack-server").values()
    config = load_yaml(text)
    jobs = {job["job_name"] for job in config["scrape_configs"]}
    assert {job["job_name"] for job in values["scrape"]["extraConfigs"]} < jobs
    check(promtool, config, tmp_path)


def test_scraper_configuration_is_valid(promtool: Path, tmp_path: Path) -> None:
    """The configuration of AMP's agentless scraper is one of Prometheus, too."""
    plain = {"selector": {}, "endpoints": [{"port": "web", "interval": "30s"}]}
    meta = {"name": "api", "namespace": "shop"}
    monitor = {"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": meta, "spec": plain}
    config = compiled([monitor], "--format", "amp-scraper", "--cluster", "prd")
    assert config["global"] == {"scrape_interval": "60s", "external_labels": {"cluster": "prd"}}
    check(promtool, config, tmp_path)


def test_secrets_are_mounted_read_only(install: Callable[..., Manifests]) -> None:
    """Prometheus gets the files of the Secrets that monitors use, and no others; a missing one does not stop it."""
    made = install(compiled([one for one in monitors() if one["metadata"]["name"] == "shapes-basic-auth"]))
    pod = made.one("StatefulSet", "x-observability-stack-server")["spec"]["template"]["spec"]
    [volume] = [one for one in pod["volumes"] if one["name"] == "monitors"]
    files = [
        {"key": "password", "path": "secrets/shop/login/password"},
        {"key": "user", "path": "secrets/shop/login/user"},
    ]
    assert volume["projected"]["sources"] == [{"secret": {"name": "shop-login", "optional": True, "items": files}}]
    [mount] = [one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "monitors"]
    assert mount == {"name": "monitors", "mountPath": "/etc/monitors", "readOnly": True}
    assert not [name for kind, name in made.names() if kind == "ConfigMap" and "monitors" in name]


@pytest.mark.parametrize(
    ("role", "group", "resource"),
    [("endpoints", "", "endpoints"), ("ingress", "networking.k8s.io", "ingresses"), ("pod", "", None)],
)
def test_role_permits_discovery(install: Callable[..., Manifests], role: str, group: str, resource: str | None) -> None:
    """The ClusterRole permits what scrape configurations discover, and nothing else."""
    jobs = [{"job_name": "a", "kubernetes_sd_configs": [{"role": role}]}]
    rules = [
        (group, resource)
        for made in (install({"scrape": {"extraConfigs": jobs}}), install())
        for rule in made.one("ClusterRole", "x-observability-stack-server.prometheus")["rules"]
        for group in rule.get("apiGroups", ())
        for resource in rule.get("resources", ())
        if resource in ("endpoints", "ingresses")
    ]
    assert rules == ([(group, resource)] if resource else [])


def selected(monitor: dict[str, Any], pod: Pod) -> bool:
    """Return whether a PodMonitor selects a pod."""
    selector, labels = monitor["spec"]["selector"], pod.metadata["labels"]
    [component] = selector["matchExpressions"]
    return selector["matchLabels"].items() <= labels.items() and labels[component["key"]] in component["values"]


def test_agents_are_offered_to_prometheus_operator(install: Callable[..., Manifests]) -> None:
    """There is a PodMonitor for each enabled agent, with its port and page, and the job that rules select."""
    on = {"podMonitor": {"enabled": True, "labels": {"release": "p"}}, "events": {"enabled": True}}
    both = install({**on, "logs": {"enabled": True}})
    assert {name for kind, name in both.names() if kind == "PodMonitor"} == {
        "x-observability-stack-events",
        "x-observability-stack-logs",
    }
    for monitor in both.select("PodMonitor"):
        [endpoint] = monitor["spec"]["podMetricsEndpoints"]
        [pod] = [one for one in both.pods() if selected(monitor, one)]
        assert endpoint["port"] in {port["name"] for box in pod.containers() for port in box.get("ports", ())}
        assert {"targetLabel": "job", "replacement": "pods"} in endpoint["relabelings"]
        assert monitor["metadata"]["labels"]["release"] == "p"
    assert [one["metadata"]["name"] for one in install(on).select("PodMonitor")] == ["x-observability-stack-events"]
    assert not install({"events": {"enabled": True}}).select("PodMonitor")


def test_rules_are_offered_to_prometheus_operator(install: Callable[..., Manifests]) -> None:
    """The PrometheusRule has the groups of the rule files, also where the chart's own Prometheus does not run."""
    values = {"rules": {"prometheusRule": {"enabled": True, "labels": {"release": "p"}}}}
    made = install(values)
    rule = made.one("PrometheusRule", "x-observability-stack-rules")
    files = made.texts("x-observability-stack-rules").values()
    assert rule["spec"]["groups"] == [group for text in files for group in load_yaml(text)["groups"]]
    assert rule["metadata"]["labels"]["release"] == "p"
    assert install({**values, "metrics": {"enabled": False}}).one("PrometheusRule")["spec"] == rule["spec"]
    assert not install().select("PrometheusRule")


def test_monitors_without_pods_or_rules_are_rejected(rejection: Callable[..., str]) -> None:
    """A PodMonitor or a PrometheusRule that would be empty is rejected."""
    assert "neither `logs` nor `events` is enabled" in rejection({"podMonitor": {"enabled": True}})
    nothing = {"rules": {"enabled": False, "prometheusRule": {"enabled": True}}}
    assert "`rules.prometheusRule.enabled` is true, but there are no rules." in rejection(nothing)
