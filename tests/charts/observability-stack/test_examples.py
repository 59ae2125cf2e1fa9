"""The examples of the documentation: they render, and Alertmanager accepts their receivers."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import tools
from harness.errors import HarnessError
from harness.render.manifests import Manifests, load_yaml

DOCS = Path(__file__).parents[3] / "docs"


def examples(page: str, section: str) -> list[dict[str, Any]]:
    """Return the YAML blocks of a section."""
    text = (DOCS / page).read_text(encoding="utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return [load_yaml(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]


@pytest.fixture(scope="module")
def amtool() -> Path:
    """amtool of the version of Alertmanager that the chart runs."""
    try:
        return tools.path("amtool")
    except HarnessError as error:
        pytest.skip(f"needs amtool: {error}")


def test_routes_to_the_web_servers(install: Callable[..., Manifests]) -> None:
    """Ingress and HTTPRoute name Services and ports of the release, and the path is the prefix of Prometheus."""
    web, routes = examples("metrics.md", "Address, TLS and login")
    server = {**web["server"], **routes["server"]}
    values = {"server": server, "extraObjects": routes["extraObjects"], "alertmanager": {"enabled": True}}
    made = install(values, release="prometheus")
    [path] = made.one("Ingress")["spec"]["rules"][0]["http"]["paths"]
    [backend] = made.one("HTTPRoute")["spec"]["rules"][0]["backendRefs"]
    service = made.one("Service", path["backend"]["service"]["name"])
    assert path["backend"]["service"]["port"]["name"] in [port["name"] for port in service["spec"]["ports"]]
    assert backend["port"] in [port["port"] for port in made.one("Service", backend["name"])["spec"]["ports"]]
    [container] = made.containers("prometheus")
    assert f"--web.external-url=https://metrics.example.com{path['path']}" in container["args"]
    check = made.one("Ingress")["metadata"]["annotations"]["alb.ingress.kubernetes.io/healthcheck-path"]
    assert check == f"{path['path']}/-/healthy"
    assert "ipBlock" in str(made.one("NetworkPolicy", "prometheus-observability-stack-server"))


def test_receivers(install: Callable[..., Manifests], amtool: Path, tmp_path: Path) -> None:
    """amtool accepts the example of the chart's Alertmanager, and that of a workspace; files are mounted."""
    chart, workspace = examples("rules.md", "Route alerts")
    made = install(chart)
    config = load_yaml(workspace["alertmanager_config"])
    for receiver in config["receivers"]:
        # A workspace accepts no others, and replaces this mapping by the key.
        assert receiver.keys() <= {"name", "sns_configs", "pagerduty_configs"}
        for one in receiver.get("pagerduty_configs", []):
            assert one["routing_key"].keys() == {"aws_secrets_manager"}
            assert one["routing_key"]["aws_secrets_manager"].keys() == {"secret_arn", "secret_key", "refresh_interval"}
            one["routing_key"] = "key"
        assert all(one["sigv4"]["region"] and "api_url" not in one for one in receiver.get("sns_configs", []))
    rendered = made.texts("x-observability-stack-alertmanager")["alertmanager.yml"]
    kinds = {kind for receiver in load_yaml(rendered)["receivers"] for kind in receiver if kind != "name"}
    assert kinds == {"slack_configs", "pagerduty_configs", "opsgenie_configs", "sns_configs"}
    texts = [rendered, json.dumps(config)]
    for text in texts:
        (tmp_path / "config.yml").write_text(text, encoding="utf-8")
        done = subprocess.run(
            [str(amtool), "check-config", str(tmp_path / "config.yml")], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    [container] = made.containers("alertmanager")
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    files = re.findall(r"_file: (\S+)/", texts[0])
    assert files
    assert set(files) <= mounts
    account = made.one("ServiceAccount", "x-observability-stack-alertmanager")
    assert account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"]
