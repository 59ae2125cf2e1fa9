"""Objects of a server and an agent, of replicas and shards, and of each component."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.render.manifests import Manifests

Install = Callable[..., Manifests]
NAME = "x-observability-stack"
REMOTE = {"url": "https://mimir.example.com/api/v1/push"}
ROLE = "arn:aws:iam::111122223333:role/amp"
AGENT = {"server": {"remoteWrite": [REMOTE]}}

SERVER = {
    ("ClusterRole", f"{NAME}-server.prometheus"),
    ("ClusterRoleBinding", f"{NAME}-server.prometheus"),
    ("Secret", f"{NAME}-server"),
    ("ConfigMap", f"{NAME}-rules"),
    ("NetworkPolicy", f"{NAME}-server"),
    ("Service", f"{NAME}-server"),
    ("ServiceAccount", "amp-iamproxy-ingest-service-account"),
    ("StatefulSet", f"{NAME}-server"),
}
CLAIM = {("PersistentVolumeClaim", f"{NAME}-server")}
COMPONENTS = {
    "kubeStateMetrics": {
        ("ClusterRole", f"{NAME}-kube-state-metrics.prometheus"),
        ("ClusterRoleBinding", f"{NAME}-kube-state-metrics.prometheus"),
        ("Deployment", f"{NAME}-kube-state-metrics"),
        ("NetworkPolicy", f"{NAME}-kube-state-metrics"),
        ("ServiceAccount", f"{NAME}-kube-state-metrics"),
    },
    "nodeExporter": {("DaemonSet", f"{NAME}-node-exporter"), ("ServiceAccount", f"{NAME}-node-exporter")},
    "windowsExporter": {("DaemonSet", f"{NAME}-windows-exporter"), ("ServiceAccount", f"{NAME}-windows-exporter")},
    "alertmanager": {
        ("Secret", f"{NAME}-alertmanager"),
        ("NetworkPolicy", f"{NAME}-alertmanager"),
        ("Service", f"{NAME}-alertmanager"),
        ("ServiceAccount", f"{NAME}-alertmanager"),
        ("StatefulSet", f"{NAME}-alertmanager"),
    },
    "pushgateway": {
        ("Deployment", f"{NAME}-pushgateway"),
        ("NetworkPolicy", f"{NAME}-pushgateway"),
        ("Service", f"{NAME}-pushgateway"),
        ("ServiceAccount", f"{NAME}-pushgateway"),
    },
    "blackboxExporter": {
        ("Deployment", f"{NAME}-blackbox-exporter"),
        ("NetworkPolicy", f"{NAME}-blackbox-exporter"),
        ("Secret", f"{NAME}-blackbox-exporter"),
        ("Service", f"{NAME}-blackbox-exporter"),
        ("ServiceAccount", f"{NAME}-blackbox-exporter"),
    },
}
EXPORTERS = COMPONENTS["kubeStateMetrics"] | COMPONENTS["nodeExporter"]


def names(made: Manifests) -> set[tuple[str, str]]:
    """Return the objects except dashboards, which have tests of their own."""
    return {key for key in made.names() if not key[1].startswith(f"{NAME}-dashboard")}


def test_server_has_a_claim_and_an_agent_none(install: Install, article: Path) -> None:
    """Without remote write, Prometheus is a server with a claim; the article's values install an agent."""
    assert names(install()) == SERVER | CLAIM | EXPORTERS
    assert names(install(files=[article])) == SERVER | EXPORTERS


@pytest.mark.parametrize("component", COMPONENTS)
def test_components_have_switches(install: Install, component: str) -> None:
    """The switch of a component adds or removes its objects, and changes no other object."""
    on = names(install({component: {"enabled": True}}))
    off = names(install({component: {"enabled": False}}))
    assert on - off == COMPONENTS[component]
    assert off < on


def test_without_prometheus_exporters_remain(install: Install) -> None:
    """Prometheus can be disabled, for a cluster that already has one."""
    assert names(install({"server": {"enabled": False}})) == EXPORTERS


@pytest.mark.parametrize(
    ("server", "claims"),
    [
        ({}, 1),
        ({"persistence": {"type": "emptyDir"}}, 0),
        ({"remoteWrite": [REMOTE]}, 0),
        ({"remoteWrite": [REMOTE], "persistence": {"type": "persistentVolumeClaim"}}, 1),
        ({"remoteWrite": [REMOTE], "mode": "server"}, 1),
        ({"remoteWrite": [REMOTE], "mode": "server", "replicas": 2}, 2),
    ],
    ids=["server", "server-scratch", "agent", "agent-claim", "server-remote", "pair"],
)
def test_claims(install: Install, server: dict[str, Any], claims: int) -> None:
    """Each pod has its own claim or an emptyDir; Helm keeps claims that the chart no longer renders."""
    made = install({"server": server})
    found = made.select("PersistentVolumeClaim")
    assert len(found) == claims
    assert all(item["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep" for item in found)
    used = [
        volume["persistentVolumeClaim"]["claimName"] if claims else volume["emptyDir"]
        for item in made.select("StatefulSet")
        for volume in item["spec"]["template"]["spec"]["volumes"]
        if volume["name"] == "data"
    ]
    assert used == ([item["metadata"]["name"] for item in found] or [{"sizeLimit": "8Gi"}])


def test_mode_change_needs_no_deletion(install: Install) -> None:
    """Immutable fields of StatefulSets are the same for agent, server, replicas and shards."""
    fixed = set()
    for server in (
        {},
        {"remoteWrite": [REMOTE]},
        {"persistence": {"type": "emptyDir"}},
        {"replicas": 2},
        {"shards": 3},
    ):
        spec = install({"server": server}).one("StatefulSet", f"{NAME}-server")["spec"]
        assert "volumeClaimTemplates" not in spec
        fixed.add((str(spec["selector"]), spec["serviceName"], spec.get("podManagementPolicy")))
    assert len(fixed) == 1


def test_arguments_of_both_modes(install: Install) -> None:
    """An agent has no flags of a server's storage, which it rejects, and a server has no flags of an agent's."""
    made = {name: install(values).containers("prometheus")[0]["args"] for name, values in (("s", {}), ("a", AGENT))}
    assert {arg.partition("=")[0] for arg in made["s"]} ^ {arg.partition("=")[0] for arg in made["a"]} == {
        "--agent",
        "--storage.agent.path",
        "--storage.agent.retention.max-time",
        "--storage.tsdb.path",
        "--storage.tsdb.retention.time",
        "--storage.tsdb.retention.size",
    }


@pytest.mark.parametrize(
    ("server", "pods"),
    [
        ({"replicas": 2}, ["server", "server-0-1"]),
        ({"shards": 3}, ["server", "server-1-0", "server-2-0"]),
        ({"replicas": 2, "shards": 2}, ["server", "server-0-1", "server-1-0", "server-1-1"]),
    ],
    ids=["pair", "parts", "pairs-of-parts"],
)
def test_each_pod_is_its_own_stateful_set(install: Install, server: dict[str, Any], pods: list[str]) -> None:
    """Each pod has its own selector, Service and configuration; all share one budget and one NetworkPolicy."""
    made = install({"server": server})
    expected = [f"{NAME}-{pod}" for pod in pods]
    for kind in ("StatefulSet", "Service", "PersistentVolumeClaim"):
        assert [item["metadata"]["name"] for item in made.select(kind)] == expected
    files = [box["args"][0].rpartition("/")[2] for box in made.containers("prometheus")]
    assert len(set(files)) == len(pods)
    assert set(files) == made.texts(f"{NAME}-server").keys()
    for item in (made.one("PodDisruptionBudget")["spec"]["selector"], _policy(made)["podSelector"]):
        [expression] = item["matchExpressions"]
        assert (expression["operator"], expression["values"]) == ("In", pods)


def _policy(made: Manifests) -> dict[str, Any]:
    spec: dict[str, Any] = made.one("NetworkPolicy", f"{NAME}-server")["spec"]
    return spec


def test_single_pod_has_no_budget(install: Install) -> None:
    """A single pod has no PodDisruptionBudget, which would block node drains forever."""
    assert not install().select("PodDisruptionBudget")


def test_role_of_prometheus_is_minimal(install: Install) -> None:
    """Prometheus can discover targets and read metrics: no ConfigMaps, Secrets or nodes/proxy, and no write access."""
    rules = install().one("ClusterRole", f"{NAME}-server.prometheus")["rules"]
    assert {
        (what, verb)
        for rule in rules
        for what in rule.get("resources") or rule["nonResourceURLs"]
        for verb in rule["verbs"]
    } == {
        *(
            (kind, verb)
            for kind in ("nodes", "pods", "services", "endpointslices")
            for verb in ("get", "list", "watch")
        ),
        ("nodes/metrics", "get"),
        ("/metrics", "get"),
        ("/metrics/slis", "get"),
    }
    assert not install({"rbac": {"create": False}}).select("ClusterRole")


def test_role_of_kube_state_metrics_follows_its_kinds(install: Install) -> None:
    """kube-state-metrics can list the kinds in `resourceKinds`, in their API groups, and nothing else."""
    kinds = ["pods", "deployments", "ingresses"]
    made = install({"kubeStateMetrics": {"resourceKinds": kinds}})
    rules = made.one("ClusterRole", f"{NAME}-kube-state-metrics.prometheus")["rules"]
    assert {(*rule["apiGroups"], *rule["resources"]) for rule in rules} == {
        ("", "pods"),
        ("apps", "deployments"),
        ("networking.k8s.io", "ingresses"),
    }
    assert all(rule["verbs"] == ["list", "watch"] for rule in rules)
    [box] = made.containers("kube-state-metrics")
    assert "--resources=deployments,ingresses,pods" in box["args"]


def test_policies_admit_only_required_traffic(install: Install) -> None:
    """Prometheus has access to all components, configured peers to theirs; Pushgateway admits all pods by default."""
    every = {name: {"enabled": True} for name in COMPONENTS}
    peer = {"podSelector": {"matchLabels": {"app": "grafana"}}}
    for chosen in ([], [peer]):
        blocks = ("server", "alertmanager", "blackboxExporter", "pushgateway")
        parts = {name: {"networkPolicy": {"from": chosen}} for name in blocks}
        made = install({name: {**every.get(name, {}), **parts.get(name, {})} for name in {*every, *parts}})
        peers = {}
        for item in made.select("NetworkPolicy"):
            [rule] = item["spec"]["ingress"]
            prometheus, *others = rule["from"]
            assert prometheus == {"podSelector": _policy(made)["podSelector"]}
            name = item["metadata"]["name"].removeprefix(f"{NAME}-")
            ports = ["http", "telemetry"] if name == "kube-state-metrics" else ["http"]
            assert rule["ports"] == [{"port": port} for port in ports]
            peers[name] = others
        assert peers == {
            "server": chosen,
            "alertmanager": chosen,
            "blackbox-exporter": chosen,
            "kube-state-metrics": [],
            "pushgateway": chosen or [{"namespaceSelector": {}}],
        }
    assert not install({"networkPolicy": {"enabled": False}}).select("NetworkPolicy")


def test_policy_of_node_exporter(install: Install) -> None:
    """In the pod network, only Prometheus has access to node-exporter; in the host network there is no policy."""
    name = f"{NAME}-node-exporter"
    made = install({"nodeExporter": {"hostNetwork": False}})
    [rule] = made.one("NetworkPolicy", name)["spec"]["ingress"]
    assert rule == {"from": [{"podSelector": _policy(made)["podSelector"]}], "ports": [{"port": "http"}]}
    assert ("NetworkPolicy", name) not in install().names()


@pytest.mark.parametrize(
    ("values", "annotations"),
    [
        ({"serviceAccounts": {"server": {"roleArn": ROLE}}}, ROLE),
        ({"serviceAccounts": {"server": {"annotations": {"eks.amazonaws.com/role-arn": ROLE}}}}, ROLE),
        ({"identity": {"type": "podIdentity"}}, None),
        ({"identity": {"type": "node"}}, None),
    ],
    ids=["irsa", "annotation", "pod-identity", "node"],
)
def test_identity_types(install: Install, values: dict[str, Any], annotations: str | None) -> None:
    """For IRSA, the service account has the role's ARN; other sources of credentials add no annotation."""
    account = install(values).one("ServiceAccount", "amp-iamproxy-ingest-service-account")
    assert account["metadata"].get("annotations", {}).get("eks.amazonaws.com/role-arn") == annotations


def test_service_accounts_are_configurable(install: Install) -> None:
    """Each service account can have a name and annotations, or be an existing one."""
    keys = ["server", "kubeStateMetrics", "nodeExporter", "windowsExporter", "alertmanager", "pushgateway"]
    keys.append("blackboxExporter")
    on = {name: {"enabled": True} for name in COMPONENTS}
    named = {key: {"create": False, "name": f"own-{key.lower()}"} for key in keys}
    made = install({**on, "serviceAccounts": named})
    assert not made.select("ServiceAccount")
    assert {pod.spec["serviceAccountName"] for pod in made.pods()} == {f"own-{key.lower()}" for key in keys}
    annotated = install({**on, "serviceAccounts": {key: {"annotations": {"a": key}} for key in keys}})
    assert {item["metadata"]["annotations"]["a"] for item in annotated.select("ServiceAccount")} == set(keys)


def test_node_exporter_cannot_change_the_node(install: Install) -> None:
    """node-exporter runs unprivileged on every Linux node, in the host network, with the node's files read-only."""
    [box] = install().containers("node-exporter")
    spec = install().one("DaemonSet")["spec"]["template"]["spec"]
    assert {mount["mountPath"] for mount in box["volumeMounts"]} == {"/host/proc", "/host/sys", "/host/root"}
    assert all(mount["readOnly"] for mount in box["volumeMounts"])
    assert spec["hostNetwork"] is True
    assert not spec.get("hostPID")
    assert "--web.listen-address=[$(HOST_IP)]:9100" in box["args"]
    alone = install({"nodeExporter": {"hostNetwork": False}})
    [box] = alone.containers("node-exporter")
    assert "--web.listen-address=:9100" in box["args"]
    assert "hostPort" not in box["ports"][0]


def test_windows_exporter_is_a_host_process(install: Install) -> None:
    """windows_exporter is a host process on Windows nodes; by default, it opens its port in their firewall."""
    on = {"enabled": True, "port": 9999, "nodeSelector": {"a": "b"}}
    made = install({"windowsExporter": on}).one("DaemonSet", f"{NAME}-windows-exporter")
    spec = made["spec"]["template"]["spec"]
    assert (spec["os"], spec["hostNetwork"]) == ({"name": "windows"}, True)
    assert spec["nodeSelector"] == {"kubernetes.io/os": "windows", "a": "b"}
    assert spec["securityContext"] == {"windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\SYSTEM"}}
    assert "volumes" not in spec and "dnsPolicy" not in spec
    [box], [firewall] = spec["containers"], spec["initContainers"]
    assert box["ports"] == [{"name": "http", "containerPort": 9999, "hostPort": 9999}]
    assert "--web.listen-address=:9999" in box["args"]
    assert (firewall["image"], firewall["resources"]) == (box["image"], box["resources"])
    assert "-Protocol TCP -LocalPort 9999 " in firewall["args"][-1]
    alone = install({"windowsExporter": {**on, "firewall": {"create": False}}})
    assert "initContainers" not in alone.one("DaemonSet", f"{NAME}-windows-exporter")["spec"]["template"]["spec"]


def test_alertmanager_uses_an_existing_secret(install: Install) -> None:
    """With `existingSecret`, Alertmanager reads its configuration from that Secret, and the chart creates none."""
    values = {
        "alertmanager": {"enabled": True, "existingSecret": "own", "persistence": {"type": "persistentVolumeClaim"}}
    }
    made = install(values)
    volumes = made.one("StatefulSet", f"{NAME}-alertmanager")["spec"]["template"]["spec"]["volumes"]
    assert volumes[0] == {"name": "config", "secret": {"secretName": "own"}}
    assert ("Secret", f"{NAME}-alertmanager") not in made.names()
    assert ("PersistentVolumeClaim", f"{NAME}-alertmanager") in made.names()
