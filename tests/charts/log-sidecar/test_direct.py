"""`app.demo.logTo: <output>`: the demo process sends its lines to local HTTP servers itself."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from harness.backends import receivers
from harness.render.manifests import Manifests, Object

from .demo import PATIENCE_SECONDS, Demo

KEY = {"name": "login", "key": "password"}


def direct(output: dict[str, Any], **demo: Any) -> dict[str, Any]:
    return {
        "app": {"demo": {"logTo": "backend", **demo}},
        "sidecar": {"enabled": False, "grace": 1, "fluentBit": {"flush": 0.1}},
        "outputs": {"backend": output},
    }


def http(port: int = 80) -> dict[str, Any]:
    return {"type": "http", "host": receivers.HOST, "port": port, "uri": "/x", "tls": {"enabled": False}}


def login(port: int) -> dict[str, Any]:
    """Return values with a local Elasticsearch; credentials are the names of their variables in lowercase."""
    secrets = {"httpUser": KEY, "httpPasswd": KEY}
    return {"type": "elasticsearch", "host": receivers.HOST, "port": port, "tls": {"enabled": False}, **secrets}


def test_one_pod_without_sidecar(install: Callable[..., Manifests], pod_spec: Callable[..., Object]) -> None:
    """There is no sidecar and no sidecar configuration; credentials are references, and settings are in a ConfigMap."""
    ca = {"caSecret": {"name": "authority", "key": "ca.crt"}}
    values = direct({"type": "elasticsearch", "host": "es", "httpUser": "me", "httpPasswd": KEY, "tls": ca})
    spec = pod_spec(values)
    [container] = spec["containers"]
    assert "initContainers" not in spec
    assert {volume["name"] for volume in spec["volumes"]} == {"logs", "demo", "tmp", "output-ca-backend"}
    by_name = {entry["name"]: entry for entry in container["env"]}
    assert by_name["OUTPUT_BACKEND__HTTP_PASSWD"]["valueFrom"] == {"secretKeyRef": KEY}
    assert {"name": "output-ca-backend", "mountPath": "/etc/log-sidecar-ca/backend", "readOnly": True} in container[
        "volumeMounts"
    ]
    settings = json.loads(install(values).one("ConfigMap", "x-log-sidecar-demo")["data"]["ship.json"])
    assert settings["url"] == "https://es:9200/_bulk"
    assert settings["login"] == ["me", "${OUTPUT_BACKEND__HTTP_PASSWD}"]
    assert (settings["ca"], settings["index"]) == ("/etc/log-sidecar-ca/backend/ca.crt", "logs")


def test_settings_roll_the_pods(install: Callable[..., Manifests]) -> None:
    """A changed address changes the checksum, and restarts the pods."""
    found = [
        install(direct(http(port))).one("Deployment")["spec"]["template"]["metadata"]["annotations"]["checksum/demo"]
        for port in (80, 81)
    ]
    assert found[0] != found[1]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (direct(http()) | {"sidecar": {}}, "sidecar:\n  enabled: false"),
        (direct({"type": "stdout"}), "outputs:\n  backend:\n    host: logs.example.com\n    type: http"),
        (direct({"type": "cloudwatch"}), "cannot send to cloudwatch"),
        (direct(http(), logTo="other"), "`outputs` has no enabled output with that name"),
        (direct({**http(), "enabled": False}), "outputs:\n  backend:\n    enabled: true\n    host: logs.example.com"),
        (direct({"type": "opensearch", "host": "x", "awsAuth": True}), "outputs:\n  backend:\n    awsAuth: false"),
        (direct({**http(), "url": KEY}), "`outputs.backend` sets both host and url"),
    ],
    ids=["sidecar", "stdout", "CloudWatch", "unknown", "disabled", "SigV4", "host and URL"],
)
def test_what_it_cannot_do_is_rejected(rejection: Callable[[Any], str], values: dict[str, Any], said: str) -> None:
    """Unsupported values are rejected with the YAML to write."""
    assert said in rejection(values)


@pytest.mark.slow
def test_lines_survive_an_outage(start: Callable[..., Demo]) -> None:
    """After 5xx, throttling, refused connections and lost responses, no line is lost; the demo always responds."""
    with receivers.JsonReceiver() as backend:
        demo = start(direct(http(backend.port)))
        written = demo.log(200)
        for kind in ("503", "429", "refuse"):
            backend.fail(kind)
            written += demo.log(100)
            time.sleep(0.7)
        backend.heal()
        written += demo.log(100)
        assert demo.wait_until_sent() == {
            "demo_lines_sent_total": 600,
            "demo_lines_dropped_total": 0,
            "demo_lines_waiting": 0,
        }
        assert [line.decode() for line in backend.lines()] == written
        assert backend.records[0]["pod"] == "output_pod"
        assert "demo_lines_sent_total 600" in demo.end()


@pytest.mark.slow
def test_documents_are_stored_once(start: Callable[..., Demo]) -> None:
    """After lost responses and rejected documents, each document is stored exactly once."""
    names = {"user": "output_backend__http_user", "password": "output_backend__http_passwd"}
    with receivers.BulkReceiver(**names) as backend:
        demo = start(direct(login(backend.port)))
        written = []
        for kind in ("lost", "partial"):
            backend.fail(kind)
            written += demo.log(100)
            time.sleep(0.7)
        backend.heal()
        counts = demo.wait_until_sent()
        assert (counts["demo_lines_sent_total"], counts["demo_lines_dropped_total"]) == (200, 0)
        assert sorted(line.decode() for line in backend.lines()) == sorted(written)


@pytest.mark.slow
def test_full_queue_drops_and_counts(start: Callable[..., Demo]) -> None:
    """During an outage the application continues, and each line above the queue limit is dropped and counted."""
    with receivers.JsonReceiver() as backend:
        backend.fail("refuse")
        demo = start(direct(http(backend.port), queueLines=100))
        demo.log(2000)
        counts = demo.counts()
        assert counts["demo_lines_dropped_total"] >= 1000
        backend.heal()
        counts = demo.wait_until_sent()
        assert counts["demo_lines_sent_total"] == len(backend.lines())
        assert counts["demo_lines_sent_total"] + counts["demo_lines_dropped_total"] == 2000


@pytest.mark.slow
def test_end_waits_no_longer_than_the_grace(start: Callable[..., Demo]) -> None:
    """After SIGTERM, the demo delivers for `sidecar.grace`, then reports the remaining lines as dropped."""
    with receivers.JsonReceiver() as backend:
        backend.fail("503")
        demo = start(direct(http(backend.port)))
        demo.log(50)
        said = demo.end()
        assert "demo_lines_sent_total 0" in said
        assert "demo_lines_dropped_total 50" in said


@pytest.mark.slow
def test_job_ends_when_everything_is_delivered(start: Callable[..., Demo]) -> None:
    """In a Job, the demo waits until the backend has accepted all lines, however long an outage lasts."""
    with receivers.JsonReceiver() as backend:
        backend.fail("refuse")
        values = direct(http(backend.port), jobLines=700)
        demo = start({**values, "app": {**values["app"], "kind": "Job"}}, "batch")
        time.sleep(1)
        assert demo.process.poll() is None
        backend.heal()
        assert demo.process.wait(timeout=PATIENCE_SECONDS) == 0
        assert len(set(backend.lines())) == 700
