"""Traces: the Service of both engines, memory limits, access to the proxy, and the notes."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.backends import iam
from harness.render.manifests import Manifests, Object, load_yaml

Install = Callable[..., Manifests]
ROOT = Path(__file__).parents[3]
NAME = "x-observability-stack-traces"
OBJECTS = {
    ("ConfigMap", NAME),
    ("DaemonSet", NAME),
    ("NetworkPolicy", NAME),
    ("Service", NAME),
    ("ServiceAccount", "xray-daemon"),
}
XRAY = [("xray-udp", 2000, "UDP"), ("xray-tcp", 2000, "TCP")]
OTLP = [("otlp-grpc", 4317, "TCP"), ("otlp-http", 4318, "TCP")]
ENGINES = {"xray-daemon": XRAY, "otel": XRAY + OTLP}
each_engine = pytest.mark.parametrize("engine", ENGINES)


def traces(engine: str = "xray-daemon", **settings: Any) -> dict[str, Any]:
    return {"metrics": {"enabled": False}, "traces": {"enabled": True, "engine": engine, **settings}}


def config(made: Manifests) -> Object:
    read: Object = load_yaml(made.one("ConfigMap", NAME)["data"]["config.yaml"])
    return read


def ports(rules: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    return [(rule["name"], rule.get("port") or rule["containerPort"], rule["protocol"]) for rule in rules]


@each_engine
def test_engines_have_the_same_objects(install: Install, engine: str) -> None:
    """Both engines have the same objects, Service and X-Ray ports, and traffic stays on its node."""
    made = install(traces(engine))
    assert set(made.names()) == OBJECTS
    service = made.one("Service", NAME)["spec"]
    assert (service["type"], service["internalTrafficPolicy"]) == ("ClusterIP", "Local")
    assert "clusterIP" not in service
    assert ports(service["ports"]) == ENGINES[engine]
    [pod] = made.pods()
    assert service["selector"].items() <= pod.metadata["labels"].items()
    [box] = pod.containers()
    own = [port for port in box["ports"] if port["name"] != "health"]
    assert ports(own) == ENGINES[engine]
    assert [port["targetPort"] for port in service["ports"]] == [port["name"] for port in own]
    assert not any("hostPort" in port for port in box["ports"])
    assert pod.spec["automountServiceAccountToken"] is False
    assert "command" not in box
    named = install(traces(engine, service={"name": "xray-service"}))
    assert [item["metadata"]["name"] for item in named.select("Service")] == ["xray-service"]


def test_example_reproduces_the_article(install: Install) -> None:
    """The example has the names, buffer and resources of the article's manifest, but a Service with a cluster IP."""
    made = install(files=[ROOT / "values" / "examples" / "xray-daemon.yaml"], namespace="default")
    role = "arn:aws:iam::111122223333:role/x-ray-daemon-role"
    assert made.one("ServiceAccount", "xray-daemon")["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] == role
    assert ports(made.one("Service", "xray-service")["spec"]["ports"]) == XRAY
    [box] = made.containers()
    assert box["image"].startswith("public.ecr.aws/xray/aws-xray-daemon:3.6.")
    assert box["resources"] == {
        "requests": {"cpu": "256m", "memory": "32Mi"},
        "limits": {"cpu": "512m", "memory": "64Mi"},
    }
    assert config(made)["TotalBufferSizeMB"] == 24


def test_disabled_traces(install: Install) -> None:
    """Disabled traces have no objects, whatever other components are enabled."""
    assert not set(install().names()) & OBJECTS
    assert set(install({"traces": {"enabled": True}}).names()) - set(install().names()) == OBJECTS


@each_engine
def test_proxy_is_closed_to_other_namespaces(install: Install, engine: str) -> None:
    """All pods can send traces; the proxy admits only the namespace and the configured peers."""
    peer = {"namespaceSelector": {"matchLabels": {"traced": "true"}}}
    for chosen in ([], [peer]):
        made = install(traces(engine, networkPolicy={"proxyFrom": chosen}))
        policy = made.one("NetworkPolicy", NAME)["spec"]
        assert policy["policyTypes"] == ["Ingress"]
        everybody, proxy = policy["ingress"]
        assert "from" not in everybody
        open_to_all = [(name, protocol) for name, _, protocol in ENGINES[engine] if name != "xray-tcp"]
        assert [(port["port"], port["protocol"]) for port in everybody["ports"]] == open_to_all
        assert proxy["from"] == [{"podSelector": {}}, *chosen]
        assert proxy["ports"] == [{"port": "xray-tcp", "protocol": "TCP"}]
    assert not install({**traces(engine), "networkPolicy": {"enabled": False}}).select("NetworkPolicy")


def test_configuration_of_the_daemon(install: Install) -> None:
    """The daemon's file has only known keys, as it exits on others, and a buffer that fits into the memory limit."""
    read = config(install({**traces(endpoint="https://vpce.example.com"), "cluster": {"region": "eu-west-1"}}))
    assert read == {
        "Version": 2,
        "TotalBufferSizeMB": 24,
        "Region": "eu-west-1",
        "Endpoint": "https://vpce.example.com",
        "LocalMode": True,
        "Logging": {"LogLevel": "info"},
    }
    [box] = install(traces()).containers()
    assert box["args"] == ["--config=/etc/traces/config.yaml", "--bind=:2000", "--bind-tcp=:2000"]
    assert box["volumeMounts"] == [{"name": "config", "mountPath": "/etc/traces", "readOnly": True}]


def test_configuration_of_the_collector(install: Install) -> None:
    """Segments and OTLP pass the memory limiter first, and go to the configured endpoint in the cluster's Region."""
    values = traces("otel", endpoint="https://vpce.example.com", otel={"indexedAttributes": ["http.route"]})
    made = install({**values, "cluster": {"region": "eu-west-1"}})
    read = config(made)
    pipeline = read["service"]["pipelines"]["traces"]
    assert pipeline["processors"][0] == "memory_limiter"
    for kind in ("receivers", "processors", "exporters"):
        assert set(pipeline[kind]) == set(read[kind])
    assert read["exporters"]["awsxray"] == {
        "region": "eu-west-1",
        "local_mode": True,
        "endpoint": "https://vpce.example.com",
        "indexed_attributes": ["http.route"],
    }
    proxy = read["receivers"]["awsxray"]["proxy_server"]
    assert (proxy["region"], proxy["aws_endpoint"]) == ("eu-west-1", "https://vpce.example.com")
    [box] = made.containers()
    assert box["env"] == [{"name": "GOMEMLIMIT", "value": "128MiB"}]
    assert read["processors"]["memory_limiter"]["limit_mib"] == 160


@each_engine
def test_probes_do_not_reach_x_ray(install: Install, engine: str) -> None:
    """Probes send no requests through the daemon's proxy: an outage of X-Ray must not restart the agent."""
    [box] = install(traces(engine)).containers()
    for name in ("livenessProbe", "readinessProbe"):
        handler = {key: box[name][key] for key in ("httpGet", "tcpSocket") if key in box[name]}
        assert handler == (
            {"tcpSocket": {"port": "xray-tcp"}}
            if engine == "xray-daemon"
            else {"httpGet": {"path": "/", "port": "health"}}
        )


def test_update_has_no_gap(install: Install) -> None:
    """A new pod is ready before the old one stops, unless both would need the same host port."""
    strategies = [
        install(traces(hostPort=host)).one("DaemonSet")["spec"]["updateStrategy"]["rollingUpdate"]
        for host in (False, True)
    ]
    assert strategies == [{"maxSurge": "10%", "maxUnavailable": 0}, {"maxSurge": 0, "maxUnavailable": "10%"}]
    [box] = install(traces("otel", hostPort=True)).containers()
    assert box["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
    assert {port["name"]: port.get("hostPort") for port in box["ports"]} == {
        **{name: number for name, number, _ in ENGINES["otel"]},
        "health": None,
    }


def test_configuration_change_replaces_the_pods(install: Install) -> None:
    """Another engine or Region changes the checksum, but not the selector."""
    made = [
        install(values).one("DaemonSet")["spec"]
        for values in (traces(), traces("otel"), {**traces(), "cluster": {"region": "eu-west-1"}})
    ]
    assert len({spec["template"]["metadata"]["annotations"]["checksum/config"] for spec in made}) == 3
    assert len({json.dumps(spec["selector"]) for spec in made}) == 1


@pytest.mark.parametrize(
    ("settings", "said", "shown"),
    [
        (
            {"xrayDaemon": {"totalBufferSizeMB": 48}},
            "`traces.xrayDaemon.totalBufferSizeMB` is 48, so the container can use 72Mi, but",
            {"xrayDaemon": {"resources": {"limits": {"memory": "72Mi"}}}},
        ),
        (
            {"engine": "otel", "otel": {"limitMib": 400}},
            "`traces.otel.limitMib` is 400, so the container can use 500Mi, but",
            {"otel": {"resources": {"limits": {"memory": "500Mi"}}}},
        ),
        (
            {"hostPort": True, "updateStrategy": {"rollingUpdate": {"maxSurge": 1}}},
            "`traces.hostPort` is true, but `traces.updateStrategy` starts the new pod while the old one",
            {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": "10%"}}},
        ),
    ],
    ids=["buffer", "collector", "surge"],
)
def test_invalid_values_are_rejected(
    install: Install, rejection: Callable[..., str], settings: dict[str, Any], said: str, shown: dict[str, Any]
) -> None:
    """The message shows the problem and YAML that fixes it; disabled traces are not checked."""
    message = rejection(traces(**settings))
    assert said in message
    written = [load_yaml(text) for text in message.partition("\n\n`")[2].partition("\n\n")[0].split("\ntraces:\n")[1:]]
    assert shown in written
    for alternative in written:
        mended = {key: {**settings.get(key, {}), **value} for key, value in alternative.items()}
        assert install(traces(**{**settings, **mended})).select("DaemonSet")
    assert len(install({"metrics": {"enabled": False}, "traces": {**settings, "enabled": False}})) == 0


@each_engine
def test_notes(notes: Callable[..., str], engine: str) -> None:
    """The notes show address, policy and trust policy; those of the daemon also the switch to the collector."""
    text = notes({**traces(engine), "cluster": {"name": "shop", "region": "eu-west-1"}})
    assert f"AWS_XRAY_DAEMON_ADDRESS={NAME}.prometheus:2000 " in text
    assert ("OTEL_EXPORTER_OTLP_ENDPOINT=http://" in text) == (engine == "otel")
    assert ("in maintenance mode since February 2026" in text) == (engine == "xray-daemon")
    assert ("  traces:\n    engine: otel\n" in text) == (engine == "xray-daemon")
    assert "aws xray get-trace-summaries --region eu-west-1" in text
    policy, trust = (json.loads(found) for found in re.findall(r"^  \{\n.*?^  \}$", text, re.MULTILINE | re.DOTALL))
    assert policy["Statement"] == [
        {
            "Effect": "Allow",
            "Action": [
                "xray:GetSamplingRules",
                "xray:GetSamplingStatisticSummaries",
                "xray:GetSamplingTargets",
                "xray:PutTelemetryRecords",
                "xray:PutTraceSegments",
            ],
            "Resource": "*",
        }
    ]
    assert "system:serviceaccount:prometheus:xray-daemon" in json.dumps(trust)
    assert iam.faults(policy) == []
    assert iam.faults(trust, trust=True) == []
    assert "serviceAccounts.traces.roleArn is not set. Until it is" in text
    assert "X-Ray keeps traces for 30 days" in text
