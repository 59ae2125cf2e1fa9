"""The proxy and the CA certificates of components that send data out of the cluster."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from harness.render.manifests import Manifests, load_yaml

Values = Mapping[str, Any]
URL = "http://proxy.example.com:3128"
AMP = {"url": "https://aps-workspaces.us-east-1.amazonaws.com/workspaces/ws-1/api/v1/remote_write", "sigv4": {}}
EVERYTHING = {
    "alertmanager": {"enabled": True},
    "blackboxExporter": {"enabled": True},
    "containerInsights": {"enabled": True, "windows": {"enabled": True}},
    "events": {"enabled": True},
    "logs": {"enabled": True},
    "pushgateway": {"enabled": True},
    "server": {"remoteWrite": [AMP]},
    "traces": {"enabled": True},
}
# What every NO_PROXY begins with. Fluent Bit requires the literal addresses, Go also understands the domains.
OWN = [
    "localhost",
    "127.0.0.1",
    "169.254.169.254",
    "169.254.170.23",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "$(KUBERNETES_SERVICE_HOST)",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    ".svc",
    ".cluster.local",
]
VARIABLES = {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}


def environments(made: Manifests) -> dict[str, dict[str, Any]]:
    """Return the proxy's variables by component, for all components."""
    found = {}
    for pod in made.pods():
        [container] = pod.spec["containers"]
        env = {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container.get("env", [])}
        found[pod.owner["metadata"]["name"].removeprefix("x-observability-stack-")] = {
            name: value for name, value in env.items() if name in VARIABLES
        }
    return found


def test_components_that_send_data_have_the_proxy(install: Callable[..., Manifests]) -> None:
    """Fluent Bit has its only variable, Go programs have both; components that stay in the cluster have none."""
    found = environments(install({"proxy": {"httpProxy": URL}, **EVERYTHING}))
    fluent_bit, go = {"HTTP_PROXY", "NO_PROXY"}, VARIABLES
    assert {component: set(env) for component, env in found.items()} == {
        "alertmanager": go,
        "blackbox-exporter": go,
        "container-insights": go,
        "container-insights-windows": go,
        "events": fluent_bit,
        "kube-state-metrics": set(),
        "logs": fluent_bit,
        "node-exporter": set(),
        "pushgateway": set(),
        "server": go,
        "traces": go,
    }
    assert {value for env in found.values() for name, value in env.items() if name != "NO_PROXY"} == {URL}
    nodes = {"logs": "$(NODE_IP)", "container-insights": "$(HOST_IP)", "container-insights-windows": "$(HOST_IP)"}
    for component, env in found.items():
        node = [nodes[component]] if component in nodes else []
        assert not env or env["NO_PROXY"].split(",") == [*OWN, *node], component


def test_no_component_has_a_proxy_by_default(install: Callable[..., Manifests]) -> None:
    """Without a proxy, nothing mentions one."""
    made = install({"proxy": {"noProxy": ["logs.example.com"]}, **EVERYTHING})
    assert not any(environments(made).values())
    assert "proxy_from_environment" not in str(list(made))


def test_variables_that_no_proxy_refers_to_are_defined_before_it(install: Callable[..., Manifests]) -> None:
    """The kubelet expands `$(NAME)` only from variables that precede it."""
    for pod in install({"proxy": {"httpProxy": URL}, **EVERYTHING}).pods():
        names = [entry["name"] for entry in pod.spec["containers"][0].get("env", [])]
        for entry in pod.spec["containers"][0].get("env", []):
            for name in {"NODE_IP", "HOST_IP"} if entry["name"] == "NO_PROXY" else set():
                assert f"$({name})" not in entry["value"] or names.index(name) < names.index("NO_PROXY"), str(pod)


def test_urls_by_scheme(install: Callable[..., Manifests]) -> None:
    """Go has both URLs; Fluent Bit, which has one variable, gets the URL for https."""
    secret = {"name": "proxy", "key": "url"}
    found = environments(install({"proxy": {"httpProxy": URL, "httpsProxy": secret}, **EVERYTHING}))
    assert found["logs"]["HTTP_PROXY"] == {"secretKeyRef": secret}
    assert (found["server"]["HTTP_PROXY"], found["server"]["HTTPS_PROXY"]) == (URL, {"secretKeyRef": secret})
    only = environments(install({"proxy": {"httpsProxy": URL}, **EVERYTHING}))
    assert (only["logs"]["HTTP_PROXY"], set(only["server"])) == (URL, {"HTTPS_PROXY", "NO_PROXY"})


@pytest.mark.parametrize(
    ("listed", "added"),
    [
        ([".amazonaws.com"], ["logs.us-east-1.amazonaws.com", "sts.us-east-1.amazonaws.com"]),
        (["*.us-east-1.amazonaws.com"], ["logs.us-east-1.amazonaws.com", "sts.us-east-1.amazonaws.com"]),
        (["logs.us-east-1.amazonaws.com"], []),
        (["Example.com", "10.0.0.0/8"], ["search.example.com"]),
        ([".ample.com", "com.example"], []),
    ],
    ids=["domain", "wildcard", "host", "bare-domain-and-network", "no-match"],
)
def test_hosts_of_a_domain_are_listed_for_fluent_bit(
    install: Callable[..., Manifests], listed: list[str], added: list[str]
) -> None:
    """Fluent Bit compares whole names, so the hosts of outputs that a domain contains follow it."""
    outputs = {"search": {"type": "opensearch", "host": "search.example.com"}}
    values = {"proxy": {"httpProxy": URL, "noProxy": listed}, "logs": {"enabled": True}, "outputs": outputs}
    assert environments(install(values))["logs"]["NO_PROXY"].split(",") == [*OWN, "$(NODE_IP)", *listed, *added]


def test_services_of_the_cluster_are_listed_for_fluent_bit(install: Callable[..., Manifests]) -> None:
    """An output in the cluster needs no entry: names below `.svc`, and short names of the same namespace."""
    hosts = ["search.logging.svc", "search.logging.svc.cluster.local", "search"]
    outputs = {f"output-{index}": {"type": "opensearch", "host": host} for index, host in enumerate(hosts)}
    found = environments(install({"proxy": {"httpProxy": URL}, "logs": {"enabled": True}, "outputs": outputs}))
    assert found["logs"]["NO_PROXY"].split(",") == [*OWN, "$(NODE_IP)", *hosts]


def test_fluentd_has_both_variables(install: Callable[..., Manifests]) -> None:
    """fluentd reads the variable of each scheme, and IPv6 addresses in brackets (see log-sidecar/test_egress.py)."""
    backend = {"cloudwatch": {"enabled": False}, "backend": {"type": "elasticsearch", "host": "search.example.com"}}
    logs = {"enabled": True, "engine": "fluentd"}
    found = environments(install({"proxy": {"httpProxy": URL}, "logs": logs, "outputs": backend}))
    assert set(found["logs"]) == VARIABLES
    addresses = [entry for entry in found["logs"]["NO_PROXY"].split(",") if ":" in entry or "$" in entry]
    assert addresses == ["[fd00:ec2::254]", "[fd00:ec2::23]"]


def test_remote_write_uses_the_proxy_of_the_environment(prometheus: Callable[..., dict[str, Any]]) -> None:
    """Prometheus ignores the environment by default; a remote or token endpoint with its own proxy keeps it."""
    own = {"url": "https://a.example.com/api/v1/push", "proxy_url": "http://other:3128"}
    token = {"client_id": "a", "client_secret_file": "/etc/remote/a", "token_url": "https://b.example.com/token"}
    tokens = {"url": "https://b.example.com/api/v1/push", "oauth2": token}
    off = {"url": "https://c.example.com/api/v1/push", "proxy_from_environment": False}
    remotes = prometheus({"proxy": {"httpsProxy": URL}, "server": {"remoteWrite": [AMP, own, tokens, off]}})
    found = [remote.get("proxy_from_environment") for remote in remotes["remote_write"]]
    assert found == [True, None, True, False]
    assert remotes["remote_write"][2]["oauth2"]["proxy_from_environment"] is True


def test_alertmanager_uses_the_proxy_of_the_environment(install: Callable[..., Manifests]) -> None:
    """Receivers use the proxy unless the configuration sets another one."""

    def client(**config: Any) -> Any:
        values = {"alertmanager": {"enabled": True, "config": config}, "proxy": {"httpProxy": URL}}
        data = install(values).texts(component="alertmanager")["alertmanager.yml"]
        return load_yaml(data)["global"]["http_config"]

    assert client() == {"proxy_from_environment": True}
    assert client(**{"global": {"http_config": {"proxy_url": "http://other:3128"}}}) == {
        "proxy_url": "http://other:3128"
    }


def test_receivers_with_a_client_of_their_own_use_the_proxy(install: Callable[..., Manifests]) -> None:
    """Such a client replaces the global one, also for its tokens; one with its own proxy keeps it."""
    token = {"client_id": "a", "client_secret_file": "/etc/a", "token_url": "https://b.example.com/token"}
    clients = [{"follow_redirects": False}, {"oauth2": token}, {"proxy_url": "http://other:3128"}]
    hooks = [{"url": "https://a.example.com", "http_config": client} for client in clients]
    config = {"route": {"receiver": "team"}, "receivers": [{"name": "team", "webhook_configs": hooks}]}

    def found(**values: Any) -> list[dict[str, Any]]:
        made = install({"alertmanager": {"enabled": True, "config": config}, **values})
        data = load_yaml(made.texts(component="alertmanager")["alertmanager.yml"])
        return [hook["http_config"] for hook in data["receivers"][0]["webhook_configs"]]

    on = {"proxy_from_environment": True}
    assert found(proxy={"httpProxy": URL}) == [{**clients[0], **on}, {"oauth2": {**token, **on}, **on}, clients[2]]
    assert found() == clients


@pytest.mark.parametrize("name", ["httpProxy", "httpsProxy"])
def test_credentials_in_a_url_are_rejected(rejection: Callable[..., str], name: str) -> None:
    """A URL with credentials would be in the pod's specification; a Secret contains it instead."""
    message = rejection({"proxy": {name: "http://shop:secret@proxy.example.com:3128"}})
    assert f"`proxy.{name}` contains credentials" in message
    assert f"proxy:\n  {name}:\n    key: url\n    name: proxy" in message
    assert "secret@" not in message


@pytest.mark.parametrize("agent", ["logs", "events"])
@pytest.mark.parametrize("direct", [[], ["127.0.0.0/8", "169.254.0.0/16", ".svc"]], ids=["missing", "networks"])
def test_proxy_by_hand_without_the_address_of_instance_metadata_is_rejected(
    rejection: Callable[..., str], agent: str, direct: list[str]
) -> None:
    """With HTTP_PROXY alone, or with networks, which Fluent Bit does not support, the agent would exit."""
    env = [{"name": "HTTP_PROXY", "value": URL}]
    if direct:
        env.append({"name": "NO_PROXY", "value": ",".join(direct)})
    message = rejection({agent: {"enabled": True, "extraEnv": env}})
    assert f"`{agent}.extraEnv` sets HTTP_PROXY without 169.254.169.254 in NO_PROXY" in message
    assert f"proxy:\n  httpProxy: {URL}" in message


@pytest.mark.parametrize(
    "direct",
    [{"value": "169.254.169.254,10.0.0.1"}, {"valueFrom": {"configMapKeyRef": {"name": "proxy", "key": "no"}}}],
    ids=["literal", "from-elsewhere"],
)
def test_complete_proxy_by_hand_is_accepted(install: Callable[..., Manifests], direct: dict[str, Any]) -> None:
    """The address is enough; a value from elsewhere is not known."""
    env = [{"name": "HTTP_PROXY", "value": URL}, {"name": "NO_PROXY", **direct}]
    install({"logs": {"enabled": True, "extraEnv": env}})


def test_proxy_by_hand_next_to_the_values_is_rejected(rejection: Callable[..., str]) -> None:
    """One of the two would win silently."""
    for name in ("HTTP_PROXY", "NO_PROXY"):
        env = [{"name": name, "value": "169.254.169.254"}]
        message = rejection({"proxy": {"httpProxy": URL}, "logs": {"enabled": True, "extraEnv": env}})
        assert "logs.extraEnv" in message and name in message


@pytest.mark.parametrize("entry", ["*", "[fd00::1]", "a,b", "http://a", "$(X)", "a b", ""])
def test_entries_that_no_program_understands_are_rejected(rejection: Callable[..., str], entry: str) -> None:
    """An entry is a host, a domain, an address or a network."""
    assert "/proxy/noProxy/0" in rejection({"proxy": {"httpProxy": URL, "noProxy": [entry]}})


BUNDLE = "/etc/ca-bundle/ca.crt"
CORPORATE = {"name": "corporate", "key": "ca.pem"}
SENDERS = {
    "alertmanager",
    "blackbox-exporter",
    "container-insights",
    "container-insights-windows",
    "events",
    "logs",
    "server",
    "traces",
}


@pytest.mark.parametrize("source", ["configMap", "secret"])
def test_components_that_send_data_trust_the_bundle(install: Callable[..., Manifests], source: str) -> None:
    """Each mounts the key as one file; all but Fluent Bit, which reads no such variable, have it in the environment."""
    made = install({"caBundle": {source: CORPORATE}, **EVERYTHING})
    mounted, paths = {}, {}
    for pod in made.pods():
        name = pod.owner["metadata"]["name"].removeprefix("x-observability-stack-")
        [container] = pod.spec["containers"]
        volumes = {volume.pop("name"): volume for volume in pod.spec.get("volumes", [])}
        for mount in container.get("volumeMounts", []):
            if mount["name"] == "ca":
                mounted[name] = (mount["mountPath"], mount["readOnly"], volumes["ca"])
        env = {entry["name"]: entry.get("value") for entry in container.get("env", [])}
        paths[name] = {env[variable] for variable in ("SSL_CERT_FILE", "AWS_CA_BUNDLE") if variable in env}
    key = "secretName" if source == "secret" else "name"
    volume = {source: {key: "corporate", "items": [{"key": "ca.pem", "path": "ca.crt"}]}}
    linux, windows = ("/etc/ca-bundle", True, volume), (r"C:\ca-bundle", True, volume)
    expected = dict.fromkeys(SENDERS, linux) | {"container-insights-windows": windows}
    assert mounted == expected
    variables = dict.fromkeys(SENDERS - {"events", "logs"}, BUNDLE) | {
        "container-insights-windows": r"C:\ca-bundle\ca.crt"
    }
    assert {name: path for name, found in paths.items() for path in found} == variables


def test_no_component_has_a_bundle_by_default(install: Callable[..., Manifests]) -> None:
    """Without a bundle, programs trust the certificates of their images."""
    made = str(list(install(EVERYTHING)))
    assert "SSL_CERT_FILE" not in made and "ca-bundle" not in made and "tls.proxy.ca_file" not in made


def sections(made: Manifests, component: str) -> dict[str, dict[str, Any]]:
    """Return Fluent Bit's outputs by alias."""
    config = load_yaml(made.one("ConfigMap", component=component)["data"]["fluent-bit.yaml"])
    return {output["alias"]: output for output in config["pipeline"]["outputs"]}


def test_outputs_without_a_ca_trust_the_bundle(install: Callable[..., Manifests]) -> None:
    """An output's own CA and an output without TLS stay as they are; an https:// proxy has an option of its own."""
    host = {"type": "opensearch", "host": "search.example.com"}
    outputs = {
        "file": {**host, "index": "a", "tls": {"caFile": "/etc/own.crt"}},
        "key": {**host, "index": "b", "tls": {"caSecret": CORPORATE}},
        "plain": {**host, "index": "c", "tls": {"enabled": False}},
        "printed": {"type": "stdout"},
    }
    values = {"caBundle": {"secret": CORPORATE}, "events": {"enabled": True}, "outputs": outputs}
    found = sections(install(values), "events")
    assert {alias: section.get("tls.ca_file") for alias, section in found.items()} == {
        "cloudwatch": BUNDLE,
        "file": "/etc/own.crt",
        "key": "/etc/outputs-ca/key/ca.crt",
        "plain": None,
        "printed": None,
    }
    assert not any("tls.proxy.ca_file" in section for section in found.values())
    proxied = sections(install({**values, "proxy": {"httpProxy": "https://proxy.example.com"}}), "events")
    assert {alias: section.get("tls.proxy.ca_file") for alias, section in proxied.items()} == {
        **dict.fromkeys(["cloudwatch", "file", "key", "plain"], BUNDLE),
        "printed": None,
    }


def test_fluentd_trusts_the_bundle(install: Callable[..., Manifests]) -> None:
    """Outputs without a CA of their own have the file, and OpenSSL has its variable."""
    outputs = {
        "cloudwatch": {"enabled": False},
        "ours": {"type": "elasticsearch", "host": "a.example.com", "tls": {"caFile": "/etc/own.crt"}},
        "theirs": {"type": "elasticsearch", "host": "b.example.com"},
    }
    logs = {"enabled": True, "engine": "fluentd"}
    made = install({"caBundle": {"configMap": CORPORATE}, "logs": logs, "outputs": outputs})
    text = made.one("ConfigMap", component="logs")["data"]["fluent.conf"]
    assert text.count("ca_file: /etc/own.crt") == text.count(f"ca_file: {BUNDLE}") == 3
    [container] = made.containers("logs")
    assert {"name": "SSL_CERT_FILE", "value": BUNDLE} in container["env"]


def test_two_bundles_are_rejected(rejection: Callable[..., str]) -> None:
    """One file is used."""
    message = rejection({"caBundle": {"configMap": CORPORATE, "secret": CORPORATE}})
    assert "`caBundle` has a Secret and a ConfigMap" in message
    assert "/caBundle/secret" in rejection({"caBundle": {"secret": {"name": "a"}}})
