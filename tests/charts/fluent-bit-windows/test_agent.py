"""The DaemonSets, the nodes on which their pods run, and the access of these pods to a node."""

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
    """A Windows container runs only on the build of its image, so each build has a DaemonSet with its image."""
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
    """A host process runs the image of any build on any build, so one DaemonSet covers all Windows nodes."""
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
    """The pods select Windows nodes and declare their operating system, whatever node selector a user sets."""
    for spec in pods(install(values)).values():
        assert spec["nodeSelector"]["kubernetes.io/os"] == spec["os"]["name"] == "windows"


def test_selectors_are_distinct_and_stay(install: Install) -> None:
    """The selectors of the DaemonSets match only their own pods, whatever labels a user adds."""
    seen = []
    for values in (ALL_BUILDS, {**ALL_BUILDS, "commonLabels": {"app.kubernetes.io/component": "other"}}):
        made = install({**values, "podLabels": {"app.kubernetes.io/instance": "y"}}).select("DaemonSet")
        seen.append([item["spec"]["selector"]["matchLabels"] for item in made])
        for item in made:
            labels = item["spec"]["template"]["metadata"]["labels"]
            assert item["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert seen[0] == seen[1]
    assert len({str(selector) for selector in seen[0]}) == len(LABELS)


def test_links_and_their_targets_are_mounted_at_their_paths(pod_spec: Callable[..., dict[str, Any]]) -> None:
    """Container logs are links, so each directory of their targets is mounted read-only at its path on the node."""
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


@pytest.mark.parametrize(
    ("release", "namespace", "path"),
    [("x", "logs", "x-fluent-bit-windows.logs"), ("fluent-bit-windows", "prod", "fluent-bit-windows.prod")],
    ids=["x-logs", "same-name-prod"],
)
def test_state_belongs_to_the_release(
    pod_spec: Callable[..., dict[str, Any]], release: str, namespace: str, path: str
) -> None:
    """Each release has its own directory of positions on the node."""
    spec = pod_spec(release=release, namespace=namespace)
    [volume] = [volume for volume in spec["volumes"] if volume["name"] == "state"]
    assert volume["hostPath"]["path"] == f"C:\\var\\fluent-bit\\{path}"


def test_state_outlives_the_pod(pod_spec: Callable[..., dict[str, Any]]) -> None:
    """In both modes, positions and buffers are in a directory of the node, which is created if it is missing."""
    for values in ({}, HOST_PROCESS):
        spec = pod_spec({**values, "state": {"hostPath": "D:\\agent"}})
        [volume] = [volume for volume in spec["volumes"] if volume["name"] == "state"]
        assert volume["hostPath"] == {"path": "D:\\agent", "type": "DirectoryOrCreate"}
        [mount] = [mount for mount in spec["containers"][0]["volumeMounts"] if mount["name"] == "state"]
        assert not mount["readOnly"]


def test_host_process_finds_its_files_below_the_sandbox(agent: Callable[..., dict[str, Any]]) -> None:
    """A host process finds its image and volumes below a directory that the runtime sets; its command is explicit."""
    assert agent()["command"] == ["C:\\fluent-bit\\bin\\fluent-bit.exe"]
    assert agent()["args"] == ["--config", "C:\\fluent-bit-config\\fluent-bit.yaml"]
    sandbox = "%CONTAINER_SANDBOX_MOUNT_POINT%"
    assert agent(HOST_PROCESS)["command"] == [f"{sandbox}\\fluent-bit\\bin\\fluent-bit.exe"]
    assert agent(HOST_PROCESS)["args"][1] == f"{sandbox}\\fluent-bit-config\\fluent-bit.yaml"


def test_roll_out_and_priority(install: Install) -> None:
    """By default, 10% of the nodes are updated at a time; pods have a high priority and tolerate NoSchedule taints."""
    for item in install().select("DaemonSet"):
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}}
        assert item["spec"]["updateStrategy"] == strategy
        spec = item["spec"]["template"]["spec"]
        assert spec["priorityClassName"] == "system-node-critical"
        assert spec["tolerations"] == [{"operator": "Exists", "effect": "NoSchedule"}]


def test_changed_configuration_restarts_pods(install: Install) -> None:
    """The checksum in the pods changes with the configuration, and only with it."""

    def checksum(values: dict[str, Any]) -> str:
        first, *_ = install(values).select("DaemonSet")
        found: str = first["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
        return found

    assert checksum({"logLevel": "debug"}) != checksum({}) == checksum({"podLabels": {"a": "b"}})


def test_liveness_ignores_outages_of_backends(agent: Callable[..., dict[str, Any]]) -> None:
    """The liveness probe checks only that the agent responds; an outage of a backend affects only readiness."""
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
    """Each source of metadata has exactly the role and token that it requires; file names require neither."""
    made = install({**values, "logs": {"metadata": {"from": metadata}}})
    assert [rule for item in made.select("ClusterRole") for rule in item["rules"]] == rules
    assert {pod.spec["automountServiceAccountToken"] for pod in made.pods()} == {bool(rules)}
    [account] = made.select("ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    for binding in made.select("ClusterRoleBinding"):
        [subject] = binding["subjects"]
        assert (subject["name"], subject["namespace"]) == (account["metadata"]["name"], "amazon-cloudwatch")


def test_roles_of_two_releases_have_two_names(install: Install) -> None:
    """The names of ClusterRoles contain the namespace."""
    values = {"logs": {"metadata": {"from": "api"}}}
    names = {install(values, namespace=space).one("ClusterRole")["metadata"]["name"] for space in ("a", "b")}
    assert len(names) == 2


def test_role_of_the_service_account(install: Install) -> None:
    """With IRSA, either value annotates the service account with the role; with the node role, none does."""
    arn = "arn:aws:iam::111122223333:role/logs"
    annotation = {"eks.amazonaws.com/role-arn": arn}
    for given in ({"roleArn": arn}, {"annotations": annotation}, {"roleArn": arn, "annotations": annotation}):
        account = install({"serviceAccount": given}).one("ServiceAccount")
        assert account["metadata"]["annotations"] == annotation
    assert "annotations" not in install({"identity": {"type": "node"}}).one("ServiceAccount")["metadata"]


IRSA = {
    "AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/logs",
    "AWS_WEB_IDENTITY_TOKEN_FILE": (
        "%CONTAINER_SANDBOX_MOUNT_POINT%\\var\\run\\secrets\\eks.amazonaws.com\\serviceaccount\\token"
    ),
}
NAMED = {"serviceAccount": {"roleArn": IRSA["AWS_ROLE_ARN"]}}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({**HOST_PROCESS, **NAMED}, IRSA),
        (
            {**HOST_PROCESS, "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": IRSA["AWS_ROLE_ARN"]}}},
            IRSA,
        ),
        ({**HOST_PROCESS, **NAMED, "extraEnv": [{"name": "AWS_ROLE_ARN", "value": "own"}]}, {"AWS_ROLE_ARN": "own"}),
        (NAMED, {}),
        (HOST_PROCESS, {}),
        ({**HOST_PROCESS, "identity": {"type": "node"}}, {}),
    ],
    ids=["host-process", "annotation", "own-variable", "container", "no-role", "node-role"],
)
def test_host_process_finds_its_token(
    agent: Callable[..., dict[str, Any]], values: dict[str, Any], expected: dict[str, str]
) -> None:
    """A host process reads the token of IRSA below its sandbox, where Windows Server 2019 has all volumes.

    The webhook keeps variables that are set, but still mounts the token (addEnvToContainer in handler.go of
    aws/amazon-eks-pod-identity-webhook at 3bf80a34). Without the bind filter, volumes are links below the sandbox only.
    With it, they are there, too (fallbackMountSetup and setupMounts in internal/jobcontainers/mounts.go of
    microsoft/hcsshim at 7c9ff7f48). CreateProcess in jobcontainer.go replaces the variable in the environment.
    """
    found = {entry["name"]: entry["value"] for entry in agent(values)["env"] if entry["name"].startswith("AWS_")}
    assert found == expected


def test_profile_chooses_the_image(install: Install) -> None:
    """The legacy profile uses AWS's image with a tag for each build, and the classic format."""
    values = {"profile": "aws-legacy", "windows": {"builds": [{"name": "2019"}]}}
    [box] = install(values).containers("fluent-bit")
    assert box["image"] == "public.ecr.aws/aws-observability/aws-for-fluent-bit:2.32.3-ltsc2019"
    assert box["args"][1].endswith("fluent-bit.conf")
    assert install(values).one("ConfigMap")["data"].keys() == {
        "fluent-bit.conf",
        "amazon-root-certificates.pem",
    }


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
    """Return the environment that the kubelet reads from a ConfigMap; it starts no container if a key is missing."""
    references = {entry["name"]: entry["valueFrom"].get("configMapKeyRef") for entry in box["env"]}
    wanted = {name: reference for name, reference in references.items() if reference}
    assert {reference["name"] for reference in wanted.values()} <= {"fluent-bit-cluster-info"}
    missing = {reference["key"] for reference in wanted.values() if not reference.get("optional")} - data.keys()
    assert not missing, missing
    return {name: data[reference["key"]] for name, reference in wanted.items() if reference["key"] in data}


@pytest.mark.parametrize("spelling", SPELT)
def test_config_map_of_the_article(install: Install, agent: Callable[..., dict[str, Any]], spelling: str) -> None:
    """Only the name of the article's ConfigMap is required; its keys can also be the article's variables."""
    data = {"cluster.name": "shop", "logs.region": "eu-west-1", **SPELT[spelling]}
    text = install(INFO).one("ConfigMap")["data"]["fluent-bit.yaml"]
    found = fluentbit.parse(text, environment=environment(agent(INFO), data))
    assert (found.service["http_server"], found.service["http_port"]) == ("On", "2021")
    [tail], [output] = found.inputs, found.outputs
    assert tail.get("read_from_head") == "On"
    assert output.get("region") == "eu-west-1"
    assert output.get("log_group_name") == "/aws/containerinsights/shop/application"
    # The chart does not know whether and where the server listens, so there are no probes.
    assert not [name for name in agent(INFO) if name.endswith("Probe") or name == "ports"]


def test_config_map_has_cluster_and_region(agent: Callable[..., dict[str, Any]]) -> None:
    """The cluster and the Region are required: without them, records would go to a log group of another name."""
    assert environment(agent(INFO), {"cluster.name": "shop", "logs.region": "eu-west-1"})
    for missing, data in (("logs.region", {"cluster.name": "shop"}), ("cluster.name", {"logs.region": "eu-west-1"})):
        with pytest.raises(AssertionError, match=missing):
            environment(agent(INFO), data)


def test_keys_of_a_config_map_can_be_named(agent: Callable[..., dict[str, Any]]) -> None:
    """A custom key is required and has no alternative; for an empty key, the values apply."""
    keys = {"clusterName": "name", "readFromHead": "head", "readFromTail": "", "httpServer": "", "httpPort": ""}
    box = agent({"cluster": {"configMap": {"name": "fluent-bit-cluster-info", "keys": keys}}})
    data = {"name": "shop", "logs.region": "us-east-1", "head": "On", "FluentBitReadFromHead": "Off"}
    assert environment(box, data) == {"CLUSTER_NAME": "shop", "LOGS_REGION": "us-east-1", "READ_FROM_HEAD": "On"}
    assert box["livenessProbe"]["httpGet"]["port"] == "http"


def test_credentials_come_from_secrets(agent: Callable[..., dict[str, Any]], agent_config: Callable[..., Any]) -> None:
    """Credentials and headers are references to Secrets, in variables named after their output."""
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
    """The CA of an output is mounted from its own volume; a host process reads it below its sandbox."""
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
