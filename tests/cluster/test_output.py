"""From a file in a pod to a backend in another, on a real kubelet, in a restricted namespace."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster.stage import CHART, Stage
from harness.render.manifests import load_yaml

pytestmark = pytest.mark.cluster
RECEIVER = """\
import http.server, socket, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        welcome = self.headers["Authorization"] == "Bearer s3cret"
        if welcome:
            sys.stdout.write(body if body.endswith("\\n") else body + "\\n")
            sys.stdout.flush()
        self.send_response(200 if welcome else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
Server(("", 8080), Handler).serve_forever()
"""


def receiver() -> list[dict[str, Any]]:
    """A pod that prints received records, its Service, and the Secret with its credentials."""
    locked = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
    image = load_yaml((Path(CHART) / "values.yaml").read_text())["app"]["image"]
    container = {
        "name": "receiver",
        "image": f"{image['registry']}/{image['repository']}:{image['tag']}",
        "command": ["python3", "-uBc", RECEIVER],
        "securityContext": locked,
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
    }
    user = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    pod = {"containers": [container], "securityContext": user, "terminationGracePeriodSeconds": 0}
    service = {"selector": {"app": "receiver"}, "ports": [{"port": 8080}]}
    name = {"name": "receiver", "labels": {"app": "receiver"}}
    return [
        {"apiVersion": "v1", "kind": "Pod", "metadata": name, "spec": pod},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "receiver"}, "spec": service},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "ingest"},
            "stringData": {"token": "Bearer s3cret"},
        },
    ]


def test_records_reach_a_backend(stage: Stage, eventually: Callable[..., None]) -> None:
    """Each line arrives once, with the names of its pod, authenticated with a Secret."""
    header = {"Authorization": {"name": "ingest", "key": "token"}}
    http = {"type": "http", "host": "receiver", "port": 8080, "tls": {"enabled": False}}
    http |= {"format": "json_lines", "compress": "", "secretHeaders": header}
    values = {
        "logs": {"labels": {"cluster": "c"}},
        "outputs": {"stdout": {"enabled": False}, "receiver": http},
        "extraObjects": receiver(),
    }
    stage.install("x", values)
    [service] = [one["metadata"]["name"] for one in stage.get("services", "app.kubernetes.io/instance=x")]
    url = f"/api/v1/namespaces/{stage.namespace}/services/{service}:http/proxy/log"
    written = [line for _ in range(20) for line in stage.kubectl("get", "--raw", url).splitlines()]
    assert len(written) == 200

    def records() -> list[dict[str, Any]]:
        return [json.loads(line) for line in stage.kubectl("logs", "receiver", "--tail=-1").splitlines()]

    eventually(lambda: {record["log"] for record in records()} >= set(written), 60)
    arrived = records()
    assert {line: count for line, count in Counter(record["log"] for record in arrived).items() if count > 1} == {}
    [pod] = stage.get("pods", "app.kubernetes.io/instance=x")
    names = {"namespace": stage.namespace, "pod": pod["metadata"]["name"], "node": pod["spec"]["nodeName"]}
    names |= {"container": "app", "file": "app", "cluster": "c"}
    assert {key: arrived[0][key] for key in names} == names
    assert stage.kubectl("logs", names["pod"], "-c", "sidecar") == ""


@pytest.mark.parametrize("file", ["cloudwatch", "opensearch"])
def test_pod_starts_without_its_backend(stage: Stage, file: str) -> None:
    """A missing backend or identity blocks neither the application nor the sidecar."""
    stage.install("x", files=(Path(CHART) / "ci" / f"{file}-values.yaml",))
    [pod] = stage.get("pods", "app.kubernetes.io/instance=x,app.kubernetes.io/component=app")
    states = [*pod["status"]["initContainerStatuses"], *pod["status"]["containerStatuses"]]
    assert [(state["name"], state["ready"], state["restartCount"]) for state in states] == [
        ("sidecar", True, 0),
        ("app", True, 0),
    ]
