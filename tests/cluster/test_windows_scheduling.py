"""Windows agents and workloads on a real control plane: scheduling, rollouts and permissions.

kwok simulates the nodes, which are Ready and report their pods as running. The scheduler and the controllers are real.
"""

import base64
import json
import math
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from kubernetes import client, config, watch

from cluster.metrics import until
from cluster.stage import own_name
from harness import fluentbit
from harness.clusters import LocalCluster
from harness.clusters.kube import wait_ready
from harness.render.helm import Helm
from harness.render.manifests import Manifests, load_yaml

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a local cluster needs Linux and root"),
]

CHART = Path("charts/fluent-bit-windows")
BUILDS = {"2019": "10.0.17763", "2022": "10.0.20348", "2025": "10.0.26100"}
WINDOWS_TAINT = {"key": "os", "value": "windows", "effect": "NoSchedule"}
# kwok's nodes have a taint.
TOLERATIONS = [
    {"key": "os", "operator": "Equal", "value": "windows", "effect": "NoSchedule"},
    {"key": "kwok.x-k8s.io/node", "operator": "Exists"},
]
AGENTS = {"tolerations": TOLERATIONS}
WORKLOADS = {
    "workloadDefaults": {"tolerations": TOLERATIONS, "replicas": 3, "command": ["app.exe"]},
    "workloads": [
        {"name": f"app-{build}", "build": build, "image": {"registry": "a.invalid", "repository": "app", "tag": build}}
        for build in BUILDS
    ],
}
CONTAINERS = {
    **AGENTS,
    **WORKLOADS,
    "windows": {"builds": [{"name": build, "tag": f"own-{build}"} for build in BUILDS]},
}
HOST_PROCESS = {**AGENTS, "mode": "hostProcess"}


def add_windows(cluster: LocalCluster, count: int, build: str, *, prefix: str) -> None:
    labels = {"kubernetes.io/os": "windows", "node.kubernetes.io/windows-build": build}
    cluster.add_fake_nodes(count, labels, prefix=prefix, taints=[WINDOWS_TAINT])


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Twenty Linux nodes, ten Windows nodes of each build, and one of an unsupported build."""
    with LocalCluster(own_name("windows")) as made:
        made.add_fake_nodes(20, prefix="linux")
        for build, number in BUILDS.items():
            add_windows(made, 10, number, prefix=f"w{build}")
        add_windows(made, 1, "10.0.14393", prefix="w2016")
        yield made


@pytest.fixture(scope="module")
def core(cluster: LocalCluster) -> Iterator[client.CoreV1Api]:
    """The cluster's API."""
    settings = client.Configuration()
    config.load_kube_config(str(cluster.kubeconfig), client_configuration=settings)
    settings.proxy = None
    with client.ApiClient(settings) as api:
        yield client.CoreV1Api(api)


@pytest.fixture(scope="module")
def installed(cluster: LocalCluster, core: client.CoreV1Api, helm: Helm) -> LocalCluster:
    """The cluster with all nodes Ready, and an agent and a workload for each build."""
    until(lambda: all(is_ready(node) for node in core.list_node().items), "some node is not Ready")
    helm.install("a", CHART, namespace="logs", kubeconfig=cluster.kubeconfig, values=CONTAINERS, wait=False)
    for build in BUILDS:
        ready(cluster, "DaemonSet", f"a-fluent-bit-windows-{build}")
        ready(cluster, "Deployment", f"a-fluent-bit-windows-app-{build}")
    return cluster


def ready(cluster: LocalCluster, kind: str, name: str, namespace: str = "logs") -> dict[str, Any]:
    return wait_ready(cluster.kubeconfig, kind, name, namespace=namespace, timeout=120)


def agents_by_node(core: client.CoreV1Api, namespace: str = "logs", begin: str = "fluent-bit") -> dict[str, list[str]]:
    """Return the component of each agent pod, by node."""
    found = defaultdict(list)
    for pod in core.list_namespaced_pod(namespace).items:
        if component_of(pod).startswith(begin):
            found[pod.spec.node_name].append(component_of(pod))
    return dict(found)


def nodes_of(build: str, count: int = 10) -> list[str]:
    return [f"w{build}-{number:05d}" for number in range(count)]


def test_each_node_has_the_agent_of_its_build(installed: LocalCluster, core: client.CoreV1Api) -> None:
    """Every Windows node runs the agent of its build; Linux nodes and builds without an image run none."""
    expected = {node: [f"fluent-bit-{build}"] for build in BUILDS for node in nodes_of(build)}
    assert agents_by_node(core) == expected
    assert len(core.list_node().items) == 1 + 20 + 30 + 1


def test_workloads_stay_on_their_build(installed: LocalCluster, core: client.CoreV1Api) -> None:
    """A Windows container runs only on its own build."""
    for build in BUILDS:
        label = f"app.kubernetes.io/component=workload-app-{build}"
        pods = core.list_namespaced_pod("logs", label_selector=label).items
        assert len(pods) == 3
        assert {pod.spec.node_name[: len("w2019")] for pod in pods} == {f"w{build}"}


def test_new_node_gets_its_agent(installed: LocalCluster, core: client.CoreV1Api) -> None:
    """A new Windows node gets the agent of its build, and no other pod moves."""
    before = agents_by_node(core)
    add_windows(installed, 1, BUILDS["2025"], prefix="late")
    until(lambda: "late-00000" in agents_by_node(core), "the new node has no agent")
    ready(installed, "DaemonSet", "a-fluent-bit-windows-2025")
    assert agents_by_node(core) == {**before, "late-00000": ["fluent-bit-2025"]}


def test_change_rolls_out_a_tenth_at_a_time(installed: LocalCluster, core: client.CoreV1Api, helm: Helm) -> None:
    """A changed value replaces every agent, and at most a tenth of a DaemonSet's nodes are without one at a time."""
    changed = {**CONTAINERS, "logLevel": "debug"}
    agents = Agents(core, "logs")
    helm.upgrade("a", CHART, namespace="logs", kubeconfig=installed.kubeconfig, values=changed, wait=False)
    nodes = {}
    for build in BUILDS:
        status = ready(installed, "DaemonSet", f"a-fluent-bit-windows-{build}")["status"]
        nodes[f"fluent-bit-{build}"] = status["desiredNumberScheduled"]
    fewest = agents.fewest()
    assert set(nodes.values()) == {10, 11}
    missing = {component: wanted - fewest[component] for component, wanted in nodes.items()}
    # A pod was replaced, so one was missing at some time.
    assert all(1 <= missing[component] <= math.ceil(wanted / 10) for component, wanted in nodes.items()), missing


def test_host_process_runs_on_every_windows_node(installed: LocalCluster, core: client.CoreV1Api, helm: Helm) -> None:
    """One DaemonSet runs on all builds, including builds without an image, and on no Linux node."""
    kubeconfig = installed.kubeconfig
    helm.install("b", CHART, namespace="host", kubeconfig=kubeconfig, values=HOST_PROCESS, wait=False)
    ready(installed, "DaemonSet", "b-fluent-bit-windows", "host")
    windows = {node.metadata.name for node in core.list_node(label_selector="kubernetes.io/os=windows").items}
    assert agents_by_node(core, "host") == {node: ["fluent-bit"] for node in windows}
    agents = Agents(core, "host")
    changed = {**HOST_PROCESS, "logLevel": "debug"}
    helm.upgrade("b", CHART, namespace="host", kubeconfig=kubeconfig, values=changed, wait=False)
    ready(installed, "DaemonSet", "b-fluent-bit-windows", "host")
    assert 1 <= len(windows) - agents.fewest()["fluent-bit"] <= math.ceil(len(windows) / 10)
    helm.uninstall("b", namespace="host", kubeconfig=kubeconfig)
    until(lambda: agents_by_node(core, "host") == {}, "agents are left after the release")


@pytest.mark.environment("mixed", "windows", "insights")
def test_each_node_has_the_agent_of_its_system(installed: LocalCluster, core: client.CoreV1Api, helm: Helm) -> None:
    """Container Insights runs one agent on every node, for its operating system, with any taints."""
    values = {
        "metrics": {"enabled": False},
        "containerInsights": {
            "enabled": True,
            "tolerations": TOLERATIONS,
            "windows": {"enabled": True, "tolerations": TOLERATIONS},
        },
    }
    chart, kubeconfig, space = Path("charts/observability-stack"), installed.kubeconfig, "insights"
    helm.install("i", chart, namespace=space, kubeconfig=kubeconfig, values=values, wait=False)
    component = {"linux": "container-insights", "windows": "container-insights-windows"}
    expected = {
        node.metadata.name: [component[node.metadata.labels["kubernetes.io/os"]]] for node in core.list_node().items
    }
    assert set(map(tuple, expected.values())) == {(name,) for name in component.values()}
    until(lambda: agents_by_node(core, space, "container-insights") == expected, "a node lacks its agent")
    helm.uninstall("i", namespace=space, kubeconfig=kubeconfig)


METADATA = {
    "api": {"logs": {"metadata": {"from": "api"}}},
    "kubelet": {"mode": "hostProcess", "logs": {"metadata": {"from": "kubelet"}}},
}


@pytest.mark.parametrize("metadata", METADATA)
def test_role_is_enough_for_metadata(
    cluster: LocalCluster, core: client.CoreV1Api, helm: Helm, tmp_path: Path, metadata: str, fluent_bit: Path
) -> None:
    """A real Fluent Bit reads a pod's labels with the chart's role, and none without it."""
    space, labels = f"meta-{metadata}", {"app": "shop"}
    helm.install("m", CHART, namespace=space, kubeconfig=cluster.kubeconfig, values=METADATA[metadata], wait=False)
    made = helm.render(CHART, release="m", namespace=space, values=METADATA[metadata], kube_version="1.36.0")
    # The kubelet reports a pod once it is bound to the node, with or without its image.
    core.create_namespaced_pod(
        space,
        {
            "metadata": {"name": "web-1", "labels": labels},
            "spec": {"nodeName": cluster.name, "containers": [{"name": "app", "image": "a.invalid/app:1"}]},
        },
    )
    found = {}
    for account in ("m-fluent-bit-windows", "default"):
        folder = tmp_path / account
        until(lambda name=account: is_there(core, name, space), f"there is no service account {account}")
        config = on_this_machine(made, cluster, folder, token_of(core, account, space))
        found[account] = first_record(fluent_bit, config, folder, space)
    assert found["m-fluent-bit-windows"]["kubernetes"]["labels"] == labels
    assert "kubernetes" not in found["default"] and found["default"]["log"] == "a line"


def is_there(core: client.CoreV1Api, account: str, namespace: str) -> bool:
    return account in {one.metadata.name for one in core.list_namespaced_service_account(namespace).items}


def token_of(core: client.CoreV1Api, account: str, namespace: str) -> str:
    body = {"spec": {"audiences": [], "expirationSeconds": 3600}}
    token: str = core.create_namespaced_service_account_token(account, namespace, body).status.token
    return token


def on_this_machine(made: Manifests, cluster: LocalCluster, folder: Path, token: str) -> dict[str, Any]:
    """Return the agent's configuration with paths and addresses of this machine, and a file output."""
    folder.mkdir()
    api = load_yaml(cluster.kubeconfig.read_text(encoding="utf-8"))["clusters"][0]["cluster"]
    (folder / "token").write_text(token, encoding="utf-8")
    config = fluentbit.read(made.one("ConfigMap")["data"]["fluent-bit.yaml"])
    config["service"]["http_server"] = False
    [tail] = config["pipeline"]["inputs"]
    tail |= {"path": "C/var/log/containers/*.log", "db": "db", "read_from_head": True}
    [found] = [plugin for plugin in config["pipeline"]["filters"] if plugin["name"] == "kubernetes"]
    found |= {"kube_url": api["server"], "kube_token_file": "token", "kube_ca_file": "ca.crt"}
    if "certificate-authority-data" in api:
        (folder / "ca.crt").write_bytes(base64.b64decode(api["certificate-authority-data"]))
    else:
        (folder / "ca.crt").write_bytes(Path(api["certificate-authority"]).read_bytes())
    if "kubelet_host" in found:
        found["kubelet_host"] = urlsplit(api["server"]).hostname
    config["pipeline"]["outputs"] = [{"name": "stdout", "match": "*", "format": "json_lines"}]
    return config


def first_record(program: Path, config: dict[str, Any], folder: Path, namespace: str) -> dict[str, Any]:
    """Make the agent read a line of a pod; return its record."""
    log = folder / fluentbit.container_log(namespace, "web-1", folder="C/var/log/containers")
    log.parent.mkdir(parents=True)
    log.write_text("2026-11-21T10:00:00.000000001Z stdout F a line\n", encoding="utf-8")
    (folder / "fluent-bit.yaml").write_text(fluentbit.write(config), encoding="utf-8")
    command = [str(program), "-q", "-c", "fluent-bit.yaml"]
    with subprocess.Popen(
        command, cwd=folder, env={**os.environ, "HOST_NAME": "node-1"}, stdout=subprocess.PIPE, text=True
    ) as agent:
        assert agent.stdout is not None
        try:
            record: dict[str, Any] = json.loads(next(line for line in agent.stdout if line.startswith("{")))
            return record
        finally:
            agent.kill()


class Agents:
    """Watches the agents of a namespace.

    Args:
        core: the cluster's API.
        namespace: the namespace.
    """

    def __init__(self, core: client.CoreV1Api, namespace: str) -> None:
        self._core, self._namespace = core, namespace
        self._before = core.list_namespaced_pod(namespace)

    def fewest(self) -> dict[str, int]:
        """Return the minimum number of ready agents, by component, from a replay of all changes."""
        components = {pod.metadata.uid: component_of(pod) for pod in self._before.items}
        up = {pod.metadata.uid for pod in self._before.items if is_up(pod)}
        fewest = {component: len(components) for component in components.values()}
        since = self._before.metadata.resource_version
        told = watch.Watch().stream(
            self._core.list_namespaced_pod, self._namespace, resource_version=since, timeout_seconds=2
        )
        for event in told:
            pod = event["object"]
            components[pod.metadata.uid] = component_of(pod)
            (up.add if event["type"] != "DELETED" and is_up(pod) else up.discard)(pod.metadata.uid)
            for component, count in fewest.items():
                fewest[component] = min(count, sum(components[uid] == component for uid in up))
        return fewest


def component_of(pod: client.V1Pod) -> str:
    component: str = pod.metadata.labels["app.kubernetes.io/component"]
    return component


def is_ready(node: client.V1Node) -> bool:
    conditions = {one.type: one.status for one in node.status.conditions or []}
    # A taint keeps pods off a new node until it is Ready.
    return conditions.get("Ready") == "True" and not any("not-ready" in one.key for one in node.spec.taints or [])


def is_up(pod: client.V1Pod) -> bool:
    conditions = {one.type: one.status for one in pod.status.conditions or []}
    return conditions.get("Ready") == "True" and pod.metadata.deletion_timestamp is None
