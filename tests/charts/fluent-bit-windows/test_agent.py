"""The DaemonSets: which there are, on which nodes their pods land, what they see of a node."""

from collections.abc import Callable
from typing import Any

import pytest

from harness import fluentbit
from harness.render.manifests import Manifests

Install = Callable[..., Manifests]
ALL_BUILDS = {"windows": {"builds": [{"name": "2019", "tag": "own-2019"}, {"name": "2022"}, {"name": "2025"}]}}
LABELS = {"2019": "10.0.17763", "2022": "10.0.20348", "2025": "10.0.26100"}
HOST_PROCESS = {"mode": "hostProcess"}
BUILD = "node.kubernetes.io/windows-build"


def pods(made: Manifests) -> dict[str, dict[str, Any]]:
    return {item["metadata"]["name"]: item["spec"]["template"]["spec"] for item in made.select("DaemonSet")}


def test_containers_run_on_their_own_build(install: Install) -> None:
    """A Windows container starts on its image's build only: there is one DaemonSet for each, with that image."""
    made = pods(install(ALL_BUILDS))
    assert {name: spec["nodeSelector"] for name, spec in made.items()} == {
        f"x-fluent-bit-windows-{build}": {"kubernetes.io/os": "windows", BUILD: label}
        for build, label in LABELS.items()
    }
    assert [spec["containers"][0]["image"].rpartition(":")[2] for spec in made.values()] == [
        "own-2019",
        "windows-2022-5.1.1",
        "windows-2025-5.1.1",
    ]


def test_host_process_runs_on_every_build(install: Install) -> None:
    """A host process runs any build's image on any build: one DaemonSet for all Windows nodes."""
    [(name, spec)] = pods(install({**HOST_PROCESS, **ALL_BUILDS})).items()
    assert name == "x-fluent-bit-windows"
    assert spec["nodeSelector"] == {"kubernetes.io/os": "windows"}
    assert spec["hostNetwork"] is True
    assert spec["securityContext"]["windowsOptions"] == {
        "hostProcess": True,
        "runAsUserName": "NT AUTHORITY\\SYSTEM",
    }
    assert all(spec["securityContext"].keys() == {"windowsOptions"} for spec in pods(install()).values())


@pytest.mark.parametrize("values", [ALL_BUILDS, HOST_PROCESS, {"nodeSelector": {"kubernetes.io/os": "linux"}}])
def test_no_pod_lands_on_linux(install: Install, values: dict[str, Any]) -> None:
    """Whatever a user selects, the operating system is Windows, and said twice."""
    for spec in pods(install(values)).values():
        assert spec["nodeSelector"]["kubernetes.io/os"] == spec["os"]["name"] == "windows"


def test_selectors_are_distinct_and_stay(install: Install) -> None:
    """No DaemonSet takes another one's pods for its own, whatever labels a user adds."""
    seen = []
    for values in (ALL_BUILDS, {**ALL_BUILDS, "commonLabels": {"app.kubernetes.io/component": "other"}}):
        made = install({**values, "podLabels": {"app.kubernetes.io/instance": "y"}}).select("DaemonSet")
        seen.append([item["spec"]["selector"]["matchLabels"] for item in made])
        for item in made:
            labels = item["spec"]["template"]["metadata"]["labels"]
            assert item["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert seen[0] == seen[1]
    assert len({str(selector) for selector in seen[0]}) == len(LABELS)


def test_links_and_their_targets_are_mounted_where_they_are(pod_spec: Callable[..., dict[str, Any]]) -> None:
    """Container logs are links: each folder on their way is in the container where it is on the node, read-only."""
    runtimes = {"windows": {"builds": [{"name": "2022"}], "runtimes": ["containerd", "docker"]}}
    spec = pod_spec(runtimes)
    paths = {volume["name"]: volume["hostPath"]["path"] for volume in spec["volumes"] if "hostPath" in volume}
    mounts = {mount["name"]: mount for mount in spec["containers"][0]["volumeMounts"]}
    logs = {name for name in paths if name != "state"}
    assert {paths[name] for name in logs} == {
        "C:\\var\\log\\containers",
        "C:\\var\\log\\pods",
        "C:\\ProgramData\\docker\\containers",
    }
    assert all(mounts[name]["mountPath"] == paths[name] and mounts[name]["readOnly"] for name in logs)


def test_state_outlives_the_pod(pod_spec: Callable[..., dict[str, Any]]) -> None:
    """Positions and buffers are in a folder of the node, made when it is not there, in both modes."""
    for values in ({}, HOST_PROCESS):
        spec = pod_spec({**values, "state": {"hostPath": "D:\\agent"}})
        [volume] = [volume for volume in spec["volumes"] if volume["name"] == "state"]
        assert volume["hostPath"] == {"path": "D:\\agent", "type": "DirectoryOrCreate"}
        [mount] = [mount for mount in spec["containers"][0]["volumeMounts"] if mount["name"] == "state"]
        assert not mount["readOnly"]


def test_host_process_finds_its_files_below_the_sandbox(agent: Callable[..., dict[str, Any]]) -> None:
    """A host process finds image and volumes below a folder that the runtime names; entry points are not relied on."""
    assert agent()["command"] == ["C:\\fluent-bit\\bin\\fluent-bit.exe"]
    assert agent()["args"] == ["--config", "C:\\fluent-bit-config\\fluent-bit.yaml"]
    sandbox = "%CONTAINER_SANDBOX_MOUNT_POINT%"
    assert agent(HOST_PROCESS)["command"] == [f"{sandbox}\\fluent-bit\\bin\\fluent-bit.exe"]
    assert agent(HOST_PROCESS)["args"][1] == f"{sandbox}\\fluent-bit-config\\fluent-bit.yaml"


def test_roll_out_and_priority(install: Install) -> None:
    """A tenth of the nodes is updated at a time, pods are not the first to go, and one taint is tolerated."""
    for item in install().select("DaemonSet"):
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}}
        assert item["spec"]["updateStrategy"] == strategy
        spec = item["spec"]["template"]["spec"]
        assert spec["priorityClassName"] == "system-node-critical"
        assert spec["tolerations"] == [{"key": "os", "operator": "Equal", "value": "windows", "effect": "NoSchedule"}]


def test_changed_configuration_makes_new_pods(install: Install) -> None:
    """The pods' checksum changes with the configuration, and with nothing else."""

    def checksum(values: dict[str, Any]) -> str:
        first, *_ = install(values).select("DaemonSet")
        found: str = first["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
        return found

    assert checksum({"logLevel": "debug"}) != checksum({}) == checksum({"podLabels": {"a": "b"}})


def test_probes_ask_what_a_restart_can_mend(agent: Callable[..., dict[str, Any]]) -> None:
    """Whether the agent answers decides about its life; whether its backend does, about its readiness only."""
    paths = {name: probe["httpGet"]["path"] for name, probe in agent().items() if name.endswith("Probe")}
    assert paths == {"startupProbe": "/", "livenessProbe": "/", "readinessProbe": "/api/v1/health"}
    assert agent()["ports"] == [{"name": "http", "containerPort": 2020}]
    assert agent(HOST_PROCESS)["ports"] == [{"name": "http", "containerPort": 2020, "hostPort": 2020}]


@pytest.mark.parametrize(
    ("metadata", "values", "rules"),
    [
        ("tag", {}, []),
        ("api", {}, [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]),
        ("kubelet", HOST_PROCESS, [{"apiGroups": [""], "resources": ["nodes/pods"], "verbs": ["get"]}]),
    ],
)
def test_metadata_needs_the_least_role(
    install: Install, metadata: str, values: dict[str, Any], rules: list[dict[str, Any]]
) -> None:
    """Each way to get metadata has exactly the role and token that it needs; file names need neither."""
    made = install({**values, "logs": {"metadata": {"from": metadata}}})
    assert [rule for item in made.select("ClusterRole") for rule in item["rules"]] == rules
    assert {pod.spec["automountServiceAccountToken"] for pod in made.pods()} == {bool(rules)}
    [account] = made.select("ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    for binding in made.select("ClusterRoleBinding"):
        [subject] = binding["subjects"]
        assert (subject["name"], subject["namespace"]) == (account["metadata"]["name"], "amazon-cloudwatch")


def test_roles_of_two_releases_have_two_names(install: Install) -> None:
    """Roles of the whole cluster are named after the namespace too."""
    values = {"logs": {"metadata": {"from": "api"}}}
    names = {install(values, namespace=space).one("ClusterRole")["metadata"]["name"] for space in ("a", "b")}
    assert len(names) == 2


def test_role_of_the_service_account(install: Install) -> None:
    """The role's ARN is on the service account for IRSA, by either value, and nowhere for the node's role."""
    arn = "arn:aws:iam::111122223333:role/logs"
    annotation = {"eks.amazonaws.com/role-arn": arn}
    for given in ({"roleArn": arn}, {"annotations": annotation}, {"roleArn": arn, "annotations": annotation}):
        account = install({"serviceAccount": given}).one("ServiceAccount")
        assert account["metadata"]["annotations"] == annotation
    assert "annotations" not in install({"identity": {"type": "node"}}).one("ServiceAccount")["metadata"]


def test_profile_chooses_the_image(install: Install) -> None:
    """The legacy profile is AWS's image, tagged by build, and its configuration's format is the classic one."""
    values = {"profile": "aws-legacy", "windows": {"builds": [{"name": "2019"}]}}
    [box] = install(values).containers("fluent-bit")
    assert box["image"] == "public.ecr.aws/aws-observability/aws-for-fluent-bit:2.32.3-ltsc2019"
    assert box["args"][1].endswith("fluent-bit.conf")
    assert install(values).one("ConfigMap")["data"].keys() == {"fluent-bit.conf"}


INFO = {"cluster": {"configMap": {"name": "fluent-bit-cluster-info"}}}
SPELT = {
    "keys": {"http.server": "On", "http.port": "2021", "read.head": "On", "read.tail": "Off"},
    "variables": {
        "FluentBitHttpServer": "On",
        "FluentBitHttpPort": "2021",
        "FluentBitReadFromHead": "On",
        "FluentBitReadFromTail": "Off",
    },
    "both": {"http.server": "On", "FluentBitHttpPort": "2021", "FluentBitReadFromHead": "On"},
}


def environment(box: dict[str, Any], data: dict[str, str]) -> dict[str, str]:
    """Return what the kubelet takes from a ConfigMap; it starts no container that asks for a key in vain."""
    references = {entry["name"]: entry["valueFrom"].get("configMapKeyRef") for entry in box["env"]}
    wanted = {name: reference for name, reference in references.items() if reference}
    assert {reference["name"] for reference in wanted.values()} <= {"fluent-bit-cluster-info"}
    missing = {reference["key"] for reference in wanted.values() if not reference.get("optional")} - data.keys()
    assert not missing, missing
    return {name: data[reference["key"]] for name, reference in wanted.items() if reference["key"] in data}


@pytest.mark.parametrize("spelling", SPELT)
def test_config_map_of_the_article(install: Install, agent: Callable[..., dict[str, Any]], spelling: str) -> None:
    """The article's ConfigMap needs only its name; its keys may be the article's or the variables of its commands."""
    data = {"cluster.name": "shop", "logs.region": "eu-west-1", **SPELT[spelling]}
    text = install(INFO).one("ConfigMap")["data"]["fluent-bit.yaml"]
    found = fluentbit.parse(text, environment=environment(agent(INFO), data))
    assert (found.service["http_server"], found.service["http_port"]) == ("On", "2021")
    [tail], [output] = found.inputs, found.outputs
    assert tail.get("read_from_head") == "On"
    assert output.get("region") == "eu-west-1"
    assert output.get("log_group_name") == "/aws/containerinsights/shop/application"
    # Whether and where the server listens is not known here, so no probe can ask it.
    assert not [name for name in agent(INFO) if name.endswith("Probe") or name == "ports"]


def test_config_map_has_cluster_and_region(agent: Callable[..., dict[str, Any]]) -> None:
    """Without them records would go to a group of another name: the kubelet says which key is missing."""
    assert environment(agent(INFO), {"cluster.name": "shop", "logs.region": "eu-west-1"})
    for missing, data in (("logs.region", {"cluster.name": "shop"}), ("cluster.name", {"logs.region": "eu-west-1"})):
        with pytest.raises(AssertionError, match=missing):
            environment(agent(INFO), data)


def test_keys_of_a_config_map_can_be_named(agent: Callable[..., dict[str, Any]]) -> None:
    """A key of one's own has to be there, and is read alone; a key that is empty is left to the values."""
    keys = {"clusterName": "name", "readFromHead": "head", "readFromTail": "", "httpServer": "", "httpPort": ""}
    box = agent({"cluster": {"configMap": {"name": "fluent-bit-cluster-info", "keys": keys}}})
    data = {"name": "shop", "logs.region": "us-east-1", "head": "On", "FluentBitReadFromHead": "Off"}
    assert environment(box, data) == {"CLUSTER_NAME": "shop", "LOGS_REGION": "us-east-1", "READ_FROM_HEAD": "On"}
    assert box["livenessProbe"]["httpGet"]["port"] == "http"


def test_credentials_come_from_secrets(agent: Callable[..., dict[str, Any]], agent_config: Callable[..., Any]) -> None:
    """Logins, keys and headers are references to Secrets, whose variables are named after their output."""
    outputs = {
        "cloudwatch": {"enabled": False},
        "next-hop": {
            "type": "forward",
            "host": "h",
            "username": {"name": "hop", "key": "user"},
            "password": {"name": "hop", "key": "word"},
            "sharedKey": {"name": "hop", "key": "shared"},
        },
        "web": {"type": "http", "host": "h", "secretHeaders": {"X-Token": {"name": "web", "key": "token"}}},
        "idle": {"type": "http", "enabled": False, "httpUser": "me", "httpPasswd": {"name": "idle", "key": "word"}},
    }
    references = {
        entry["name"]: entry["valueFrom"]["secretKeyRef"]
        for entry in agent({"outputs": outputs})["env"]
        if "secretKeyRef" in entry["valueFrom"]
    }
    assert references == {
        "OUTPUT_NEXT_HOP__USERNAME": {"name": "hop", "key": "user"},
        "OUTPUT_NEXT_HOP__PASSWORD": {"name": "hop", "key": "word"},
        "OUTPUT_NEXT_HOP__SHARED_KEY": {"name": "hop", "key": "shared"},
        "OUTPUT_WEB__HEADER_X_TOKEN": {"name": "web", "key": "token"},
    }
    hop, web = agent_config({"outputs": outputs})["pipeline"]["outputs"]
    assert (hop["username"], hop["password"]) == ("${OUTPUT_NEXT_HOP__USERNAME}", "${OUTPUT_NEXT_HOP__PASSWORD}")
    assert hop["shared_key"] == "${OUTPUT_NEXT_HOP__SHARED_KEY}"
    assert web["header"] == ["X-Token ${OUTPUT_WEB__HEADER_X_TOKEN}"]


CERTIFICATES = {
    "secret": ({"caSecret": {"name": "ca", "key": "root.pem"}}, {"secret": {"secretName": "ca"}}),
    "config map": ({"caConfigMap": {"name": "ca", "key": "root.pem"}}, {"configMap": {"name": "ca"}}),
}


@pytest.mark.parametrize("mode", ["container", "hostProcess"])
@pytest.mark.parametrize("source", CERTIFICATES)
def test_certificate_is_mounted_where_the_output_reads_it(
    pod_spec: Callable[..., dict[str, Any]], agent_config: Callable[..., Any], source: str, mode: str
) -> None:
    """The CA of an output is a volume of its own; a host process reads it below its sandbox."""
    tls, volume = CERTIFICATES[source]
    outputs = {"cloudwatch": {"enabled": False}, "web": {"type": "http", "host": "h", "tls": tls}}
    values = {"mode": mode, "outputs": outputs}
    spec = pod_spec(values)
    [found] = [one for one in spec["volumes"] if one["name"] == "ca-web"]
    [(kind, fields)] = volume.items()
    assert found[kind] == {**fields, "items": [{"key": "root.pem", "path": "ca.crt"}]}
    [mount] = [one for one in spec["containers"][0]["volumeMounts"] if one["name"] == "ca-web"]
    assert mount == {"name": "ca-web", "mountPath": "C:\\fluent-bit-ca\\web", "readOnly": True}
    [output] = agent_config(values)["pipeline"]["outputs"]
    drive = "C:" if mode == "container" else "${CONTAINER_SANDBOX_MOUNT_POINT}"
    assert output["tls.ca_file"] == f"{drive}\\fluent-bit-ca\\web\\ca.crt"
