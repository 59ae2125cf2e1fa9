"""The proxy and the CA certificates of containers that send to a backend."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from harness.render.manifests import Manifests, Object

Values = Mapping[str, Any]
URL = "http://proxy.example.com:3128"
PROXY = {"httpProxy": URL}
SEARCH = {"search": {"type": "elasticsearch", "host": "search.example.com"}}
CLOUDWATCH = {"cloudwatch": {"type": "cloudwatch"}}
SUMOLOGIC = {
    "engine": "sumologic-collector",
    "sumologicCollector": {key: {"name": "sumologic", "key": key} for key in ("accessId", "accessKey")},
}


def proxies(container: Object) -> dict[str, Any]:
    """Return the proxy's variables of a container."""
    env = {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container.get("env", [])}
    return {name: value for name, value in env.items() if "PROXY" in name}


@pytest.mark.parametrize(
    ("sidecar", "outputs", "variables"),
    [
        ({}, SEARCH, {"HTTP_PROXY", "NO_PROXY"}),
        ({"engine": "fluentd"}, SEARCH, {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}),
        (SUMOLOGIC, {}, {"SUMO_PROXY_HOST", "SUMO_PROXY_PORT"}),
        ({}, {}, set()),
        ({"engine": "tail"}, {}, set()),
    ],
    ids=["fluent-bit", "fluentd", "sumologic-collector", "stdout", "tail"],
)
def test_sidecar_with_a_backend_has_the_variables_of_its_engine(
    pod_spec: Callable[..., Object], sidecar: Values, outputs: Values, variables: set[str]
) -> None:
    """A sidecar that writes to stdout has no proxy, and neither has the application."""
    made = pod_spec({"proxy": PROXY, "sidecar": sidecar, "outputs": outputs})
    [container] = made["initContainers"]
    assert set(proxies(container)) == variables
    assert proxies(made["containers"][0]) == {}


def test_no_container_has_a_proxy_by_default(sidecars: Callable[..., list[Object]]) -> None:
    """Without a proxy, the sidecar has no such variables."""
    [container] = sidecars({"outputs": SEARCH})
    assert proxies(container) == {}


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [(URL, "proxy.example.com", "3128"), ("http://proxy", "proxy", "80"), ("http://[fd00::1]:3128", "fd00::1", "3128")],
    ids=["port", "no-port", "ipv6"],
)
def test_collector_has_host_and_port(
    sidecars: Callable[..., list[Object]], rejection: Callable[..., str], url: str, host: str, port: str
) -> None:
    """The collector reads no URL; with a Secret, its credentials are variables of their own."""
    [container] = sidecars({"proxy": {"httpsProxy": url}, "sidecar": SUMOLOGIC})
    assert proxies(container) == {"SUMO_PROXY_HOST": host, "SUMO_PROXY_PORT": port}
    message = rejection({"proxy": {"httpsProxy": {"name": "proxy", "key": "url"}}, "sidecar": SUMOLOGIC})
    assert "`proxy.httpsProxy` is a Secret" in message and "name: SUMO_PROXY_PASSWORD" in message


def test_hosts_of_a_domain_are_listed(sidecars: Callable[..., list[Object]]) -> None:
    """Fluent Bit compares whole names; an output's host follows the domain that contains it."""
    [container] = sidecars({"proxy": {**PROXY, "noProxy": [".example.com"]}, "outputs": SEARCH})
    assert proxies(container)["NO_PROXY"].endswith(",.cluster.local,.example.com,search.example.com")


def test_fluentd_has_ipv6_addresses_in_brackets(sidecars: Callable[..., list[Object]]) -> None:
    """Without brackets, hosts that end in the last group of an address would bypass the proxy, for example 10.0.0.23.

    See `proxy_from_env` in lib/excon/connection.rb of excon 1.6. The address of the API server may be such, but fluentd
    sends no requests to it.
    """
    egress = {"proxy": {**PROXY, "noProxy": ["fd12::/16", "fd13::1", "a.example.com"]}}
    [container] = sidecars({**egress, "sidecar": {"engine": "fluentd"}, "outputs": SEARCH})
    listed = proxies(container)["NO_PROXY"].split(",")
    addresses = ["[fd00:ec2::254]", "[fd00:ec2::23]", "[fd12::/16]", "[fd13::1]"]
    assert [entry for entry in listed if ":" in entry] == addresses
    assert "$(KUBERNETES_SERVICE_HOST)" not in listed


def test_demo_that_sends_itself_has_the_proxy(app: Callable[..., Object]) -> None:
    """The demo sends lines through the proxy, and traces to the cluster directly."""
    demo = {"logTo": "search", "traces": {"protocol": "otlp", "endpoint": "http://x-traces.prometheus:4318"}}
    values = {"app": {"demo": demo}, "sidecar": {"enabled": False}, "outputs": SEARCH}
    found = proxies(app({**values, "proxy": PROXY}))
    assert (found["HTTP_PROXY"], found["HTTPS_PROXY"]) == (URL, URL)
    assert found["NO_PROXY"].endswith(",.cluster.local,x-traces.prometheus")
    assert proxies(app(values)) == {}


def test_injected_sidecars_have_the_proxy(install: Callable[..., Manifests]) -> None:
    """The policy adds the variables only to sidecars of profiles that send to a backend."""
    profiles = {"default": {}, "search": {"outputs": SEARCH}}
    values = {"app": {"enabled": False}, "proxy": PROXY, "injection": {"enabled": True, "profiles": profiles}}
    policy = install(values).one("MutatingAdmissionPolicy")
    sidecars = {item["name"]: item["expression"] for item in policy["spec"]["variables"] if "sidecar_" in item["name"]}
    assert {name for name, text in sidecars.items() if "HTTP_PROXY" in text} == {"sidecar_1_fluent_bit"}


@pytest.mark.parametrize("name", ["httpProxy", "httpsProxy"])
@pytest.mark.parametrize(
    "values", [{}, {"app": {"enabled": False}, "injection": {"enabled": True}}], ids=["app", "injection"]
)
def test_credentials_in_a_url_are_rejected(rejection: Callable[..., str], values: dict[str, Any], name: str) -> None:
    """A URL with credentials would be in the pod's specification."""
    message = rejection({**values, "proxy": {name: "http://shop:secret@proxy.example.com"}})
    assert f"`proxy.{name}` contains credentials" in message and "secret@" not in message


HAND = [{"name": "HTTP_PROXY", "value": URL}]


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"sidecar": {"extraEnv": HAND}, "outputs": CLOUDWATCH}, "sidecar.extraEnv"),
        (
            {
                "app": {"enabled": False},
                "injection": {"enabled": True, "profiles": {"aws": {"env": HAND, "outputs": CLOUDWATCH}}},
            },
            "injection.profiles.aws.env",
        ),
    ],
    ids=["sidecar", "profile"],
)
def test_proxy_by_hand_without_the_address_of_instance_metadata_is_rejected(
    rejection: Callable[..., str], values: dict[str, Any], path: str
) -> None:
    """With HTTP_PROXY alone, a Fluent Bit that requests AWS credentials would exit."""
    assert f"`{path}` sets HTTP_PROXY without 169.254.169.254 in NO_PROXY" in rejection(values)


def test_proxy_by_hand_is_accepted_without_aws(install: Callable[..., Manifests]) -> None:
    """No other output requests credentials."""
    install({"sidecar": {"extraEnv": HAND}, "outputs": SEARCH})


KAFKA = {"queue": {"type": "kafka", "topics": "logs", "brokers": "b-1.example.com:9094"}}


@pytest.mark.parametrize(
    "values",
    [
        {"outputs": KAFKA},
        {"app": {"enabled": False}, "injection": {"enabled": True, "profiles": {"queue": {"outputs": KAFKA}}}},
    ],
    ids=["sidecar", "profile"],
)
def test_brokers_that_the_proxy_does_not_reach_are_rejected(
    install: Callable[..., Manifests], rejection: Callable[..., str], values: dict[str, Any]
) -> None:
    """librdkafka supports no proxy, so brokers have to be in `noProxy`, by name or domain."""
    message = rejection({**values, "proxy": {**PROXY, "noProxy": ["a.example.com"]}})
    assert "`outputs.queue` bypasses the proxy, since librdkafka does not support proxies" in message
    assert "proxy:\n  noProxy:\n  - a.example.com\n  - b-1.example.com" in message
    for listed in (["b-1.example.com"], [".example.com"]):
        install({**values, "proxy": {**PROXY, "noProxy": listed}})


BUNDLE = {"caBundle": {"secret": {"name": "corporate", "key": "ca.pem"}}}
VOLUME = {"secret": {"secretName": "corporate", "items": [{"key": "ca.pem", "path": "ca.crt"}]}}
FILE = "/etc/ca-bundle/ca.crt"


def mounts(container: Object) -> set[str]:
    """Return the paths of mounts with certificates of a container."""
    return {mount["mountPath"] for mount in container["volumeMounts"] if "ca" in mount["name"].split("-")}


def test_sidecar_with_a_backend_trusts_the_bundle(
    pod_spec: Callable[..., Object], agent_config: Callable[..., dict[str, Any]]
) -> None:
    """Only the sidecar mounts the file, and only outputs without a CA of their own refer to it."""
    own = {"type": "elasticsearch", "host": "own.example.com", "tls": {"caFile": "/etc/own.crt"}}
    values = {"outputs": {**SEARCH, "own": own}, "sidecar": {"state": {"sizeLimit": "1Gi"}}, **BUNDLE}
    made = pod_spec(values)
    assert {"name": "output-ca", **VOLUME} in made["volumes"]
    [container] = made["initContainers"]
    assert (mounts(container), mounts(made["containers"][0])) == ({"/etc/ca-bundle"}, set())
    found = {
        output["alias"]: output.get("tls.ca_file") for output in agent_config(values)["sidecar"]["pipeline"]["outputs"]
    }
    assert found == {"stdout": None, "search": FILE, "own": "/etc/own.crt"}


@pytest.mark.parametrize("sidecar", [{}, {"engine": "tail"}], ids=["stdout", "tail"])
def test_sidecar_without_a_backend_has_no_bundle(pod_spec: Callable[..., Object], sidecar: Values) -> None:
    """A ConfigMap or Secret that no output needs is not mounted."""
    made = pod_spec({"sidecar": sidecar, **BUNDLE})
    assert "ca" not in str(mounts(made["initContainers"][0]))
    assert VOLUME["secret"] not in [volume.get("secret") for volume in made["volumes"]]


def test_fluentd_trusts_the_bundle(sidecars: Callable[..., list[Object]], install: Callable[..., Manifests]) -> None:
    """The output has the file, and OpenSSL has its variable."""
    values = {"sidecar": {"engine": "fluentd"}, "outputs": SEARCH, **BUNDLE}
    [container] = sidecars(values)
    assert {"name": "SSL_CERT_FILE", "value": FILE} in container["env"]
    assert f"ca_file: {FILE}" in install(values).one("ConfigMap", "x-log-sidecar-sidecar")["data"]["sidecar.yaml"]


def test_demo_that_sends_itself_trusts_the_bundle(
    install: Callable[..., Manifests], app: Callable[..., Object]
) -> None:
    """The settings of the demo name the file, which its container mounts."""
    values = {"app": {"demo": {"logTo": "search"}}, "sidecar": {"enabled": False}, "outputs": SEARCH, **BUNDLE}
    assert mounts(app(values)) == {"/etc/ca-bundle"}
    assert f'"ca": "{FILE}"' in install(values).one("ConfigMap", "x-log-sidecar-demo")["data"]["ship.json"]


def test_injected_sidecars_trust_the_bundle(install: Callable[..., Manifests]) -> None:
    """The policy adds the volume and the mount only for profiles that send to a backend."""
    profiles = {"default": {}, "search": {"outputs": SEARCH}}
    values = {"app": {"enabled": False}, "injection": {"enabled": True, "profiles": profiles}, **BUNDLE}
    policy = install(values).one("MutatingAdmissionPolicy")
    found = {item["name"]: item["expression"] for item in policy["spec"]["variables"]}
    assert {name for name, text in found.items() if '"/etc/ca-bundle"' in text} == {"sidecar_1_fluent_bit"}
    assert found["needs"].count('"secretName": dyn("corporate")') == 1


def test_collector_with_a_bundle_is_rejected(rejection: Callable[..., str]) -> None:
    """Java has a trust store of its own, in the image."""
    assert "sumologic-collector engine trusts only the certificates in its image" in rejection(
        {"sidecar": SUMOLOGIC, **BUNDLE}
    )


def test_two_bundles_are_rejected(rejection: Callable[..., str]) -> None:
    """One file is used."""
    both = {"secret": {"name": "a", "key": "a"}, "configMap": {"name": "b", "key": "b"}}
    assert "`caBundle` has a Secret and a ConfigMap" in rejection({"caBundle": both})
