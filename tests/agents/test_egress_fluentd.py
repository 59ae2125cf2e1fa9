"""fluentd behind a proxy and a private CA, as a sidecar and as the node agent; see test_egress.py."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.backends.ports import free_port
from harness.backends.proxy import Proxy
from harness.backends.receivers import HOST, BulkReceiver
from harness.images import machine_program, variable_of
from harness.render.helm import Helm

from .conftest import Sidecar
from .node import BUNDLE, NOW, expanded
from .test_egress import CHART, ELSEWHERE, KEY, running, wait

pytestmark = pytest.mark.slow


@pytest.mark.environment("proxy", "sidecar")
@pytest.mark.environment("private-ca", "sidecar")
@pytest.mark.parametrize("trusted", [True, False], ids=["ca-bundle", "public-cas"])
def test_sidecar_behind_a_proxy_and_a_private_ca(
    sidecar: Callable[..., Sidecar], tmp_path: Path, trusted: bool
) -> None:
    """Documents reach a backend through the proxy with `caBundle` only, and one in `noProxy` directly.

    That the address of the backend ends as one of the instance metadata, fd00:ec2::23, does not matter.
    """
    name = "127.0.0.23"
    with (
        BulkReceiver(tls=tmp_path / "pki", names=[name]) as far,
        BulkReceiver(host=ELSEWHERE) as near,
        Proxy({name: (HOST, far.port)}) as proxy,
    ):
        outputs = {
            "stdout": {"enabled": False},
            "far": {"type": "elasticsearch", "host": name, "port": 443},
            "near": {"type": "elasticsearch", "host": ELSEWHERE, "port": near.port, "tls": {"enabled": False}},
        }
        egress: dict[str, Any] = {"proxy": {"httpProxy": proxy.url, "noProxy": [ELSEWHERE]}}
        if trusted:
            egress["caBundle"] = {"secret": KEY}
        values = {"outputs": outputs, "sidecar": {"state": {"sizeLimit": "1Gi"}}, **egress}
        started = sidecar(values, ca=far.ca, engine="fluentd")
        started.file.write_text("hello\n", encoding="utf-8")
        # Without trust, a second connection follows a rejected certificate.
        started.wait_for(lambda: bool(near.records and (far.records if trusted else len(proxy.destinations) > 1)))
    assert [*far.lines(), *near.lines()] == [b"hello", b"hello"][: 1 + trusted]
    assert proxy.hosts() == {name}


@pytest.mark.environment("proxy", "node-logs")
@pytest.mark.environment("private-ca", "node-logs")
@pytest.mark.parametrize("trusted", [True, False], ids=["ca-bundle", "public-cas"])
def test_node_agent_behind_a_proxy_and_a_private_ca(tmp_path: Path, trusted: bool) -> None:
    """Documents reach a backend through the proxy with `caBundle` only, and one in `noProxy` directly."""
    name = "search.example.com"
    with (
        BulkReceiver(tls=tmp_path / "pki", names=[name]) as far,
        BulkReceiver(host=ELSEWHERE) as near,
        Proxy({name: (HOST, far.port)}) as proxy,
    ):
        outputs = {
            "cloudwatch": {"enabled": False},
            "far": {"type": "elasticsearch", "host": name, "port": 443},
            "near": {"type": "elasticsearch", "host": ELSEWHERE, "port": near.port, "tls": {"enabled": False}},
        }
        values: dict[str, Any] = {"outputs": outputs, "proxy": {"httpProxy": proxy.url, "noProxy": [ELSEWHERE]}}
        if trusted:
            values["caBundle"] = {"configMap": KEY}
        file = tmp_path / "pods" / "shop_web-1_uid" / "app" / "0.log"
        file.parent.mkdir(parents=True)
        file.write_text(f"{NOW} stdout F hello\n", encoding="utf-8")
        with node_agent(tmp_path, values, ca=far.ca):
            # Without trust, a second connection follows a rejected certificate.
            wait(lambda: near.records and (far.records if trusted else len(proxy.destinations) > 1), tmp_path / "log")
    stored = [(record["log"], record["kubernetes"]["pod_name"]) for record in (*far.records, *near.records)]
    assert stored == [("hello", "web-1")] * (1 + trusted)
    assert proxy.hosts() == {name}


@contextlib.contextmanager
def node_agent(folder: Path, values: dict[str, Any], *, ca: Path | None) -> Iterator[None]:
    """Run the rendered node agent with this folder as /var/log."""
    program = machine_program("fluentd")
    if program is None:
        pytest.skip(f"needs fluentd on PATH (or in ${variable_of('fluentd')})")
    logs = {
        "enabled": True,
        "engine": "fluentd",
        "httpServer": {"port": free_port()},
        "dataplane": {"enabled": False},
        "host": {"enabled": False},
    }
    made = Helm().render(CHART, values={"metrics": {"enabled": False}, "logs": logs, **values})
    text = made.one("ConfigMap", component="logs")["data"]["fluent.conf"]
    # The names of a pod are at fixed places of the path.
    depth = len(folder.parts)
    places = {
        "/var/log/": f"{folder}/",
        ".var.log.": f"{folder}/".replace("/", "."),
        "a[5]": f"a[{depth + 2}]",
        "a[4]": f"a[{depth + 1}]",
        "/var/lib/fluentd": f"{folder}/state",
        BUNDLE: str(ca),
    }
    for inside, outside in places.items():
        text = text.replace(inside, outside)
    (folder / "fluent.conf").write_text(text, encoding="utf-8")
    [container] = made.containers("logs")
    given = {"HOST_NAME": "node-1", "POD_IP": HOST}
    environment = {name: text.replace(BUNDLE, str(ca)) for name, text in expanded(container["env"], given).items()}
    command = [str(program), "--config", str(folder / "fluent.conf"), *environment["FLUENTD_OPT"].split()]
    with running(command, folder / "log", environment | {"PATH": os.environ["PATH"]}):
        yield
