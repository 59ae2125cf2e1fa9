"""Probes by a real blackbox_exporter, from the values of the chart to the series that arrive."""

import contextlib
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.backends.ports import free_port
from harness.backends.receivers import HOST
from harness.backends.remote_write import RemoteWriteReceiver
from harness.render.helm import Helm
from harness.render.manifests import load_yaml

from .prometheus import CHART, Exporter, amp, built, running

pytestmark = pytest.mark.slow
NAME = "test-observability-stack-blackbox-exporter"


@contextlib.contextmanager
def blackbox_exporter(folder: Path, values: dict[str, Any]) -> Iterator[str]:
    """Run the exporter of the chart, with its configuration and arguments; its address in the cluster is replaced.

    Yields:
        The address.
    """
    exporter = built("blackbox_exporter")
    made = Helm().render(CHART, values=values)
    for file, text in made.texts(NAME).items():
        (folder / file).write_text(text, encoding="utf-8")
    address = f"{HOST}:{free_port()}"
    [box] = made.containers("blackbox-exporter")
    args = [one.replace("/etc/blackbox-exporter/", f"{folder}/").replace(":9115", address) for one in box["args"]]
    with (
        (folder / "exporter.log").open("wb") as log,
        subprocess.Popen([exporter, *args], stdout=log, stderr=log) as run,
    ):
        try:
            yield address
        finally:
            run.kill()


@pytest.fixture
def receiver() -> Iterator[RemoteWriteReceiver]:
    """The workspace."""
    with RemoteWriteReceiver(region="us-east-1") as made:
        yield made


@pytest.mark.parametrize(
    "server",
    [{"mode": "agent"}, {"mode": "server"}, {"mode": "agent", "engine": "vmagent"}],
    ids=["agent", "server", "vmagent"],
)
def test_results_of_probes_arrive(tmp_path: Path, receiver: RemoteWriteReceiver, server: dict[str, Any]) -> None:
    """Results of probes arrive with their labels, also the expiry of certificates, and nothing that is not used."""
    with (
        Exporter({"/healthz": "a 1\n"}) as page,
        RemoteWriteReceiver(tls=tmp_path / "pki") as secure,
    ):
        tls = {"prober": "tcp", "tcp": {"tls": True, "tls_config": {"ca_file": str(secure.ca)}}}
        targets = {
            "up": {"target": f"http://{page.address}/healthz", "labels": {"team": "web"}},
            "down": {"target": f"http://{page.address}/gone"},
            "certificate": {"target": f"{HOST}:{secure.port}", "module": "tls"},
            "closed": {"target": f"{HOST}:{free_port()}", "module": "tcp_connect"},
        }
        modules = {"http_2xx": {"prober": "http"}, "tcp_connect": {"prober": "tcp"}, "tls": tls}
        exporter = {"enabled": True, "modules": modules, "targets": targets}
        values = {"blackboxExporter": exporter, "server": {**server, "remoteWrite": [amp()]}}
        start = "__meta_kubernetes_service_annotation_prometheus_io_probe"
        of_service = {"__meta_kubernetes_namespace": "shop", "__address__": page.address, start: "true"}
        services = [
            {**of_service, "__meta_kubernetes_service_name": "cart", f"{start}_path": "/healthz"},
            {**of_service, "__meta_kubernetes_service_name": "odd", f"{start}_module": "no-such-module"},
        ]
        with (
            blackbox_exporter(tmp_path, {"blackboxExporter": exporter}) as address,
            running(
                tmp_path, values, {"probes": services}, receiver, places={f"{NAME}.default.svc:9115": address}
            ) as prometheus,
        ):
            prometheus.wait(lambda: len(receiver.select("probe_success")) == 5, "the results of five probes")
            prometheus.wait(lambda: len(receiver.select("up")) == 6, "six targets")
            prometheus.wait(lambda: receiver.select("probe_ssl_earliest_cert_expiry"), "the expiry of the certificate")
    results = {}
    for labels, points in receiver.select("probe_success").items():
        found = dict(labels)
        results[found.get("probe") or found["service"]] = points[max(points)]
    assert results == {"up": 1, "down": 0, "certificate": 1, "closed": 0, "cart": 1}
    [labels] = [dict(one) for one in receiver.select("probe_success") if ("probe", "up") in one]
    known = {"__name__": "probe_success", "job": "probes", "module": "http_2xx", "cluster": "shop"}
    assert labels == {**known, "instance": targets["up"]["target"], "probe": "up", "team": "web"}
    up = {dict(one).get("service") or "static": points[max(points)] for one, points in receiver.select("up").items()}
    assert up == {"static": 1, "cart": 1, "odd": 0}
    [expiry] = receiver.select("probe_ssl_earliest_cert_expiry")
    assert ("probe", "certificate") in expiry
    allowed = load_yaml((CHART / "files" / "allow-list.yaml").read_text(encoding="utf-8"))["probes"]
    of_job = {dict(one)["__name__"] for one in receiver.all() if ("job", "probes") in one} - {
        "ALERTS",
        "ALERTS_FOR_STATE",
    }
    assert of_job <= {*allowed, "scrape_duration_seconds", "scrape_samples_scraped"}
    assert "probe_dns_lookup_time_seconds" not in of_job


def test_configuration_is_accepted(tmp_path: Path) -> None:
    """The exporter starts with each kind of prober, and its probes of health answer."""
    modules = {name: {"prober": name} for name in ("http", "tcp", "grpc")}
    modules["dns"] = {"prober": "dns", "dns": {"query_name": "kubernetes.default.svc"}}  # type: ignore[dict-item]
    with blackbox_exporter(tmp_path, {"blackboxExporter": {"enabled": True, "modules": modules}}) as address:
        request = urllib.request.Request(f"http://{address}/-/healthy")
        for _ in range(100):
            with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=5) as answer:
                assert answer.status == 200
                return
            time.sleep(0.1)
    pytest.fail((tmp_path / "exporter.log").read_text(encoding="utf-8"))
