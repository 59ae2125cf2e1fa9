"""Container Insights: the CloudWatch agent's configuration, pods and permissions, and the EKS add-on."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness.render.manifests import Manifests, load_yaml

Install = Callable[..., Manifests]
Notes = Callable[..., str]
SCHEMA = Path(__file__).parents[3] / "../shared/data/cloudwatch-agent-schema.json"
NAME = "x-observability-stack-container-insights"
PERFORMANCE = "arn:aws:logs:eu-west-1:ACCOUNT:log-group:/aws/containerinsights/shop/performance:*"
KINDS = {
    ("ClusterRole", f"{NAME}.prometheus"),
    ("ClusterRoleBinding", f"{NAME}.prometheus"),
    ("ConfigMap", NAME),
    ("ConfigMap", "cwagent-clusterleader"),
    ("DaemonSet", NAME),
    ("NetworkPolicy", NAME),
    ("Role", NAME),
    ("RoleBinding", NAME),
    ("ServiceAccount", "cloudwatch-agent"),
}


def insights(values: Mapping[str, Any] | None = None, **others: Any) -> dict[str, Any]:
    """Return values with Container Insights only."""
    return {
        "metrics": {"enabled": False},
        "cluster": {"name": "shop", "region": "eu-west-1"},
        "containerInsights": {"enabled": True, **(values or {})},
        **others,
    }


def config(made: Manifests, key: str = "cwagentconfig.json") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(made.one("ConfigMap", NAME)["data"][key])
    return found


def add_on(text: str) -> dict[str, Any]:
    """Return the value of --configuration-values in the notes."""
    [given] = re.findall(r"aws eks create-addon .* --configuration-values '(.*)'", text)
    made: dict[str, Any] = json.loads(given)
    return made


EVERYTHING = {
    "metrics": {"enhanced": False, "accelerated": True, "extract": False},
    "exporterCaSecret": {"name": "exporter-ca"},
    "interval": 300,
    "flushInterval": 10,
    "preferFullPodName": True,
    "tagService": False,
    "applicationSignals": {"enabled": True},
    "endpoint": "https://logs.example.com",
    "debug": True,
    "windows": {"enabled": True},
}


def test_objects(install: Install) -> None:
    """The objects are a DaemonSet, its service account, RBAC and lock, without operator or webhook; disabled, none."""
    assert set(install(insights()).names()) == KINDS
    assert set(install(insights({"applicationSignals": {"enabled": True}})).names()) == KINDS | {("Service", NAME)}
    windows = install(insights({"windows": {"enabled": True}}))
    assert set(windows.names()) == KINDS | {("DaemonSet", f"{NAME}-windows")}
    for off in ({**EVERYTHING, "enabled": False}, {**EVERYTHING, "installer": "addOn"}):
        assert set(install(insights(off)).names()) == set()


def test_configuration(install: Install) -> None:
    """The configuration sets every default explicitly, for example GPU metrics, which the agent enables itself."""
    assert config(install(insights())) == {
        "agent": {"region": "eu-west-1"},
        "logs": {
            "metrics_collected": {
                "kubernetes": {
                    "cluster_name": "shop",
                    "enhanced_container_insights": True,
                    "accelerated_compute_metrics": False,
                    "disable_metric_extraction": False,
                    "metrics_collection_interval": 60,
                    "prefer_full_pod_name": False,
                    "tag_service": True,
                }
            },
            "force_flush_interval": 5,
        },
    }


def test_each_value_sets_an_option(install: Install) -> None:
    """Every value sets the agent's own option; Windows nodes have no Application Signals."""
    made = install(insights(EVERYTHING))
    kubernetes = {
        "cluster_name": "shop",
        "enhanced_container_insights": False,
        "accelerated_compute_metrics": True,
        "disable_metric_extraction": True,
        "metrics_collection_interval": 300,
        "prefer_full_pod_name": True,
        "tag_service": False,
    }
    agent = {"region": "eu-west-1", "debug": True}
    logs = {"force_flush_interval": 10, "endpoint_override": "https://logs.example.com"}
    assert config(made) == {
        "agent": agent,
        "logs": {**logs, "metrics_collected": {"kubernetes": kubernetes, "application_signals": {"hosted_in": "shop"}}},
        "traces": {"traces_collected": {"application_signals": {}}},
    }
    assert config(made, "windows.json") == {
        "agent": agent,
        "logs": {**logs, "metrics_collected": {"kubernetes": kubernetes}},
    }


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_configuration_is_valid(install: Install, values: dict[str, Any]) -> None:
    """The configuration is valid by the agent's JSON schema."""
    if not SCHEMA.exists():
        pytest.skip("needs the CloudWatch agent's schema, ../shared/data/cloudwatch-agent-schema.json")
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    made = install(insights(values))
    for key in {"cwagentconfig.json", "windows.json"} & made.one("ConfigMap", NAME)["data"].keys():
        jsonschema.Draft4Validator(schema).validate(config(made, key))


@pytest.mark.slow
@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_agent_translates_the_configuration(install: Install, tmp_path: Path, values: dict[str, Any]) -> None:
    """The agent translates the configuration to one pipeline with the receiver and exporter of Container Insights."""
    translator = shutil.which("config-translator")
    if translator is None:
        pytest.skip("needs config-translator of the CloudWatch agent on PATH")
    given, made = tmp_path / "given", tmp_path / "made"
    given.mkdir()
    made.mkdir()
    (given / "cwagentconfig.json").write_text(json.dumps(config(install(insights(values)))), encoding="utf-8")
    # An empty environment: with a proxy, it would request the instance metadata through it.
    environment = {"RUN_IN_CONTAINER": "True", "AWS_EC2_METADATA_DISABLED": "true", "HOST_NAME": "node"}
    command = [translator, "--input-dir", given, "--output", made / "agent.toml", "--mode", "withIRSA", "--os", "linux"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "Configuration validation first phase succeeded" in done.stdout + done.stderr
    translated = load_yaml((made / "amazon-cloudwatch-agent.yaml").read_text(encoding="utf-8"))
    pipeline = translated["service"]["pipelines"]["metrics/containerinsights"]
    assert (pipeline["receivers"], pipeline["exporters"]) == (
        ["awscontainerinsightreceiver"],
        ["awsemf/containerinsights"],
    )
    told = {**insights(values)["containerInsights"].get("metrics", {})}
    exporter = translated["exporters"]["awsemf/containerinsights"]
    assert exporter["enhanced_container_insights"] is told.get("enhanced", True)
    assert exporter["disable_metric_extraction"] is not told.get("extract", True)
    receiver = translated["receivers"]["awscontainerinsightreceiver"]
    assert (receiver["cluster_name"], receiver["leader_lock_name"]) == ("shop", "cwagent-clusterleader")
    assert receiver["accelerated_compute_metrics"] is told.get("accelerated", False)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"enhanced_container_insights": True}, "additional properties 'enhanced_container_insights' not allowed"),
        ({"metrics": {"enhanced": "yes"}}, "got string, want boolean"),
        ({"interval": 1}, "minimum: got 1, want 10"),
        ({"endpoint": "logs.example.com"}, "does not match pattern"),
        ({"addOn": {"containerLogs": True}}, "logs:\n  enabled: true"),
    ],
)
def test_values_are_strict(rejection: Callable[..., str], values: dict[str, Any], says: str) -> None:
    """Values that the agent ignores, or does not start with, are rejected."""
    assert says in rejection(insights(values))


def test_conflicts_are_rejected(rejection: Callable[..., str], install: Install) -> None:
    """Logs are collected once, and permissions that allow commands in pods are not requested."""
    twice = insights({"installer": "addOn", "addOn": {"containerLogs": True}}, logs={"enabled": True})
    assert "every line would be collected, and billed, twice" in rejection(twice)
    windows = insights({"windows": {"enabled": True}}, identity={"type": "podIdentity"})
    assert "which EKS supports on Linux nodes only" in rejection(windows)
    with pytest.raises(Exception, match="requires nodes/proxy of the agent"):
        install(insights(), kubernetes="1.32.0")
    assert not install(insights({"installer": "addOn"}), kubernetes="1.32.0").names()


def test_permissions_are_minimal(install: Install) -> None:
    """The agent can list the objects of its metrics, and update one existing ConfigMap, but not create one."""
    made = install(insights({"windows": {"enabled": True}}))
    rights = {
        (what, verb)
        for rule in made.one("ClusterRole")["rules"]
        for what in rule.get("resources") or rule["nonResourceURLs"]
        for verb in rule["verbs"]
    }
    listed = {
        *("daemonsets", "deployments", "endpoints", "endpointslices", "ingresses", "jobs", "namespaces", "nodes"),
        *("persistentvolumeclaims", "persistentvolumes", "pods", "replicasets", "services", "statefulsets"),
    }
    read = {("nodes/pods", "get"), ("nodes/stats", "get"), ("/metrics", "get")}
    assert rights == {(kind, verb) for kind in listed for verb in ("list", "watch")} | read
    assert made.one("Role")["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["configmaps"],
            "resourceNames": ["cwagent-clusterleader"],
            "verbs": ["get", "update"],
        },
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
    ]
    assert "data" not in made.one("ConfigMap", "cwagent-clusterleader")
    fewer = install(insights({"metrics": {"enhanced": False}})).one("ClusterRole")["rules"]
    assert "/metrics" not in str(fewer)
    assert "nodes/stats" not in str(fewer)
    assert not {"ClusterRole", "Role"} & {kind for kind, _ in install(insights(rbac={"create": False})).names()}


def test_pod_cannot_change_the_node(install: Install) -> None:
    """The node's files are mounted read-only, writable paths are in an emptyDir, and the host network is optional."""
    made = install(insights())
    [box] = made.containers("container-insights")
    [pod] = made.pods()
    node = {"/rootfs", "/sys", "/dev/disk", "/run/containerd/containerd.sock", "/etc/cwagentconfig"}
    assert {mount["mountPath"] for mount in box["volumeMounts"] if mount.get("readOnly")} == node
    scratch = {mount["name"] for mount in box["volumeMounts"] if not mount.get("readOnly")}
    assert [volume["name"] for volume in pod.spec["volumes"] if "emptyDir" in volume] == [*scratch]
    assert not pod.spec.get("hostNetwork")
    env = {entry["name"]: entry.get("value") for entry in box["env"]}
    assert env.keys() == {"HOST_IP", "HOST_NAME", "K8S_NODE_NAME", "K8S_NAMESPACE", "RUN_WITH_IRSA"}
    by_node = install(insights({"hostNetwork": True}, identity={"type": "node"}))
    assert by_node.one("DaemonSet")["spec"]["template"]["spec"]["hostNetwork"] is True
    assert "RUN_WITH_IRSA" not in {entry["name"] for entry in by_node.containers("container-insights")[0]["env"]}


def test_agents_do_not_detect_their_host(install: Install) -> None:
    """Without instance metadata, as on hybrid nodes, both agents know the region and use the role of their pod.

    Otherwise they would take the node for an on-premises host and require a file of credentials. Source:
    `DetectAgentMode` in translator/util/sdkutil.go of aws/amazon-cloudwatch-agent, which compares with "True".
    """
    for identity in ("irsa", "podIdentity"):
        windows = identity == "irsa"
        made = install(insights({"windows": {"enabled": windows}}, identity={"type": identity}))
        boxes = made.containers("container-insights")
        assert len(boxes) == 1 + windows
        for box in boxes:
            assert {"name": "RUN_WITH_IRSA", "value": "True"} in box["env"]
        for key in ["cwagentconfig.json", *(["windows.json"] if windows else [])]:
            assert config(made, key)["agent"]["region"] == "eu-west-1"
            assert config(made, key)["logs"]["metrics_collected"]["kubernetes"]["cluster_name"] == "shop"


def test_exporters_are_verified(install: Install) -> None:
    """The CA certificate of the exporters is at the path that the agent has compiled in, if it scrapes them.

    Source: `caFile` in awscontainerinsightreceiver/internal/gpu/dcgmscraper.go and internal/neuron of
    amazon-contributing/opentelemetry-collector-contrib.
    """
    chosen = {"metrics": {"accelerated": True}, "exporterCaSecret": {"name": "ours", "key": "root.pem"}}
    made = install(insights({**chosen, "windows": {"enabled": True}}))
    pods = {item["metadata"]["name"]: item["spec"]["template"]["spec"] for item in made.select("DaemonSet")}
    [volume] = [volume for volume in pods[NAME]["volumes"] if "secret" in volume]
    assert volume["secret"] == {"secretName": "ours", "items": [{"key": "root.pem", "path": "tls-ca.crt"}]}
    mounts = {mount["name"]: mount for mount in pods[NAME]["containers"][0]["volumeMounts"]}
    place = "/etc/amazon-cloudwatch-observability-agent-cert"
    assert mounts[volume["name"]] == {"name": volume["name"], "mountPath": place, "readOnly": True}
    for spec in (pods[f"{NAME}-windows"], *(pod.spec for pod in install(insights()).pods())):
        assert not [volume for volume in spec["volumes"] if "secret" in volume]


def test_exporters_without_a_ca_are_rejected(rejection: Callable[..., str], notes: Notes) -> None:
    """Accelerated metrics require the CA certificate of the exporters, unless the add-on installs them."""
    chosen = {"metrics": {"accelerated": True}}
    message = rejection(insights(chosen))
    assert "`containerInsights.metrics.accelerated` is true, but the agent scrapes DCGM Exporter" in message
    assert "containerInsights:\n  exporterCaSecret:\n    name: exporter-ca" in message
    assert "containerInsights:\n  installer: addOn" in message
    assert add_on(notes(insights({**chosen, "installer": "addOn"})))["dcgmExporter"] == {"enabled": True}


def test_probes_use_the_health_extension(install: Install) -> None:
    """Both probes use the port of the health extension."""
    made = install(insights({"healthPort": 14000}))
    assert "endpoint: 0.0.0.0:14000" in made.one("ConfigMap", NAME)["data"]["health.yaml"]
    [box] = made.containers("container-insights")
    assert {port["name"]: port["containerPort"] for port in box["ports"]} == {"health": 14000}
    assert {box[probe]["httpGet"]["port"] for probe in ("livenessProbe", "readinessProbe")} == {"health"}


def test_network_policy(install: Install) -> None:
    """No pod has access to the agent, unless Application Signals are enabled: then to their ports, on its own node.

    The X-Ray proxy signs requests with the agent's role, so it admits only the namespace and configured peers.
    """
    assert install(insights()).one("NetworkPolicy")["spec"]["ingress"] == []
    peer = {"namespaceSelector": {"matchLabels": {"traced": "true"}}}
    for chosen in ([], [peer]):
        values = {"applicationSignals": {"enabled": True}, "networkPolicy": {"proxyFrom": chosen}}
        everybody, proxy = install(insights(values)).one("NetworkPolicy")["spec"]["ingress"]
        assert everybody == {"ports": [{"port": "otlp-grpc"}, {"port": "otlp-http"}]}
        assert proxy == {
            "from": [{"podSelector": {}}, *chosen],
            "ports": [{"port": "xray-proxy", "protocol": "TCP"}],
        }
    made = install(insights({"applicationSignals": {"enabled": True}}))
    service = made.one("Service")["spec"]
    assert service["internalTrafficPolicy"] == "Local"
    assert {port["name"]: port["port"] for port in service["ports"]} == {
        "otlp-grpc": 4315,
        "otlp-http": 4316,
        "xray-proxy": 2000,
    }
    by_node = insights({"applicationSignals": {"enabled": True}, "hostNetwork": True})
    assert not install(by_node).select("NetworkPolicy"), "none is heeded in the network of the node"


def test_windows_nodes(install: Install) -> None:
    """The agent of a Windows node is a host process, with the configuration at its default path."""
    made = install(insights({"windows": {"enabled": True, "nodeSelector": {"a": "b"}}, "priorityClassName": ""}))
    spec = made.one("DaemonSet", f"{NAME}-windows")["spec"]["template"]["spec"]
    assert spec["os"] == {"name": "windows"}
    assert spec["nodeSelector"] == {"kubernetes.io/os": "windows", "a": "b"}
    assert spec["securityContext"] == {"windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\SYSTEM"}}
    [box] = spec["containers"]
    assert {entry["name"]: entry.get("value") for entry in box["env"]}.items() >= {
        ("RUN_IN_CONTAINER", "True"),
        ("RUN_AS_HOST_PROCESS_CONTAINER", "True"),
    }
    [mount] = box["volumeMounts"]
    assert mount["mountPath"] == r"C:\Program Files\Amazon\AmazonCloudWatchAgent\cwagentconfig"
    assert spec["volumes"][0]["configMap"]["items"] == [{"key": "windows.json", "path": "cwagentconfig.json"}]


def test_notes_show_commands(notes: Notes) -> None:
    """The notes show where metrics arrive, their retention, the conflicting add-on, and resources that stay in AWS."""
    text = notes(insights())
    group = "/aws/containerinsights/shop/performance"
    for command in (
        f"aws logs tail --region eu-west-1 {group}",
        "--namespace ContainerInsights --dimensions Name=ClusterName,Value=shop",
        f"aws logs put-retention-policy --region eu-west-1 --log-group-name {group}",
        f"aws logs delete-log-group --region eu-west-1 --log-group-name {group}",
        "aws eks describe-addon --region eu-west-1 --cluster-name shop --addon-name amazon-cloudwatch-observability",
    ):
        assert command in text
    assert "create-addon" not in text
    assert "containerInsights.hostNetwork: true" in text
    assert "containerInsights.hostNetwork" not in notes(insights({"hostNetwork": True}))
    assert "performance" not in notes({"containerInsights": {"enabled": False}})


def test_policy_is_minimal(notes: Notes) -> None:
    """The policy permits writing to its log group, reading EC2 volumes and tags, and Application Signals if enabled."""
    documents = re.findall(r"^  \{\n.*?^  \}$", notes(insights()), re.MULTILINE | re.DOTALL)
    policy, trust = (json.loads(document)["Statement"] for document in documents)
    write = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    assert policy == [
        {"Effect": "Allow", "Action": write, "Resource": [PERFORMANCE]},
        {"Effect": "Allow", "Action": ["ec2:DescribeTags", "ec2:DescribeVolumes"], "Resource": "*"},
    ]
    assert "system:serviceaccount:prometheus:cloudwatch-agent" in json.dumps(trust)
    signals = notes(insights({"applicationSignals": {"enabled": True}}))
    assert "log-group:/aws/application-signals/data:*" in signals
    assert "xray:PutTraceSegments" in signals
    assert f"http://{NAME}.prometheus:4316/v1/metrics" in signals


def test_add_on_gets_the_same_configuration(notes: Notes, install: Install) -> None:
    """The add-on's agent has the same configuration, and the add-on's other components are off by default."""
    text = notes(insights({"installer": "addOn"}, identity={"type": "podIdentity"}))
    made = install(insights())
    [box] = made.containers("container-insights")
    assert add_on(text) == {
        "agent": {"config": config(made), "resources": box["resources"]},
        **{
            part: {"enabled": False}
            for part in ("applicationSignals", "containerLogs", "dcgmExporter", "neuronMonitor")
        },
    }
    assert "--pod-identity-associations serviceAccount=cloudwatch-agent,roleArn=ROLE_ARN" in text
    assert '"aws:RequestTag/kubernetes-namespace": "amazon-cloudwatch"' in text
    assert "aws eks delete-addon --region eu-west-1 --cluster-name shop" in text
    wanted = {**EVERYTHING, "installer": "addOn", "addOn": {"containerLogs": True}}
    role = "arn:aws:iam::111122223333:role/insights"
    more = notes(insights(wanted, serviceAccounts={"containerInsights": {"roleArn": role}}))
    assert f"--service-account-role-arn {role} --configuration-values" in more
    told = add_on(more)
    assert told["agent"]["config"] == config(install(insights(EVERYTHING)))
    assert all(told[part] == {"enabled": True} for part in told if part != "agent")
    assert "log-group:/aws/containerinsights/shop/application:*" in more
