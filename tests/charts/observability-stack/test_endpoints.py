"""FIPS and dual-stack endpoints in the programs other than Fluent Bit."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.render.manifests import Manifests, load_yaml

Install = Callable[..., Manifests]
FIPS = {"useFipsEndpoints": True}
DUAL_STACK = {"useDualStackEndpoints": True}
BOTH = FIPS | DUAL_STACK
VARIABLES = {"AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"}
CHOICES = {
    "usual": ({}, set()),
    "fips": (FIPS, {"AWS_USE_FIPS_ENDPOINT"}),
    "dual-stack": (DUAL_STACK, {"AWS_USE_DUALSTACK_ENDPOINT"}),
    "both": (BOTH, VARIABLES),
}
MSK = "arn:aws:kafka:us-west-2:111122223333:cluster/shop/5b1a-7"
WORKSPACE = "workspaces/ws-1/api/v1/remote_write"


def values(aws: dict[str, bool], **others: Any) -> dict[str, Any]:
    return {"aws": aws, "cluster": {"name": "shop", "region": "us-west-2"}, **others}


def remote(host: str) -> dict[str, Any]:
    return {"server": {"remoteWrite": [{"url": f"https://{host}/{WORKSPACE}", "sigv4": {}}]}}


@pytest.mark.parametrize(("aws", "expected"), CHOICES.values(), ids=CHOICES)
def test_sdks_get_the_variables(install: Install, aws: dict[str, bool], expected: set[str]) -> None:
    """Exactly the programs with an AWS SDK have the SDK's variables, set to true."""
    parts = {"traces": {"enabled": True}, "containerInsights": {"enabled": True, "windows": {"enabled": True}}}
    parts["alertmanager"] = {"enabled": True, "config": TOPICS}
    found = {
        str(pod): {entry["name"] for entry in box.get("env", []) if entry["name"] in VARIABLES}
        for pod in install(values(aws, **parts)).pods()
        for box in pod.containers()
    }
    with_sdk = {"alertmanager", "server", "traces", "container-insights", "container-insights-windows"}
    assert found == {
        pod: expected if pod.rpartition("/")[2].removeprefix("x-observability-stack-") in with_sdk else set()
        for pod in found
    }
    assert len(found) == 7


TOPICS = {
    "route": {"receiver": "a"},
    "receivers": [{"name": "a", "sns_configs": [{"topic_arn": "arn:aws:sns:us-west-2:111122223333:alerts"}]}],
}
PRIVATE = {
    "prometheus alone": ({}, None),
    "workspace": (remote("aps-workspaces.us-west-2.amazonaws.com"), "aps-workspaces, ecr.api, ecr.dkr, s3, sts"),
    "traces": ({"traces": {"enabled": True}}, "ecr.api, ecr.dkr, s3, sts, xray"),
    "topics of Alertmanager": (
        {"alertmanager": {"enabled": True, "config": TOPICS}},
        "ecr.api, ecr.dkr, s3, sns, sts",
    ),
    "pod identity": (
        {"traces": {"enabled": True}, "identity": {"type": "podIdentity"}},
        "ecr.api, ecr.dkr, eks-auth, s3, xray",
    ),
    "container insights": ({"containerInsights": {"enabled": True}}, "ec2, ecr.api, ecr.dkr, logs, s3, sts"),
    "events": ({"events": {"enabled": True}}, "ecr.api, ecr.dkr, logs, s3, sts"),
    "Kafka and OpenSearch, with addresses in the VPC": (
        {
            "logs": {"enabled": True},
            "outputs": {
                "cloudwatch": {"enabled": False},
                "kafka": {"type": "kafka", "brokers": "b:9098", "topics": "logs", "awsMskIamClusterArn": MSK},
                "search": {"type": "opensearch", "host": "search.example.com", "awsAuth": True},
            },
            "identity": {"type": "podIdentity"},
        },
        "ecr.api, ecr.dkr, eks-auth, s3",
    ),
    "role that an output assumes with pod identity": (
        {
            "logs": {"enabled": True},
            "outputs": {"cloudwatch": {"roleArn": "arn:aws:iam::444455556666:role/logs"}},
            "identity": {"type": "podIdentity"},
        },
        "ecr.api, ecr.dkr, eks-auth, logs, s3, sts",
    ),
    "role of the node": (
        {"logs": {"enabled": True}, "identity": {"type": "node"}},
        "ecr.api, ecr.dkr, logs, s3",
    ),
    "log router of Fargate": ({"fargate": {"logging": {"enabled": True}}}, "ecr.api, ecr.dkr, logs, s3"),
    "log router and its own log": (
        {
            "fargate": {"logging": {"enabled": True, "flbLogCw": True}},
            "outputs": {"cloudwatch": {"enabled": False}, "stream": {"type": "firehose", "deliveryStream": "logs"}},
        },
        "ecr.api, ecr.dkr, kinesis-firehose, logs, s3",
    ),
}


@pytest.mark.environment("private", "events", "metrics", "traces", "insights")
@pytest.mark.parametrize(("parts", "services"), PRIVATE.values(), ids=PRIVATE)
def test_notes_name_the_vpc_endpoints_of_the_parts(
    notes: Callable[..., str], parts: dict[str, Any], services: str | None
) -> None:
    """The notes list the services that the enabled parts use, exactly; none without a part that uses AWS."""
    text = notes(values({}, **parts))
    assert ("need VPC endpoints" in text) == bool(services)
    assert services is None or f"need VPC endpoints of {services} (ecr" in text


@pytest.mark.parametrize(
    ("aws", "region", "endpoint"),
    [
        pytest.param({}, "us-west-2", "", id="usual"),
        pytest.param(FIPS, "us-west-2", "https://xray-fips.us-west-2.amazonaws.com", id="fips"),
        pytest.param(DUAL_STACK, "us-west-2", "https://xray.us-west-2.api.aws", id="dual-stack"),
        pytest.param(BOTH, "us-gov-west-1", "https://xray-fips.us-gov-west-1.api.aws", id="both"),
        pytest.param({}, "eusc-de-east-1", "https://xray.eusc-de-east-1.amazonaws.eu", id="sovereign cloud"),
        pytest.param({}, "cn-north-1", "https://xray.cn-north-1.amazonaws.com.cn", id="china"),
    ],
)
def test_traces_and_sampling_rules_have_one_endpoint(
    install: Install, aws: dict[str, bool], region: str, endpoint: str
) -> None:
    """The proxy for sampling rules ignores the variables and knows one suffix, so both programs get the endpoint.

    The X-Ray daemon's proxy: https://github.com/aws/aws-xray-daemon/blob/v3.6.6/pkg/proxy/server.go
    """
    chosen = {"aws": aws, "cluster": {"region": region}, "metrics": {"enabled": False}}
    for engine in ("xray-daemon", "otel"):
        made = install({**chosen, "traces": {"enabled": True, "engine": engine}})
        read = load_yaml(made.one("ConfigMap", "x-observability-stack-traces")["data"]["config.yaml"])
        if engine == "xray-daemon":
            assert read["Endpoint"] == endpoint
        else:
            proxy, exporter = read["receivers"]["awsxray"]["proxy_server"], read["exporters"]["awsxray"]
            assert (proxy.get("aws_endpoint", ""), exporter.get("endpoint", "")) == (endpoint, endpoint)


@pytest.mark.parametrize(
    ("aws", "logs", "traces", "dual_stack"),
    [
        pytest.param({}, None, None, None, id="usual"),
        pytest.param(FIPS, "https://logs-fips.us-west-2.amazonaws.com", "https://xray-fips.us-west-2.amazonaws.com",
                     None, id="fips"),
        pytest.param(DUAL_STACK, None, None, True, id="dual-stack"),
        pytest.param(BOTH, "https://logs-fips.us-west-2.api.aws", "https://xray-fips.us-west-2.api.aws", True,
                     id="both"),
    ],
)  # fmt: skip
def test_cloudwatch_agent(
    install: Install, aws: dict[str, bool], logs: str | None, traces: str | None, dual_stack: bool | None
) -> None:
    """The agent has a switch for dual-stack endpoints, and overrides for the others."""
    insights = {"enabled": True, "applicationSignals": {"enabled": True}}
    made = install(values(aws, metrics={"enabled": False}, containerInsights=insights))
    config = json.loads(made.one("ConfigMap", "x-observability-stack-container-insights")["data"]["cwagentconfig.json"])
    assert config["logs"].get("endpoint_override") == logs
    assert config["traces"].get("endpoint_override") == traces
    assert config["agent"].get("use_dualstack_endpoint") == dual_stack


def test_prometheus_signs_with_conforming_credentials(install: Install) -> None:
    """Prometheus overrides the SDK's variable by its own option for STS."""

    def option(aws: dict[str, bool], host: str) -> Any:
        made = install(values(aws, **remote(host)))
        [text] = made.texts("x-observability-stack-server").values()
        read = load_yaml(text)
        return read["remote_write"][0]["sigv4"].get("use_fips_sts_endpoint")

    assert option({}, "aps-workspaces.us-west-2.amazonaws.com") is None
    assert option(FIPS, "aps-workspaces-fips.us-west-2.amazonaws.com") is True


def test_workspace_url_that_does_not_conform_is_rejected(rejection: Callable[..., str]) -> None:
    """With FIPS endpoints, the URL of a workspace has the FIPS host, which the message shows."""
    message = rejection(values(FIPS, **remote("aps-workspaces.us-west-2.amazonaws.com")))
    assert "`server.remoteWrite[0].url` has the host aps-workspaces.us-west-2.amazonaws.com, but" in message
    assert f"url: https://aps-workspaces-fips.us-west-2.amazonaws.com/{WORKSPACE}" in message
