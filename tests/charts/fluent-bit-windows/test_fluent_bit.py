"""The rendered configuration: accepted by the checker and by Fluent Bit, and it delivers each record once."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import fluentbit, images
from harness.render.manifests import Manifests, Pod

Configs = Callable[..., dict[str, Any]]
Install = Callable[..., Manifests]
ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "fluent-bit-windows"
FILES = sorted(CHART.glob("ci/*-values.yaml"))
NAMESPACES = ("default", "shop", "amazon-cloudwatch", "not-listed")
HOST_PROCESS = {"mode": "hostProcess"}
# Variables without a value in the article's ConfigMap, which has other keys for them.
ALIASES = ("FluentBitHttpPort", "FluentBitHttpServer", "FluentBitReadFromHead", "FluentBitReadFromTail")
ENVIRONMENT = {
    **dict.fromkeys(ALIASES, ""),
    "CLUSTER_NAME": "shop",
    "CONTAINER_SANDBOX_MOUNT_POINT": "C:\\hpc",
    "HOST_NAME": "node-1",
    "HTTP_PORT": "2020",
    "HTTP_SERVER": "On",
    "KUBERNETES_SERVICE_HOST": "10.100.0.1",
    "LOGS_REGION": "us-east-1",
    **dict.fromkeys(("OUTPUT_BACKEND__HTTP_PASSWD", "OUTPUT_SECURITY__HTTP_PASSWD"), "secret"),
    "OUTPUT_BACKEND__HTTP_USER": "agent",
    "OUTPUT_BACKEND__OPTION_API_KEY": "secret",
    "OUTPUT_BACKEND__LICENSE_KEY": "secret",
    "OUTPUT_BACKEND__APIKEY": "secret",
    "OUTPUT_BACKEND__SASL_PASSWORD": "secret",
    "OUTPUT_BACKEND__SPLUNK_TOKEN": "secret",
    "OUTPUT_EVENTS__HEADER_AUTHORIZATION": "Bearer secret",
    "READ_FROM_HEAD": "On",
}
LOGIN = {"httpUser": "agent", "httpPasswd": {"name": "backend", "key": "password"}}
# Every type of output except CloudWatch, with its required options only.
OUTPUTS: dict[str, dict[str, Any]] = {
    "stdout": {},
    "opensearch": {"host": "logs.example.com", "awsAuth": True},
    "elasticsearch": {"host": "logs.example.com", **LOGIN},
    "firehose": {"deliveryStream": "windows"},
    "kinesis": {"stream": "windows"},
    "s3": {"bucket": "logs"},
    "http": {"host": "logs.example.com", "headers": {"X-Team": "shop", "X-Stage": "dev"}, **LOGIN},
    "loki": {"host": "logs.example.com"},
    "splunk": {"host": "logs.example.com", "splunkToken": {"name": "backend", "key": "key"}},
    "datadog": {"apikey": {"name": "backend", "key": "key"}},
    "newrelic": {"licenseKey": {"name": "backend", "key": "key"}},
    "otlp": {"host": "logs.example.com"},
    "kafka": {
        "brokers": "logs.example.com:9096",
        "topics": "{pipeline}",
        "saslUsername": "shop",
        "saslPassword": {"name": "backend", "key": "key"},
    },
    "custom": {
        "plugin": "logdna",
        "options": {"hostname": "{node}"},
        "secretOptions": {"api_key": {"name": "backend", "key": "key"}},
    },
    "forward": {"host": "logs.example.com"},
}
OFF = {"cloudwatch": {"enabled": False}}
every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
every_output = pytest.mark.parametrize("kind", OUTPUTS)


def text_of(made: Manifests) -> tuple[str, str]:
    [(name, text)] = [
        item
        for item in made.one("ConfigMap", "x-fluent-bit-windows")["data"].items()
        if item[0].startswith("fluent-bit.")
    ]
    return name, text


def agents(made: Manifests) -> list[Pod]:
    """Return the agent's pods, without those of workloads."""
    return [pod for pod in made.pods() if pod.owner["kind"] == "DaemonSet"]


def check(made: Manifests) -> list[str]:
    """Return findings of the checker: wrong names, unset variables, tags, parsers, routes, paths outside of mounts."""
    config = fluentbit.parse(text_of(made)[1], environment=ENVIRONMENT)
    read = [path for path in map(log_of, NAMESPACES) if fluentbit.inputs_of(config, path)]
    found = []
    for pod in agents(made):
        [container] = pod.containers()
        found += fluentbit.faults(config, paths=read, mounts=[*fluentbit.mounts_of(pod, container), *token(pod)])
    return found


def token(pod: Pod) -> list[fluentbit.Mount]:
    """Return the mount that Kubernetes adds to a pod with a token."""
    there = pod.spec["automountServiceAccountToken"]
    return [fluentbit.Mount("C:\\var\\run\\secrets\\kubernetes.io\\serviceaccount", read_only=True)] if there else []


def outputs_of(**named: dict[str, Any]) -> dict[str, Any]:
    """Return values with these outputs; the default output is disabled unless it is among them."""
    return {"outputs": {**OFF, **named}}


def log_of(namespace: str) -> str:
    return fluentbit.container_log(namespace, "web-1")


def dry_run(made: Manifests, folder: Path) -> None:
    """Check a configuration with Fluent Bit on Linux, where `dummy` inputs replace those of the event log."""
    program = images.fluent_bit()
    if program is None:
        pytest.skip("needs fluent-bit on PATH (or in $FLUENT_BIT)")
    name, text = text_of(made)
    config = fluentbit.read(text)
    for plugin in config["pipeline"]["inputs"]:
        if plugin["name"] == "winevtlog":
            tag = plugin["tag"]
            plugin.clear()
            plugin.update(name="dummy", tag=tag)
    file = folder / name
    file.write_text(fluentbit.write(config, classic=name.endswith(".conf")), encoding="utf-8")
    command = [str(program), "--dry-run", "-c", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **ENVIRONMENT})
    assert done.returncode == 0 and "configuration test is successful" in done.stdout + done.stderr, done.stderr


@every_file
def test_every_configuration_is_sound(file: Path, install: Install) -> None:
    """With every values file, each tag reaches exactly one output, and every path is in a mount."""
    assert check(install(files=[file])) == []


@every_file
def test_fluent_bit_accepts_every_configuration(file: Path, install: Install, tmp_path: Path) -> None:
    """Fluent Bit accepts the configuration of every values file."""
    dry_run(install(files=[file]), tmp_path)


@pytest.mark.parametrize("mode", ["container", "hostProcess"])
@every_output
def test_fluent_bit_accepts_every_output(kind: str, mode: str, install: Install, tmp_path: Path) -> None:
    """Fluent Bit accepts each type of output in both modes, and each type receives every record once."""
    made = install({"mode": mode, **outputs_of(backend={"type": kind, **OUTPUTS[kind]})})
    assert check(made) == []
    dry_run(made, tmp_path)


def test_every_type_of_output_is_tested(chart: Path) -> None:
    """The types above and CloudWatch are all types in the schema."""
    schema = json.loads((chart / "values.schema.json").read_text(encoding="utf-8"))
    offered = schema["definitions"]["shared.outputs"]["additionalProperties"]["properties"]["type"]["enum"]
    assert {*OUTPUTS, "cloudwatch"} == set(offered)


# The article's nodes run Windows Server 2019, for which only AWS publishes an image.
ARTICLE = {"as it is": {}, "on 2019": {"profile": "aws-legacy", "windows": {"builds": [{"name": "2019"}]}}}


def test_opensearch_gets_signed_requests(agent_config: Configs) -> None:
    """Requests are signed with `aws_auth: On`; document IDs are off, as equal lines can have the same time."""
    for wanted in (False, True):
        search = {"type": "opensearch", "host": "h", "awsAuth": True, "generateId": wanted}
        [output] = agent_config(outputs_of(search=search))["pipeline"]["outputs"]
        assert output.items() >= {"name": "opensearch", "aws_auth": "On", "generate_id": wanted}.items()
        assert output["buffer_size"] == "False"


@pytest.mark.parametrize("values", ARTICLE.values(), ids=ARTICLE)
def test_example_is_the_article(values: dict[str, Any], install: Install) -> None:
    """The example has the names, ConfigMap, metadata and log groups of the article, and a group for the rest."""
    made = install(values, files=[ROOT / "values" / "examples" / "windows-article.yaml"])
    account = made.one("ServiceAccount", "fluent-bit")["metadata"]
    assert account["namespace"] == "amazon-cloudwatch" and "eks.amazonaws.com/role-arn" in account["annotations"]
    [(_, text)] = [
        item
        for item in made.one("ConfigMap", "fluent-bit-windows")["data"].items()
        if item[0].startswith("fluent-bit.")
    ]
    config = fluentbit.parse(text, environment=ENVIRONMENT)
    [metadata] = [plugin for plugin in config.filters if plugin.name == "kubernetes"]
    assert metadata.get("kube_url") == "https://kubernetes.default.svc.cluster.local:443"
    assert "use_kubelet" not in metadata.options
    groups = {}
    for namespace in NAMESPACES:
        tag = fluentbit.tag_of(config.inputs[0], log_of(namespace))
        assert tag == f"application.C.var.log.containers.web-1_{namespace}_app-{'c0ffee42' * 8}.log"
        [arrived] = fluentbit.deliveries(config, tag)
        groups[namespace] = arrived.group.removeprefix("/aws/containerinsights/shop/")
    assert groups == {
        "default": "default",
        "amazon-cloudwatch": "amazon-cloudwatch",
        "shop": "other",
        "not-listed": "other",
    }
    [box] = made.containers()
    assert ("2019" if values else "2022") in box["image"]


def test_dry_run_finds_a_wrong_option(install: Install, tmp_path: Path) -> None:
    """Fluent Bit rejects a configuration with an unknown option."""
    wrong = install({"logs": {"extraFilters": [{"name": "modify", "match": "*", "nonsense": "x"}]}})
    with pytest.raises(AssertionError, match="nonsense"):
        dry_run(wrong, tmp_path)


PROCESSORS = {
    pipeline: [{"name": "content_modifier", "action": "insert", "key": "pipeline", "value": pipeline}]
    for pipeline in ("application", "dataplane", "host")
}


def test_own_processors_run_after_lines_are_joined(agent_config: Configs) -> None:
    """Each input of a pipeline has its processors, after those that join lines."""
    logs = {**ALL_LOGS, "application": {"multiline": ["java"]}, "extraProcessors": PROCESSORS}
    inputs = agent_config({**HOST_PROCESS, "logs": logs})["pipeline"]["inputs"]
    own = {
        plugin["alias"]: [unit.get("value", unit["name"]) for unit in plugin["processors"]["logs"]] for plugin in inputs
    }
    assert own == {
        "application": ["multiline", "multiline", "application"],
        "dataplane": ["dataplane"],
        "dataplane-events": ["dataplane"],
        "host": ["host"],
    }


def test_dry_run_accepts_own_processors(install: Install, tmp_path: Path) -> None:
    """Fluent Bit starts with processors of the values."""
    dry_run(install({"logs": {"extraProcessors": {"application": PROCESSORS["application"]}}}), tmp_path)


ALL_LOGS = {"host": {"enabled": True}, "dataplane": {"enabled": True, "channels": ["EKS"]}}


def test_every_input_has_its_own_tag_and_output(agent_config: Configs) -> None:
    """Container logs, logs of services and the event log go to three log groups, each record through one output."""
    pipeline = agent_config({**HOST_PROCESS, "logs": ALL_LOGS})["pipeline"]
    assert {plugin["alias"]: plugin["tag"] for plugin in pipeline["inputs"]} == {
        "application": "application.*",
        "dataplane": "dataplane.files.*",
        "dataplane-events": "dataplane.events",
        "host": "host.events",
    }
    assert {(plugin["alias"], plugin["match"]): plugin["log_group_name"] for plugin in pipeline["outputs"]} == {
        ("cloudwatch-application", "application.*"): "/aws/containerinsights/eks/application",
        ("cloudwatch-dataplane", "dataplane.*"): "/aws/containerinsights/eks/dataplane",
        ("cloudwatch-host", "host.*"): "/aws/containerinsights/eks/host",
    }
    # Records of a node have no namespace that could select their log group.
    with_template = [plugin["alias"] for plugin in pipeline["outputs"] if "log_group_template" in plugin]
    assert with_template == ["cloudwatch-application"]
    assert [plugin["alias"] for plugin in pipeline["outputs"] if "log_stream_template" in plugin] == with_template
    assert len({plugin["db"] for plugin in pipeline["inputs"]}) == len(pipeline["inputs"])


def test_container_input(agent_config: Configs) -> None:
    """The complete input of the default values; it parses both formats of container logs."""
    [tail] = agent_config()["pipeline"]["inputs"]
    assert tail == {
        "name": "tail",
        "alias": "application",
        "tag": "application.*",
        "path": "C:\\var\\log\\containers\\*.log",
        "db": "C:\\fluent-bit-state\\application.db",
        "db.locking": True,
        "read_from_head": True,
        "refresh_interval": 5,
        "rotate_wait": 86400,
        "buffer_max_size": "256k",
        "skip_long_lines": True,
        "mem_buf_limit": "50M",
        "multiline.parser": "docker, cri",
    }


def test_logs_of_services_are_read_until_they_are_deleted(agent_config: Configs) -> None:
    """`logs.rotateWait` does not apply to them: rotated names may end in `.log`, and would be read again."""
    made = agent_config({"logs": {"rotateWait": 1, "dataplane": {"enabled": True}}})["pipeline"]["inputs"]
    assert {plugin["alias"]: plugin["rotate_wait"] for plugin in made} == {"application": 1, "dataplane": 315360000}


def test_service(agent_config: Configs) -> None:
    """The complete service section, whose keys Fluent Bit does not check; chunks are on disk only if enabled."""
    service = {
        "flush": 1,
        "grace": 5,
        "dns.resolver": "ASYNC",
        "log_level": "info",
        "http_server": True,
        "http_listen": "0.0.0.0",
        "http_port": 2020,
        "health_check": True,
        "hc_errors_count": 20,
        "hc_retry_failure_count": 20,
        "hc_period": 60,
    }
    chunks = {"storage.path": "C:\\fluent-bit-state\\chunks", "storage.max_chunks_up": 64, "storage.metrics": True}
    assert agent_config()["service"] == service
    assert agent_config({"storage": {"type": "filesystem"}})["service"] == {**service, **chunks}


@pytest.mark.parametrize(
    ("chosen", "read"),
    [
        ({}, set(NAMESPACES)),
        ({"include": ["default", "shop"]}, {"default", "shop"}),
        ({"exclude": ["shop"]}, {"default", "amazon-cloudwatch", "not-listed"}),
    ],
    ids=["all", "include", "exclude"],
)
def test_namespaces_are_chosen_by_file_name(install: Install, chosen: dict[str, Any], read: set[str]) -> None:
    """Logs of excluded namespaces are not read, and namespaces with similar names are."""
    made = install({"logs": {"application": {"namespaces": chosen}}})
    config = fluentbit.parse(text_of(made)[1], environment=ENVIRONMENT)
    assert {name for name in NAMESPACES if fluentbit.inputs_of(config, log_of(name))} == read
    alike = fluentbit.container_log("shop-2", "shop", "shop")
    assert bool(fluentbit.inputs_of(config, alike)) is ("include" not in chosen)


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ({}, {"use_tag_for_meta": True, "labels": False, "annotations": False}),
        (
            {"logs": {"metadata": {"from": "api"}}},
            {
                "kube_url": "https://kubernetes.default.svc.cluster.local:443",
                "kube_token_file": "C:\\var\\run\\secrets\\kubernetes.io\\serviceaccount\\token",
                "buffer_size": 0,
            },
        ),
        (
            {**HOST_PROCESS, "logs": {"metadata": {"from": "kubelet"}}},
            {"kube_url": "https://${KUBERNETES_SERVICE_HOST}:443", "use_kubelet": True, "kubelet_host": "127.0.0.1"},
        ),
    ],
    ids=["tag", "api", "kubelet"],
)
def test_metadata_filter(agent_config: Configs, values: dict[str, Any], options: dict[str, Any]) -> None:
    """Each source of metadata has its own options; a host process uses no name that it cannot resolve."""
    [found] = [plugin for plugin in agent_config(values)["pipeline"]["filters"] if plugin["name"] == "kubernetes"]
    assert options.items() <= found.items()
    assert found["kube_tag_prefix"] == "application.C.var.log.containers."


def test_multiline_records(agent_config: Configs) -> None:
    """Multiline records are joined before they get metadata, and only if enabled."""
    logs = {"logs": {"application": {"multiline": ["java", "go"]}}}
    made = agent_config(logs)
    [application, *_] = made["pipeline"]["inputs"]
    joins = [(plugin["name"], plugin["multiline.parser"]) for plugin in application["processors"]["logs"]]
    assert joins == [("multiline", "records")] * 2, "one for each stream"
    [parser] = made["multiline_parsers"]
    assert {rule["next_state"].partition("/")[0] for rule in parser["rules"]} == {"java", "go"}
    plain = agent_config()
    assert "multiline_parsers" not in plain
    assert "processors" not in plain["pipeline"]["inputs"][0]


EVENTS = {
    "services-only": (
        {"dataplane": {"enabled": True, "channels": ["EKS"]}},
        {"dataplane.events": "EKS,System"},
        {"dataplane.events": "Channel ^System$"},
    ),
    "with-system": (
        {"dataplane": {"enabled": True, "channels": ["EKS", "system"]}},
        {"dataplane.events": "EKS,system"},
        {},
    ),
    "default-of-hosts": ({"host": {"enabled": True}}, {"host.events": "Application,System"}, {}),
    "own-channels": (
        {"host": {"enabled": True, "channels": ["Own"]}, "dataplane": {"enabled": True, "channels": ["EKS"]}},
        {"host.events": "Own,System", "dataplane.events": "EKS,System"},
        dict.fromkeys(("host.events", "dataplane.events"), "Channel ^System$"),
    ),
}


@pytest.mark.parametrize(("logs", "channels", "dropped"), EVENTS.values(), ids=EVENTS)
def test_every_event_input_can_open_a_channel(
    agent_config: Configs, logs: dict[str, Any], channels: dict[str, str], dropped: dict[str, str]
) -> None:
    """Each event input also reads System, whose events a filter drops unless the values have this channel.

    Fluent Bit 5.1.1 crashes if an input can open no channel: with ignore_missing_channels, in_winevtlog_init continues
    without a list of channels, over which it then loops (plugins/in_winevtlog/in_winevtlog.c, lines 327 to 362).
    """
    pipeline = agent_config({**HOST_PROCESS, "logs": logs})["pipeline"]
    read = [plugin for plugin in pipeline["inputs"] if plugin["name"] == "winevtlog"]
    assert {plugin["tag"]: plugin["channels"] for plugin in read} == channels
    assert all(plugin["ignore_missing_channels"] for plugin in read)
    filters = [plugin for plugin in pipeline["filters"] if plugin["name"] == "grep"]
    assert {plugin["match"]: plugin["exclude"] for plugin in filters} == dropped


def test_legacy_agent_reads_no_other_channel(install: Install) -> None:
    """Fluent Bit 1.9.10 does not start if one channel is missing, so another channel would not help."""
    values = {**HOST_PROCESS, "profile": "aws-legacy", "logs": {"dataplane": {"enabled": True, "channels": ["EKS"]}}}
    config = fluentbit.parse(text_of(install(values))[1], environment=ENVIRONMENT)
    assert [plugin.get("channels") for plugin in config.inputs if plugin.name == "winevtlog"] == ["EKS"]
    assert [plugin.name for plugin in config.plugins if plugin.name == "grep"] == []


@pytest.mark.parametrize("profile", ["upstream", "aws-legacy"])
def test_dns_resolver(install: Install, profile: str) -> None:
    """The service's DNS resolver applies to every connection, in both formats."""
    values = {"dns": {"resolver": "LEGACY"}, "profile": profile, "windows": {"builds": [{"name": "2022"}]}}
    config = fluentbit.parse(text_of(install(values))[1], environment=ENVIRONMENT)
    assert config.service["dns.resolver"] == "LEGACY"


# Options that 1.9.10 lacks, by the kind of plugin and its name.
NEWER = {
    ("input", "winevtlog"): {"event_query", "ignore_missing_channels"},
    ("output", "cloudwatch_logs"): {"log_group_class", "tls.verify_hostname", "workers"},
    ("output", "http"): {"net.io_timeout", "tls.verify_hostname", "workers"},
}


def plain(value: Any) -> str:
    """Return the value of an option in the classic format."""
    return {"True": "On", "False": "Off"}.get(str(value), str(value))


def test_formats_have_the_same_options(install: Install) -> None:
    """The classic format has the options of the YAML format, except for those that 1.9.10 lacks."""
    copy = {"type": "http", "host": "h", "headers": {"X-Team": "shop", "X-Stage": "dev"}, "retryLimit": 100000}
    logs = {"host": {"enabled": True}, "dataplane": {"enabled": True}}
    values = {**HOST_PROCESS, "logs": logs, "outputs": {"copy": copy}}
    new, old = (
        fluentbit.parse(text_of(install({**values, "profile": profile}))[1], environment=ENVIRONMENT)
        for profile in ("upstream", "aws-legacy")
    )
    # Fluent Bit 1.9.10 has no time of events.
    for one, other in zip([plugin for plugin in new.plugins if plugin.name != "parser"], old.plugins, strict=True):
        assert one.name == other.name
        missing = {option: value for option, value in one.options.items() if option not in other.options}
        assert set(missing) == NEWER.get((one.kind, one.name), set())
        assert {name: plain(value) for name, value in one.options.items() if name not in missing} == {
            name: plain(value) for name, value in other.options.items()
        }


def test_mounts_are_told_apart_by_mode(install: Install) -> None:
    """The checker finds a path outside of a mount, which proves that the tests above can fail."""
    made = install()
    name, text = text_of(made)
    moved = fluentbit.parse(text.replace("C:\\fluent-bit-state", "C:\\elsewhere"), environment=ENVIRONMENT)
    pod = agents(made)[0]
    assert name == "fluent-bit.yaml"
    assert any(
        "elsewhere" in fault for fault in fluentbit.faults(moved, mounts=fluentbit.mounts_of(pod, pod.containers()[0]))
    )
