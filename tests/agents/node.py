"""The rendered agent of observability-stack as a process on this machine, with a folder as its node."""

import os
import re
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_httpserver import HTTPServer

from harness import images
from harness.backends.aws import CREDENTIALS, REGION
from harness.backends.pki import Authority
from harness.backends.ports import free_port
from harness.backends.receivers import HOST
from harness.backends.samples import total
from harness.render.helm import Helm
from harness.render.manifests import load_yaml

CHART = Path(__file__).parents[2] / "charts" / "observability-stack"
NOW = "2026-11-21T10:00:00.000000001Z"
PATIENCE_SECONDS = 60.0
# Where the pods find the certificates of `caBundle`.
BUNDLE = "/etc/ca-bundle/ca.crt"
# Credentials from a Secret, by environment variable of the pod.
LOGIN = {"OUTPUT_BACKEND__HTTP_USER": "shop", "OUTPUT_BACKEND__HTTP_PASSWD": "p$ {w}"}
USER, PASSWORD = LOGIN.values()


def http(port: int, **options: Any) -> dict[str, Any]:
    """Return an output to a local receiver."""
    return {"type": "http", "host": HOST, "port": port, "tls": {"enabled": False}, **options}


class Node:
    """A folder with the logs of a node, and the rendered agent with paths below that folder.

    Args:
        folder: the folder.
        port: port of the backend.
        changed: replaced options of the Kubernetes filter.
        outputs: `outputs` of the chart's values; default: HTTP to that port.
        values: further values of the chart.
        node_ip: address of the node.
        ca: file of the CA certificates that `caBundle` of the values mounts.
        credentials: variables that EKS adds to the pod.
        logs: `logs` of the chart's values.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        changed: dict[str, Any] | None = None,
        outputs: dict[str, Any] | None = None,
        values: dict[str, Any] | None = None,
        node_ip: str = HOST,
        ca: Path | None = None,
        credentials: Mapping[str, str] = CREDENTIALS,
        **logs: Any,
    ) -> None:
        program = images.fluent_bit()
        if program is None:
            pytest.skip("needs fluent-bit on PATH (or in $FLUENT_BIT)")
        self.folder = folder
        self.state = folder / "state"
        for part in ("pods", "journal", "state"):
            (folder / part).mkdir(exist_ok=True)
        server = {"listen": HOST, "port": free_port(), **logs.pop("httpServer", {})}
        given = {
            "metrics": {"enabled": False},
            "cluster": {"region": REGION},
            "logs": {"enabled": True, "httpServer": server, **logs},
            "outputs": {"cloudwatch": {"enabled": False}, **(outputs or {"backend": http(port)})},
            **(values or {}),
        }
        made = Helm().render(CHART, values=given)
        files = made.one("ConfigMap", component="logs")["data"]
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        text = files["fluent-bit.yaml"]
        places = {
            "/etc/fluent-bit/": f"{folder}/",
            "/var/log/": f"{folder}/",
            "/var/lib/fluent-bit": str(self.state),
            BUNDLE: str(ca),
        }
        for inside, outside in places.items():
            text = text.replace(inside, outside)
        config = load_yaml(text)
        [metadata] = [plugin for plugin in config["pipeline"]["filters"] if plugin["name"] == "kubernetes"]
        metadata.update(changed or {})
        (folder / "fluent-bit.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        self._url = f"http://{HOST}:{config['service']['http_port']}"
        command = [str(program), "-q", "-c", str(folder / "fluent-bit.yaml")]
        [container] = made.containers("logs")
        pod = {"HOST_NAME": "node-1", "NODE_IP": node_ip, "POD_IP": HOST, **LOGIN, **credentials}
        environment = {**os.environ, **expanded(container["env"], pod)}
        with open(folder / "agent.log", "ab") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def stop(self) -> None:
        """Stop the agent, as the kubelet does."""
        self._process.terminate()
        self._process.wait(timeout=PATIENCE_SECONDS)

    def kill(self) -> None:
        """Kill the agent, as the kernel does without memory."""
        self._process.kill()
        self._process.wait(timeout=PATIENCE_SECONDS)

    def write(self, pod: str, *lines: str, flag: str = "F", namespace: str = "shop", stream: str = "stdout") -> None:
        """Write lines, or parts of one (flag P), as a container of a pod."""
        file = self.folder / "pods" / f"{namespace}_{pod}_uid" / "app" / "0.log"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as log:
            log.writelines(f"{NOW} {stream} {flag} {line}\n" for line in lines)

    def wait(self, ready: Callable[[], object]) -> None:
        """Wait until a condition holds."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not ready():
            assert time.monotonic() < until, (self.folder / "agent.log").read_text(encoding="utf-8")[-2000:]
            time.sleep(0.1)

    def metric(self, metric: str, /, **labels: str) -> float:
        """Return the sum of a Fluent Bit metric; 0 if it does not exist, or the agent does not answer."""
        try:
            with urllib.request.urlopen(f"{self._url}/api/v2/metrics/prometheus", timeout=5) as answer:
                return total(answer.read().decode(), metric, **labels)
        except OSError:
            return 0

    def status(self, path: str) -> int:
        """Return the status of the HTTP server's response to a probe."""
        try:
            with urllib.request.urlopen(f"{self._url}{path}", timeout=5) as answer:
                code: int = answer.status
                return code
        except urllib.error.HTTPError as error:
            return error.code

    def peak_mebibytes(self) -> float:
        """Return the agent's maximum memory."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def kept_mebibytes(self) -> float:
        """Return the disk usage of positions and buffers."""
        return sum(file.stat().st_blocks for file in self.state.rglob("*")) / 2048


class Kubelet(HTTPServer):
    """Responds to requests for a pod of the API with that pod, and to all others with all pods, over TLS."""

    def __init__(self, folder: Path, pods: dict[str, Any], *, host: str = HOST) -> None:
        Authority(folder).issue("kubelet", "kubelet", hosts=(IPv4Address(host),))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "kubelet.crt", folder / "kubelet.key")
        super().__init__(host, 0, context, threaded=True)
        for pod in pods["items"]:
            named = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
            self.expect_request(named).respond_with_json(pod)
        self.expect_request(re.compile(".*")).respond_with_json(pods)


def expanded(env: Sequence[Mapping[str, Any]], given: Mapping[str, str]) -> dict[str, str]:
    """Return a container's environment as the kubelet sets it.

    Args:
        env: `env` of the container.
        given: other variables, and values of those that come from elsewhere.
    """
    found = dict(given)
    for entry in env:
        if "value" in entry:
            found[entry["name"]] = re.sub(r"\$\((\w+)\)", lambda name: found.get(name[1], name[0]), entry["value"])
    return found
