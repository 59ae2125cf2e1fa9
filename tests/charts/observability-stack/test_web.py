"""Prefix, TLS and login of web servers: probes, scrapes, alerts and notes follow."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.render.manifests import Manifests

LOGIN = {"basic_auth_users": {"a": "$2y$10$hash"}}
TLS = {"tls_server_config": {"cert_file": "/etc/tls/tls.crt", "key_file": "/etc/tls/tls.key"}}
CLIENT = {
    "basic_auth": {"username": "a", "password_file": "/etc/login/password"},
    "tls_config": {"ca_file": "/etc/tls/ca.crt"},
}
JOBS = {"server": "prometheus", "alertmanager": "alertmanager", "pushgateway": "pushgateway"}
CASES: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "nothing": ({}, "http", ""),
    "URL": ({"externalUrl": "https://example.com/ui/"}, "http", "/ui"),
    "URL without a path": ({"externalUrl": "https://example.com"}, "http", ""),
    "prefix": ({"externalUrl": "https://example.com/ui", "routePrefix": "/"}, "http", ""),
    "TLS": ({"config": TLS, "client": CLIENT, "routePrefix": "/ui"}, "https", "/ui"),
    "login": ({"config": LOGIN, "client": CLIENT}, "http", None),
    "client certificates": (
        {"config": {"tls_server_config": {"client_auth_type": "RequireAndVerifyClientCert"}}, "client": CLIENT},
        "https",
        None,
    ),
}


@pytest.mark.parametrize("component", JOBS)
@pytest.mark.parametrize(("web", "scheme", "prefix"), CASES.values(), ids=CASES)
def test_web_is_followed(
    install: Callable[..., Manifests],
    scrapes: Callable[..., dict[str, dict[str, Any]]],
    component: str,
    web: dict[str, Any],
    scheme: str,
    prefix: str | None,
) -> None:
    """Probes and scrapes use scheme, prefix and client; without credentials, a probe only connects (`None`)."""
    values = {component: {"enabled": True, "web": web}}
    [container] = install(values).containers(component.replace("server", "prometheus"))
    for probe in ("livenessProbe", "readinessProbe"):
        if prefix is None:
            assert container[probe]["tcpSocket"] == {"port": "http"}
        else:
            path = {"livenessProbe": "/-/healthy", "readinessProbe": "/-/ready"}[probe]
            found = container[probe]["httpGet"]
            assert (found["path"], found.get("scheme", "HTTP").lower()) == (prefix + path, scheme)
    job = scrapes(values)[JOBS[component]]
    assert (job.get("scheme", "http"), job.get("metrics_path", "/metrics")) == (scheme, (prefix or "") + "/metrics")
    assert job.items() >= web.get("client", {}).items()
    assert ("--web.config.file=/etc/web/web.yml" in container["args"]) == ("config" in web)


def test_alerts_follow(prometheus: Callable[..., dict[str, Any]]) -> None:
    """A server sends alerts by the scheme, prefix and client of Alertmanager."""
    web = {"config": {**TLS, **LOGIN}, "client": CLIENT, "externalUrl": "https://example.com/alerts"}
    [found] = prometheus({"alertmanager": {"enabled": True, "web": web}})["alerting"]["alertmanagers"]
    assert found.items() >= {"scheme": "https", "path_prefix": "/alerts", **CLIENT}.items()


def test_notes_follow(notes: Callable[..., str]) -> None:
    """The notes print the URL with scheme and prefix, and ask for the login."""
    web = {"config": {**TLS, **LOGIN}, "client": CLIENT, "routePrefix": "/ui"}
    remote = [{"url": "https://mimir.example.com/api/v1/push"}]
    text = notes({"server": {"web": web, "remoteWrite": remote}})
    assert "at https://localhost:9090/ui:" in text
    assert "curl -s --insecure --user USER https://localhost:9090/ui/metrics |" in text
    assert "curl -s http://localhost:9090/metrics |" in notes({"server": {"remoteWrite": remote}})


REJECTED = {
    "server.extraArgs": ("--web.route-prefix=/a", "Use `server.web.routePrefix`"),
    "alertmanager.extraArgs": ("--web.external-url=http://a/b", "Use `alertmanager.web.externalUrl`"),
    "pushgateway.extraArgs": ("--web.config.file=/a", "Use `pushgateway.web.config`"),
    "nodeExporter.extraArgs": ("--web.config.file=/a", "Remove it."),
    "kubeStateMetrics.extraArgs": ("--telemetry-port=1", "Remove it."),
    "windowsExporter.extraArgs": ("--telemetry.path=/a", "Remove it."),
}


@pytest.mark.parametrize("place", REJECTED)
def test_flags_are_rejected(rejection: Callable[..., str], place: str) -> None:
    """A flag that probes and scrapes would not follow is rejected, with the value to use."""
    flag, says = REJECTED[place]
    message = rejection({place.partition(".")[0]: {"extraArgs": [flag]}})
    assert f"`{place}` has {flag.partition('=')[0]}, which probes and scrapes would not follow. {says}" in message


@pytest.mark.parametrize("component", JOBS)
@pytest.mark.parametrize(("config", "client"), [(TLS, "tls_config"), (LOGIN, "basic_auth")], ids=["TLS", "login"])
def test_client_is_required(rejection: Callable[..., str], component: str, config: dict[str, Any], client: str) -> None:
    """TLS or a login without options of a client, with which no scrape would succeed, is rejected."""
    message = rejection({component: {"web": {"config": config}}})
    assert f"{component}:\n  web:\n    client:\n      {client}:" in message
