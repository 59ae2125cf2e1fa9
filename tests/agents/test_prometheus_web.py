"""Prometheus with TLS, a login and a prefix: everything of the chart that connects to it follows."""

import base64
import ssl
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from harness.backends.pki import Authority
from harness.backends.receivers import HOST, JsonReceiver
from harness.backends.remote_write import RemoteWriteReceiver

from .prometheus import Target, amp, running

pytestmark = pytest.mark.slow
PASSWORD = "open-sesame"
HASH = "$2b$05$LJ7cQ3mKemeJwpc/W8Br4OmcZVIHf9heodqMIq..UhaDeSYQAnQpm"


def _encoded(user: str) -> str:
    return base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()


def login(user: str) -> dict[str, Any]:
    return {"basic_auth": {"username": user, "password": PASSWORD}}


def test_web_is_followed(tmp_path: Path) -> None:
    """Prometheus scrapes itself by TLS, with a login and below its prefix, and so sends alerts to Alertmanager."""
    authority = Authority(tmp_path / "tls")
    authority.issue("server", "prometheus", hosts=("prometheus.example.com", HOST))
    certificate, key, ca = (str(tmp_path / "tls" / name) for name in ("server.crt", "server.key", "ca.crt"))
    web = {
        "externalUrl": "https://prometheus.example.com/metrics-ui/",
        "config": {
            "tls_server_config": {"cert_file": certificate, "key_file": key},
            "basic_auth_users": {"prometheus": HASH},
        },
        "client": {"tls_config": {"ca_file": ca, "server_name": "prometheus.example.com"}, **login("prometheus")},
    }
    often = ["--config.auto-reload-interval=1s"]
    values = {
        "server": {"mode": "server", "remoteWrite": [amp()], "web": web, "extraArgs": often},
        "alertmanager": {"enabled": True, "web": {"routePrefix": "/am", "client": login("alertmanager")}},
        "rules": {"groups": [{"name": "g", "interval": "1s", "rules": [{"alert": "Always", "expr": "vector(1)"}]}]},
    }
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca)))
    opener.addheaders = [("Authorization", "Basic " + _encoded("prometheus"))]
    targets: dict[str, list[Target]] = {}
    with (
        RemoteWriteReceiver(region="us-east-1") as receiver,
        JsonReceiver(user="alertmanager", password=PASSWORD) as alertmanager,
        running(tmp_path, values, targets, receiver, base="https://{}/metrics-ui", opener=opener) as prometheus,
    ):
        targets["alertmanager"] = [{"__address__": f"{HOST}:{alertmanager.port}"}]
        targets["prometheus"] = [
            {"__address__": f"{HOST}:{prometheus.ports[0]}", "__meta_kubernetes_pod_container_port_name": "http"}
        ]
        prometheus.configure(values)

        def up() -> bool:
            return any(1.0 in points.values() for points in receiver.select("up", job="prometheus").values())

        prometheus.wait(up, "the scrape of itself")
        prometheus.wait(lambda: "/am/api/v2/alerts" in alertmanager.paths, "an alert")
        assert alertmanager.reasons == []
