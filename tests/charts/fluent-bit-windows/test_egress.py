"""The proxy and the CA certificates of the agents."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

Values = Mapping[str, Any]
URL = "http://proxy.example.com:3128"
ADDRESSES = {"127.0.0.1", "169.254.169.254", "169.254.170.23", "$(KUBERNETES_SERVICE_HOST)"}


def proxies(container: dict[str, Any]) -> dict[str, Any]:
    """Return the proxy's variables of a container."""
    env = {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container["env"]}
    return {name: value for name, value in env.items() if "PROXY" in name}


@pytest.mark.parametrize("mode", ["container", "hostProcess"])
@pytest.mark.parametrize("profile", ["upstream", "aws-legacy"])
def test_agent_has_the_only_variables_that_fluent_bit_reads(
    agent: Callable[..., dict[str, Any]], mode: str, profile: str
) -> None:
    """HTTP_PROXY for both schemes, and NO_PROXY with the addresses of the node, credentials and the API server."""
    windows = {"builds": [{"name": "2022"}]}
    found = proxies(agent({"mode": mode, "profile": profile, "windows": windows, "proxy": {"httpsProxy": URL}}))
    assert set(found) == {"HTTP_PROXY", "NO_PROXY"}
    assert found["HTTP_PROXY"] == URL
    assert set(found["NO_PROXY"].split(",")) >= {*ADDRESSES, "kubernetes.default.svc.cluster.local"}


def test_no_agent_has_a_proxy_by_default(agent: Callable[..., dict[str, Any]]) -> None:
    """Without a proxy, the agent has no such variables."""
    assert proxies(agent({})) == {}


@pytest.mark.parametrize(
    ("cluster", "added"),
    [
        ({"region": "eu-west-1"}, ["logs.eu-west-1.amazonaws.com", "sts.eu-west-1.amazonaws.com"]),
        ({"region": "cn-north-1"}, []),
        ({"configMap": {"name": "fluent-bit-cluster-info"}}, []),
    ],
    ids=["region", "another-partition", "unknown-region"],
)
def test_hosts_of_a_domain_are_listed(
    agent: Callable[..., dict[str, Any]], cluster: dict[str, Any], added: list[str]
) -> None:
    """Fluent Bit compares whole names; the chart adds those that it knows."""
    found = proxies(agent({"proxy": {"httpProxy": URL, "noProxy": [".amazonaws.com"]}, "cluster": cluster}))
    listed = found["NO_PROXY"].split(",")
    assert listed[listed.index(".amazonaws.com") + 1 :] == added


def test_url_with_credentials_is_the_key_of_a_secret(
    agent: Callable[..., dict[str, Any]], rejection: Callable[..., str]
) -> None:
    """A URL with credentials is rejected; the key of a Secret is a reference."""
    secret = {"name": "proxy", "key": "url"}
    assert proxies(agent({"proxy": {"httpProxy": secret}}))["HTTP_PROXY"] == {"secretKeyRef": secret}
    assert "`proxy.httpProxy` contains credentials" in rejection({"proxy": {"httpProxy": "http://a:b@proxy:3128"}})


def test_proxy_by_hand_without_the_address_of_instance_metadata_is_rejected(rejection: Callable[..., str]) -> None:
    """With HTTP_PROXY alone, the agent would exit."""
    message = rejection({"extraEnv": [{"name": "HTTP_PROXY", "value": URL}]})
    assert "`extraEnv` sets HTTP_PROXY without 169.254.169.254 in NO_PROXY" in message
    assert f"httpProxy: {URL}" in message


def test_brokers_that_the_proxy_does_not_reach_are_rejected(
    agent: Callable[..., dict[str, Any]], rejection: Callable[..., str]
) -> None:
    """librdkafka supports no proxy, so brokers have to be in `noProxy`."""
    outputs = {"queue": {"type": "kafka", "topics": "logs", "brokers": "b-1.example.com:9094"}}
    message = rejection({"proxy": {"httpProxy": URL}, "outputs": outputs})
    assert "`outputs.queue` bypasses the proxy, since librdkafka does not support proxies" in message
    agent({"proxy": {"httpProxy": URL, "noProxy": ["b-1.example.com"]}, "outputs": outputs})


@pytest.mark.parametrize(("mode", "drive"), [("container", "C:"), ("hostProcess", "${CONTAINER_SANDBOX_MOUNT_POINT}")])
def test_bundle_replaces_other_certificates(
    pod_spec: Callable[..., dict[str, Any]], agent_config: Callable[..., dict[str, Any]], mode: str, drive: str
) -> None:
    """Every output without a CA of its own trusts the key of the ConfigMap, also outputs to AWS."""
    bundle = {"caBundle": {"configMap": {"name": "corporate", "key": "ca.pem"}}}
    own = {"type": "opensearch", "host": "search.example.com", "tls": {"caSecret": {"name": "search", "key": "ca.crt"}}}
    values = {"mode": mode, "outputs": {"search": own}, **bundle}
    found = {output["alias"]: output["tls.ca_file"] for output in agent_config(values)["pipeline"]["outputs"]}
    ours = f"{drive}\\fluent-bit-ca\\search\\ca.crt"
    assert {path for alias, path in found.items() if alias.startswith("search")} == {ours}
    assert {path for alias, path in found.items() if path != ours} == {f"{drive}\\ca-bundle\\ca.crt"}
    spec = pod_spec(values)
    items = [{"key": "ca.pem", "path": "ca.crt"}]
    assert {"name": "ca", "configMap": {"name": "corporate", "items": items}} in spec["volumes"]
    mount = {"name": "ca", "mountPath": "C:\\ca-bundle", "readOnly": True}
    assert mount in spec["containers"][0]["volumeMounts"]
