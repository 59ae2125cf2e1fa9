"""Logs with Fluent Bit: sources, log groups, permissions and state of the agent."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import fluentbit, images
from harness.render.manifests import Manifests, Pod, load_yaml

from .conftest import CHART
from .test_notes import policies

Install = Callable[..., Manifests]
NAME = "x-observability-stack-logs"
PREFIX = "/aws/containerinsights/shop"
CLUSTER = {"name": "shop", "region": "eu-west-1"}
OBJECTS = {
    ("ClusterRole", f"{NAME}.prometheus"),
    ("ClusterRoleBinding", f"{NAME}.prometheus"),
    ("ConfigMap", NAME),
    ("DaemonSet", NAME),
    ("NetworkPolicy", NAME),
    ("ServiceAccount", "fluent-bit"),
}
ENVIRONMENT = {"HOST_NAME": "node-1", "NODE_IP": "10.0.0.1", "POD_IP": "127.0.0.1"}
NAMESPACES = ("default", "kube-system", "shop", "shop-2")
NODE = CHART / "ci" / "node-values.yaml"
TOKEN = fluentbit.Mount("/var/run/secrets/kubernetes.io/serviceaccount", read_only=True)


def values(*, outputs: dict[str, Any] | None = None, **logs: Any) -> dict[str, Any]:
    """Return values with logs only, with these values of `logs` and `outputs`."""
    return {
        "metrics": {"enabled": False},
        "cluster": CLUSTER,
        "logs": {"enabled": True, **logs},
        "outputs": outputs or {},
    }


def text_of(made: Manifests) -> str:
    text: str = made.one("ConfigMap", NAME)["data"]["fluent-bit.yaml"]
    return text


def config_of(made: Manifests) -> dict[str, Any]:
    config: dict[str, Any] = load_yaml(text_of(made))
    return config


def plugins(made: Manifests, kind: str) -> dict[str, dict[str, Any]]:
    """Return the inputs, filters or outputs by alias."""
    return {plugin["alias"]: plugin for plugin in config_of(made)["pipeline"][kind]}


def sources(made: Manifests) -> dict[str, dict[str, Any]]:
    """Return the inputs that read files and journals, by alias."""
    return {name: plugin for name, plugin in plugins(made, "inputs").items() if plugin["name"] != "dummy"}


def agent(made: Manifests) -> Pod:
    [pod] = [pod for pod in made.pods() if pod.owner["metadata"]["name"] == NAME]
    return pod


def groups(made: Manifests, *paths: str) -> list[str]:
    """Return the last part of the log group of each file; empty if no input reads it."""
    config = fluentbit.parse(text_of(made), environment=ENVIRONMENT)
    found = []
    for path in paths:
        tags = [fluentbit.tag_of(plugin, path) for plugin in fluentbit.inputs_of(config, path)]
        reached = [end.group for tag in tags for end in fluentbit.deliveries(config, tag)]
        found.append(",".join(reached).removeprefix(f"{PREFIX}/"))
    return found


def check(made: Manifests, folder: Path) -> None:
    """Check a configuration, also with the real program if there is one."""
    secrets = {entry["name"]: "x" for entry in agent(made).containers()[0]["env"] if "secretKeyRef" in str(entry)}
    environment = {**ENVIRONMENT, **secrets}
    config = fluentbit.parse(text_of(made), environment=environment)
    read = [path for path in map(fluentbit.pod_log, NAMESPACES, NAMESPACES) if fluentbit.inputs_of(config, path)]
    pod = agent(made)
    mounts = [*fluentbit.mounts_of(pod, pod.containers()[0]), TOKEN]
    assert fluentbit.faults(config, paths=read, mounts=mounts, several=True) == []
    program = images.fluent_bit()
    if program is None:
        pytest.skip("needs fluent-bit on PATH (or in $FLUENT_BIT)")
    file = folder / "fluent-bit.yaml"
    file.write_text(text_of(made), encoding="utf-8")
    command = [str(program), "--dry-run", "-c", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    assert done.returncode == 0 and "configuration test is successful" in done.stdout + done.stderr, done.stderr


def test_one_agent_on_each_node(install: Install) -> None:
    """There is a DaemonSet that can read the pods of its kubelet and nothing else; disabled, there is no object."""
    made = install(values())
    assert made.names() == OBJECTS
    assert install(values(enabled=False)).names() == set()
    role = made.one("ClusterRole", f"{NAME}.prometheus")["rules"]
    assert role == [{"apiGroups": [""], "resources": ["nodes/pods"], "verbs": ["get"]}]
    [subject] = made.one("ClusterRoleBinding", f"{NAME}.prometheus")["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": "fluent-bit", "namespace": "prometheus"}
    by_api = install(values(metadata={"from": "api"}))
    assert by_api.one("ClusterRole", f"{NAME}.prometheus")["rules"][0]["resources"] == ["pods"]
    by_tag = install(values(metadata={"from": "tag"}))
    assert by_tag.names() == {entry for entry in OBJECTS if "ClusterRole" not in entry[0]}
    assert agent(by_tag).spec["automountServiceAccountToken"] is False


def test_pod_of_the_agent(install: Install) -> None:
    """The agent is root without capabilities, in the pod network, with read-only logs and its state on the node."""
    made = install(values())
    pod = agent(made)
    [box] = pod.containers()
    assert not pod.spec.get("hostNetwork") and pod.spec["automountServiceAccountToken"] is True
    assert pod.spec["securityContext"]["runAsUser"] == 0
    assert box["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    paths = {volume["name"]: volume["hostPath"] for volume in pod.spec["volumes"] if "hostPath" in volume}
    state = {"path": f"/var/lib/observability-stack/{NAME}.prometheus", "type": "DirectoryOrCreate"}
    journal = {"path": "/var/log/journal", "type": "DirectoryOrCreate"}
    assert paths == {"state": state, "logs": {"path": "/var/log"}, "journal": journal}
    assert {mount["name"] for mount in box["volumeMounts"] if not mount.get("readOnly")} == {"state"}
    probes = {name: box[name]["httpGet"]["path"] for name in ("livenessProbe", "readinessProbe")}
    # An outage of a backend must not restart the agent.
    assert probes == {"livenessProbe": "/", "readinessProbe": "/api/v1/health"}
    scraped = {"scrape": "true", "port": str(box["ports"][0]["containerPort"]), "path": "/api/v2/metrics/prometheus"}
    assert (
        pod.metadata["annotations"].items() >= {f"prometheus.io/{key}": text for key, text in scraped.items()}.items()
    )
    off = install(values(host={"enabled": False}, dataplane={"journal": []}))
    assert "journal" not in {volume["name"] for volume in agent(off).spec["volumes"]}
    other = install(values(logLevel="warn"))
    assert agent(other).metadata["annotations"]["checksum/config"] != pod.metadata["annotations"]["checksum/config"]


def test_limits_of_buffers_and_retries(install: Install) -> None:
    """Waiting records have a limit on disk and in memory, and retries are at most 30 s apart."""
    made = install(values())
    service = config_of(made)["service"]
    assert service == {
        "flush": 1,
        "grace": 50,
        "log_level": "info",
        "http_server": True,
        "http_listen": "${POD_IP}",
        "http_port": 2020,
        "health_check": True,
        "hc_errors_count": 20,
        "hc_retry_failure_count": 20,
        "hc_period": 60,
        "scheduler.base": 1,
        "scheduler.cap": 30,
        "storage.path": "/var/lib/fluent-bit/chunks",
        "storage.sync": "normal",
        "storage.checksum": False,
        "storage.metrics": True,
        "storage.max_chunks_up": 32,
        "storage.backlog.mem_limit": "256M",
    }
    pod = agent(made).spec
    assert (pod["terminationGracePeriodSeconds"], pod["priorityClassName"]) == (60, "system-node-critical")
    for seconds, grace in {30: 20, 5: 1}.items():
        assert config_of(install(values(terminationGracePeriodSeconds=seconds)))["service"]["grace"] == grace
    assert {plugin["storage.type"] for plugin in sources(made).values()} == {"filesystem"}
    tails = [plugin for plugin in sources(made).values() if plugin["name"] == "tail"]
    assert {(plugin["file_cache_advise"], plugin["rotate_wait"]) for plugin in tails} == {(False, 315360000)}
    for watches in (True, False):
        tails = [*sources(install(values(**({} if watches else {"inotifyWatcher": False})))).values()]
        reads = {
            (plugin["inotify_watcher"], plugin["buffer_chunk_size"]) for plugin in tails if plugin["name"] == "tail"
        }
        assert reads == {(watches, "64k" if watches else "256k")}
    sizes = {"cloudwatch-application": "512M", "cloudwatch-dataplane": "128M", "cloudwatch-host": "128M"}
    outputs = plugins(made, "outputs")
    assert {name: output["storage.total_limit_size"] for name, output in outputs.items()} == sizes
    assert {output["retry_limit"] for output in outputs.values()} == {"no_limits"}


def test_each_file_reaches_one_log_group(install: Install) -> None:
    """Each file, rotated or not, is in one pipeline; compressed files and the agent's own log are not read."""
    made = install(values())
    app, proxy = fluentbit.pod_log("shop", "web-1.x"), fluentbit.pod_log("kube-system", "kube-proxy-abcde")
    own = fluentbit.pod_log("prometheus", f"{NAME}-abcde", "logs")
    rotated = ".20261121-100000"
    files = [app, proxy, app + rotated, proxy + rotated, app + f"{rotated}.gz", own]
    assert groups(made, *files) == ["application", "dataplane", "application", "dataplane", "", ""]
    inputs = sources(made)
    assert {name: entry["tag"].partition(".")[0] for name, entry in inputs.items()} == {
        "application": "application",
        "dataplane-pods": "dataplane",
        "dataplane-journal": "dataplane",
        "host-journal": "host",
    }
    assert len({entry["db"] for entry in inputs.values()}) == len(inputs)
    units = [f"_SYSTEMD_UNIT={name}.service" for name in ("kubelet", "containerd")]
    assert inputs["dataplane-journal"]["systemd_filter"] == units
    assert inputs["host-journal"]["systemd_filter"] == ["_TRANSPORT=kernel"]
    # A disabled data plane does not move its pods to the application pipeline.
    assert groups(install(values(dataplane={"enabled": False})), proxy, app) == ["", "application"]


@pytest.mark.parametrize(
    ("namespaces", "read"),
    [
        ({}, [True, True, True, True]),
        ({"include": ["default", "shop"]}, [True, False, True, False]),
        ({"exclude": ["shop"]}, [True, True, False, True]),
    ],
    ids=["all", "include", "exclude"],
)
def test_namespaces_are_selected(install: Install, namespaces: dict[str, Any], read: list[bool]) -> None:
    """Files of excluded namespaces are not read; files of namespaces with similar names are."""
    made = install(values(application={"namespaces": namespaces}))
    # Pods and containers are named like another namespace.
    found = groups(made, *(fluentbit.pod_log(name, "shop", "default") for name in NAMESPACES))
    assert found == ["application" if wanted else "" for wanted in read]


def test_filters(install: Install) -> None:
    """By default, filters join parts, add pod metadata and select journal fields; values add filters to a pipeline."""
    plain = install(values())
    assert [*plugins(plain, "filters")] == ["parts", "metadata", "journal", "journal-names"]
    metadata = plugins(plain, "filters")["metadata"]
    asked = {"use_kubelet": True, "kubelet_host": "${NODE_IP}", "buffer_size": 0, "tls.verify": True}
    assert metadata.items() >= {**asked, "labels": False, "annotations": False, "merge_log": False}.items()
    assert not [name for name in metadata if name.startswith("k8s-logging")]
    wanted = {"multiline": ["java", "python"], "rateLimit": 500, "parseJson": True}
    made = plugins(install(values(application=wanted, host={"rateLimit": 9})), "filters")
    assert [*made][:2] == ["rate-application", "rate-host"]
    assert (made["rate-application"]["rate"], made["rate-host"]["match"]) == (500, "host.*")
    assert made["metadata"].items() >= {"merge_log": True, "merge_log_key": "log_processed", "keep_log": False}.items()
    raw = {"outputs": {"cloudwatch": {"logKey": "log"}}, "dataplane": {"journal": []}, "host": {"enabled": False}}
    assert plugins(install(values(application=wanted, **raw)), "filters")["metadata"]["keep_log"] is True


def test_multiline_records(install: Install, tmp_path: Path) -> None:
    """The input of container logs joins lines, apart for each stream, with one parser for all formats."""
    assert "multiline_parsers" not in config_of(install(values()))
    rules = [
        {"state": "more", "regex": "^x", "next_state": "more"},
        {"state": "start_state", "regex": "/^y/i", "next_state": "more"},
    ]
    own = [{"name": "own", "type": "regex", "rules": rules}]
    made = install(values(application={"multiline": ["ruby", "own"]}, extraMultilineParsers=own))
    joins = {name: entry["processors"]["logs"] for name, entry in sources(made).items() if "processors" in entry}
    streams = [(one["multiline.parser"], one["condition"]["rules"]) for one in joins.pop("application")]
    assert streams == [("records", [{"field": "$stream", "op": op, "value": "stderr"}]) for op in ("eq", "neq")]
    assert joins == {}
    [parser] = config_of(made)["multiline_parsers"]
    # Fluent Bit requires that the first rule begins a record.
    assert [(rule["state"], rule["regex"], rule["next_state"]) for rule in parser["rules"]] == [
        ("start_state", r"/^.+:\d+:in /", "ruby/frame"),
        ("start_state", "/^y/i", "own/more"),
        ("ruby/frame", r"/^\s+from .+:\d+:in /", "ruby/frame"),
        ("own/more", "/^x/", "own/more"),
    ]
    check(made, tmp_path)


def test_parts_can_be_records(install: Install, tmp_path: Path) -> None:
    """Without `joinParts`, each part is a record with the flag `_p`."""
    made = install(values(joinParts=False))
    found = {name: entry for name, entry in sources(made).items() if entry["name"] == "tail"}
    assert {(entry["parser"], entry.get("multiline.parser")) for entry in found.values()} == {("parts", None)}
    assert "parts" not in plugins(made, "filters")
    [_, parser] = config_of(made)["parsers"]
    assert re.search(parser["regex"].replace("?<", "?P<"), "2026-11-21T10:00:00.1Z stdout P x y")["_p"] == "P"  # type: ignore[index]
    check(made, tmp_path)


def test_fluent_bit_accepts_every_setting(install: Install, tmp_path: Path) -> None:
    """The configuration of the most complete values file is valid."""
    check(install(files=[NODE]), tmp_path)


def test_notes_have_policy_and_commands(notes: Callable[..., str]) -> None:
    """The policy permits writing to the log groups only; the notes show how to follow and delete them."""
    text = notes(values(host={"enabled": False}))
    names = [f"{PREFIX}/{name}" for name in ("application", "dataplane")]
    policy, trust = policies(text)
    assert policy == {
        "Effect": "Allow",
        "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:PutRetentionPolicy"],
        "Resource": [f"arn:aws:logs:eu-west-1:ACCOUNT:log-group:{name}:*" for name in names],
    }
    assert "system:serviceaccount:prometheus:fluent-bit" in str(trust)
    for name in names:
        assert f"aws logs tail {name} --region eu-west-1 --follow" in text
        assert f"aws logs delete-log-group --region eu-west-1 --log-group-name {name}\n" in text


OFF = {"enabled": False}
# name: (logs, what the message says, the YAML that it shows)
REJECTED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no pipeline": (
        {"application": OFF, "dataplane": OFF, "host": OFF},
        "`logs.enabled` is true, but every pipeline below `logs` is disabled",
        "logs:\n  application:\n    enabled: true",
    ),
    "nothing to read": (
        {"host": {"journal": []}},
        "`logs.host` is enabled, but `journal` and `files` are empty, so the pipeline reads nothing",
        "logs:\n  host:\n    enabled: false",
    ),
    "namespace in both": (
        {"application": {"namespaces": {"include": ["a", "b"], "exclude": ["b"]}}},
        "Namespace b is in both `include` and `exclude` of `logs.application.namespaces`",
        "exclude: []",
    ),
    "labels by tag": (
        {"metadata": {"from": "tag", "labels": True}},
        "`logs.metadata.labels` is true, but `logs.metadata.from: tag` adds only names",
        "logs:\n  metadata:\n    from: kubelet",
    ),
    "annotations by tag": (
        {"metadata": {"from": "tag", "k8sLogging": {"exclude": True}}},
        "`logs.metadata.k8sLogging.exclude` is true, but `logs.metadata.from: tag` adds only names",
        "logs:\n  metadata:\n    from: kubelet",
    ),
    "parser without JSON": (
        {"metadata": {"k8sLogging": {"parser": True}}},
        "but Fluent Bit parses records only with `logs.application.parseJson`",
        "logs:\n  application:\n    parseJson: true",
    ),
    "parser of the chart": (
        {"extraParsers": [{"name": "level", "format": "json"}, {"name": "pods", "format": "json"}]},
        "`logs.extraParsers[1].name` is pods, the name of a parser of the chart",
        "logs:\n  extraParsers:\n  - format: json\n    name: my-pods",
    ),
    "unknown parser": (
        {"extraFilters": [{"name": "parser", "match": "*", "key_name": "log", "parser": ["pods", "level"]}]},
        "`logs.extraFilters[0]` requires the parser level, which does not exist.",
        "logs:\n  extraParsers:\n  - format: json\n    name: level",
    ),
    "new tag": (
        {"extraFilters": [{"name": "rewrite_tag", "match": "*", "rule": "$log ^ new true"}]},
        "`logs.extraFilters[0]` is a rewrite_tag: no output matches its new tags",
        "outputs:\n  shop:\n    match:\n      namespaces:\n        include:\n        - shop",
    ),
    "processor of an unknown parser": (
        {"extraProcessors": {"host": [{"name": "parser", "key_name": "message", "parser": "level"}]}},
        "`logs.extraProcessors.host[0]` requires the parser level, which does not exist.",
        "logs:\n  extraParsers:\n  - format: json\n    name: level",
    ),
    "processor of metrics": (
        {"extraProcessors": {"application": [{"name": "labels", "update": "a b"}]}},
        "`logs.extraProcessors.application[0]` is labels, which processes metrics or traces and ignores logs.",
        "logs:\n  extraProcessors:\n    application:\n    - action: insert\n      key: team",
    ),
    "processor that emits": (
        {"extraProcessors": {"application": [{"name": "rewrite_tag", "rule": "$log ^ new true"}]}},
        "`logs.extraProcessors.application[0]` is a rewrite_tag: no output matches its new tags",
        "outputs:\n  shop:",
    ),
    "processor of an unknown pipeline": (
        {"extraProcessors": {"events": []}},
        "invalid propertyName 'events'",
        "",
    ),
    "unknown operator of a condition": (
        {
            "extraProcessors": {
                "host": [
                    {"name": "modify", "condition": {"op": "and", "rules": [{"field": "$a", "op": "is", "value": 1}]}}
                ]
            }
        },
        "at '/logs/extraProcessors/host/0/condition/rules/0/op': value must be one of 'eq'",
        "",
    ),
    "memory": (
        {"storage": {"maxChunksUp": 100}},
        "`logs.storage.maxChunksUp` is 100, so the container can use 264Mi, but `logs.resources.limits.memory` is",
        "logs:\n  storage:\n    maxChunksUp: 96",
    ),
    "old image": (
        {"image": {"tag": "4.0.1"}},
        "`logs.image.tag` is 4.0.1, but Fluent Bit before 5.1.1 has known vulnerabilities",
        "logs:\n  image:\n    tag: 5.1.1",
    ),
}


@pytest.mark.parametrize(("logs", "says", "shows"), REJECTED.values(), ids=REJECTED)
def test_invalid_values_are_rejected(
    rejection: Callable[..., str], logs: dict[str, Any], says: str, shows: str
) -> None:
    """The message shows the problem and the YAML to write; disabled logs are not checked."""
    message = rejection(values(**logs))
    assert says in message
    assert shows in message


def test_old_kubelets_are_rejected(helm: Any) -> None:
    """Before Kubernetes 1.33, `metadata.from: kubelet` is rejected, because it requires `nodes/proxy`."""
    rejected = helm.template(CHART, values=values(), kube_version="1.32.0")
    assert "`logs.metadata.from` is kubelet, but before Kubernetes 1.33" in rejected.stderr
    assert helm.template(CHART, values=values(metadata={"from": "api"}), kube_version="1.32.0").exit_code == 0
