"""Programs that support no proxy, or ignore NO_PROXY: they connect directly only to hosts in `noProxy`."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.render.manifests import Manifests

from .test_egress import URL, environments

STS = "sts.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("listed", "changed", "direct"),
    [
        ([".amazonaws.com"], {}, {"container-insights", "traces"}),
        (["xray.us-east-1.amazonaws.com", STS], {}, {"traces"}),
        (["logs.us-east-1.amazonaws.com", "ec2.us-east-1.amazonaws.com", STS], {}, {"container-insights"}),
        (["vpce-1.xray.example.com", STS], {"traces": {"endpoint": "https://vpce-1.xray.example.com"}}, {"traces"}),
        (["vpce-1.xray.example.com", STS], {"traces": {"endpoint": "https://vpce-1.xray.example.com:443"}}, {"traces"}),
        (["10.0.0.0/8"], {}, set()),
        ([".amazonaws.com"], {"traces": {"engine": "otel"}}, {"container-insights"}),
    ],
    ids=["both", "xray", "logs", "endpoint", "endpoint-with-port", "network", "collector"],
)
def test_clients_that_ignore_no_proxy_have_no_proxy_for_a_host_in_it(
    install: Callable[..., Manifests], listed: list[str], changed: dict[str, Any], direct: set[str]
) -> None:
    """The X-Ray daemon and the CloudWatch agent send to HTTPS_PROXY whatever NO_PROXY contains: the chart decides.

    The sources are pkg/conn/conn.go of aws-xray-daemon 3.6.6 and, for CloudWatch agent 1.300070.0, getProxyAddress in
    internal/aws/awsutil/conn.go of amazon-contributing/opentelemetry-collector-contrib.
    """
    values = {name: {"enabled": True, **changed.get(name, {})} for name in ("containerInsights", "traces")}
    found = environments(install({"proxy": {"httpProxy": URL, "noProxy": listed}, **values}))
    components = {"container-insights", "traces"}
    assert {component for component in components if not found[component]} == direct


MAIL = {"name": "team", "email_configs": [{"to": "team@example.com"}]}
KAFKA = {"type": "kafka", "topics": "logs", "brokers": "b-1.example.com:9094,b-2.internal:9094,[fd00::1]:9094"}


def email(**config: Any) -> dict[str, Any]:
    """Return values with an Alertmanager that sends email."""
    route = {"route": {"receiver": "team"}, "receivers": [MAIL]}
    return {"alertmanager": {"enabled": True, "config": {**route, **config}}}


def router(**options: Any) -> dict[str, Any]:
    """Return values with Fargate's log router and this output."""
    return {"fargate": {"logging": {"enabled": True}}, "outputs": {"cloudwatch": options}}


@pytest.mark.parametrize(
    ("values", "listed", "problem", "added"),
    [
        (
            {"logs": {"enabled": True}, "outputs": {"queue": KAFKA}},
            [".internal"],
            "`outputs.queue` bypasses the proxy, since librdkafka does not support proxies",
            ["b-1.example.com", "fd00::1"],
        ),
        (
            {
                "logs": {"enabled": True},
                "outputs": {
                    "near": {
                        "type": "custom",
                        "plugin": "tcp",
                        "options": {"host": "a.example.com", "net.proxy_env_ignore": True},
                    }
                },
            },
            [],
            "`outputs.near` sets net.proxy_env_ignore",
            ["a.example.com"],
        ),
        (
            email(**{"global": {"smtp_smarthost": "smtp.example.com:587"}}),
            [],
            "`alertmanager.config` sends email, for which Alertmanager does not support proxies",
            ["smtp.example.com"],
        ),
        (
            router(),
            [],
            "Fargate's log router does not support proxies",
            ["logs.us-east-1.amazonaws.com"],
        ),
        (
            {
                "fargate": {"logging": {"enabled": True, "flbLogCw": True}},
                "outputs": {"cloudwatch": {"enabled": False}, "stream": {"type": "firehose", "deliveryStream": "logs"}},
            },
            [],
            "Fargate's log router does not support proxies",
            ["firehose.us-east-1.amazonaws.com", "logs.us-east-1.amazonaws.com"],
        ),
        (
            router(roleArn="arn:aws:iam::111122223333:role/logs", endpoint="vpce-1.logs.example.com"),
            ["vpce-1.logs.example.com"],
            "Fargate's log router does not support proxies",
            [STS],
        ),
        (
            {"traces": {"enabled": True}},
            ["xray.us-east-1.amazonaws.com"],
            "The X-Ray daemon ignores NO_PROXY, so it has no proxy while `proxy.noProxy` contains xray.us-east-1",
            [STS],
        ),
        (
            {"containerInsights": {"enabled": True, "applicationSignals": {"enabled": True}}},
            ["logs.us-east-1.amazonaws.com"],
            "The CloudWatch agent ignores NO_PROXY, so it has no proxy while `proxy.noProxy` contains logs.us-east-1",
            [f"{service}.us-east-1.amazonaws.com" for service in ("ec2", "xray")] + [STS],
        ),
    ],
    ids=[
        "kafka",
        "ignored",
        "email",
        "log-router",
        "log-router-itself",
        "log-router-role",
        "x-ray-daemon",
        "cloudwatch-agent",
    ],
)
def test_connections_that_would_bypass_the_proxy_are_rejected(
    install: Callable[..., Manifests],
    rejection: Callable[..., str],
    values: dict[str, Any],
    listed: list[str],
    problem: str,
    added: list[str],
) -> None:
    """Programs that support no proxy send only to hosts in `noProxy`; the message lists the missing ones."""
    proxy = {"httpProxy": URL, "noProxy": listed}
    message = rejection({**values, "proxy": proxy})
    assert problem in message
    assert "proxy:\n  noProxy:\n" + "".join(f"  - {host}\n" for host in listed + added) in message
    install({**values, "proxy": {**proxy, "noProxy": listed + added}})
    if not listed:
        install(values)
