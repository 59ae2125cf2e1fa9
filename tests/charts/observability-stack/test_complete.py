"""All components together: their requests on a node, the objects of each switch, and the resources that stay in AWS."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kubernetes.utils.quantity import parse_quantity

from harness.render.manifests import Manifests

Install = Callable[..., Manifests]
README = Path(__file__).parents[3] / "charts" / "observability-stack" / "README.md"
WORKSPACE = "https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/ws-1/api/v1/remote_write"
ON = {"enabled": True}
# Each switch, and the components that it installs.
PARTS = {
    "metrics": {
        "server",
        "rules",
        "kube-state-metrics",
        "node-exporter",
        "alertmanager",
        "pushgateway",
        "blackbox-exporter",
        "windows-exporter",
    },
    "traces": {"traces"},
    "containerInsights": {"container-insights", "container-insights-windows"},
    "logs": {"logs"},
    "events": {"events"},
}
EVERYTHING: dict[str, Any] = {
    "cluster": {"name": "shop", "region": "eu-west-1"},
    "server": {"remoteWrite": [{"url": WORKSPACE, "sigv4": {"region": "eu-west-1"}}]},
    "alertmanager": ON,
    "pushgateway": ON,
    "blackboxExporter": ON,
    "windowsExporter": ON,
    **dict.fromkeys(PARTS, ON),
    "containerInsights": {**ON, "windows": ON, "applicationSignals": ON},
}


def components(made: Manifests) -> dict[tuple[str, str], str]:
    return {
        (item["kind"], item["metadata"]["name"]): item["metadata"]["labels"]["app.kubernetes.io/component"]
        for item in made
    }


def requests(made: Manifests) -> dict[str, tuple[int, int]]:
    """Return the requests of each DaemonSet for Linux nodes, in millicores and MiB, by component."""
    found = {}
    for pod in made.pods():
        if pod.owner["kind"] == "DaemonSet" and pod.spec["nodeSelector"]["kubernetes.io/os"] == "linux":
            asked = [box["resources"]["requests"] for box in pod.containers()]
            cpu = sum(parse_quantity(one["cpu"]) for one in asked) * 1000
            memory = sum(parse_quantity(one["memory"]) for one in asked) / 2**20
            found[pod.metadata["labels"]["app.kubernetes.io/component"]] = (int(cpu), int(memory))
    return found


def test_requests_of_all_node_agents(install: Install) -> None:
    """The node agents request at most 250m and 300Mi in total, and the README lists the same requests."""
    asked = requests(install(EVERYTHING))
    assert asked.keys() == {"node-exporter", "traces", "container-insights", "logs"}
    total = tuple(map(sum, zip(*asked.values(), strict=True)))
    assert total <= (250, 300) and total[1] <= 300
    table = README.read_text(encoding="utf-8").partition("## Resource requests per node")[2].partition("\n## ")[0]
    told = {
        name: (int(cpu), int(memory))
        for name, cpu, memory in re.findall(r"^\| (\S+) .*?\| (\d+)m, (\d+)Mi \|", table, re.M)
    }
    assert told == {**asked, "total": total}


@pytest.mark.parametrize("part", PARTS)
def test_switch_removes_all_objects(install: Install, part: str) -> None:
    """Disabling a component removes all of its objects, and no other object."""
    on = components(install(EVERYTHING))
    off = components(install({**EVERYTHING, part: {"enabled": False}}))
    assert set(on.values()) == set().union(*PARTS.values())
    assert off == {key: component for key, component in on.items() if component not in PARTS[part]}


def test_notes_list_resources_in_aws(install: Install, notes: Callable[..., str]) -> None:
    """The notes show a delete command for exactly the log groups and workspaces that the release writes to."""
    text = notes({**EVERYTHING, "identity": {"type": "podIdentity"}, "containerInsights": ON})
    configured = "".join(str(item.get("data")) for item in install(EVERYTHING).select("ConfigMap"))
    groups = set(re.findall(r"log_group_name: (\S+?)\\n", configured)) | {"/aws/containerinsights/shop/performance"}
    assert len(groups) == 5
    deleted = re.findall(r"aws logs delete-log-group --region eu-west-1 --log-group-name (\S+)", text)
    assert sorted(deleted) == sorted(groups)
    assert "aws amp delete-workspace --region eu-west-1 --workspace-id ws-1" in text
    assert "X-Ray keeps traces for 30 days" in text
    command = "aws eks list-pod-identity-associations --region eu-west-1 --cluster-name shop --namespace prometheus"
    assert command in text
    assert command not in notes(EVERYTHING)
    nothing = notes({"metrics": {"enabled": False}})
    assert "aws " not in nothing
