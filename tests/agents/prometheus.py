"""Runs the rendered Prometheus or vmagent on this machine, without a cluster: tests name what it would discover."""

import contextlib
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from harness import tools
from harness.backends.aws import CREDENTIALS
from harness.backends.ports import free_port
from harness.backends.receivers import HOST
from harness.backends.remote_write import PATH, RemoteWriteReceiver
from harness.backends.samples import total
from harness.errors import HarnessError
from harness.render.helm import Helm
from harness.render.manifests import load_yaml

CHART = Path(__file__).parents[2] / "charts" / "observability-stack"
AMP = "https://aps-workspaces.us-east-1.amazonaws.com"
CLUSTER = "shop"
# A discovered target: its address, and the labels of its discovery.
Target = Mapping[str, str]
TEXT = "text/plain; version=0.0.4"


class Exporter:
    """Serves metrics, as text by path; also a context manager.

    Attributes:
        pages: text of each path; may change.
        content_type: header of the responses; empty: none.
        requests: paths, with queries, of the requests so far.
        accepts: headers `Accept` of the requests so far.
    """

    def __init__(self, pages: Mapping[str, str] | str, content_type: str = TEXT) -> None:
        self.pages = {"/metrics": pages} if isinstance(pages, str) else dict(pages)
        self.content_type = content_type
        self.requests: list[str] = []
        self.accepts: set[str] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append(self.path)
                outer.accepts.add(self.headers.get("Accept", ""))
                text = outer.pages.get(self.path.partition("?")[0])
                self.send_response(200 if text is not None else 404)
                if outer.content_type:
                    self.send_header("Content-Type", outer.content_type)
                self.end_headers()
                self.wfile.write((text or "").encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self.address = f"{HOST}:{self._server.server_address[1]}"

    def __enter__(self) -> "Exporter":
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def target(self, **labels: str) -> Target:
        """Return a target of this address; labels of discovery lose their prefix `__meta_kubernetes_`."""
        return {"__address__": self.address, **{f"__meta_kubernetes_{name}": value for name, value in labels.items()}}


class Prometheus:
    """All pods of Prometheus of a release with these values, as processes.

    Args:
        folder: where their files go.
        values: values of the chart; scrapes take place every second.
        targets: targets by job. Jobs that discover targets and are not listed have none.
        receiver: takes the place of the remotes' address.
        base: scheme and prefix of its pages, with `{}` for its address.
        opener: opens these pages.
        places: addresses in the cluster, each with the one that takes its place.
    """

    def __init__(
        self,
        folder: Path,
        values: Mapping[str, Any],
        targets: Mapping[str, Sequence[Target]],
        receiver: RemoteWriteReceiver,
        base: str = "http://{}",
        opener: urllib.request.OpenerDirector | None = None,
        places: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self._places = {AMP: f"http://{HOST}:{receiver.port}", **(places or {})}
        self._base, self._opener = base, opener or urllib.request.build_opener()
        self._targets = targets
        self._processes: list[subprocess.Popen[bytes]] = []
        self._engine: str = values.get("server", {}).get("engine", "prometheus")
        self.ports: list[int] = []
        self.args: list[list[str]] = []
        rendered = self.configure(values)
        for number, container in enumerate(rendered):
            self.ports.append(free_port())
            self.args.append([self._moved(one, number) for one in container["args"]])

    def configure(self, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Write the configuration for values, as the kubelet updates the volumes; return the containers."""
        made = Helm().render(CHART, values=_quick(values))
        for part, folder in (("server", "config"), ("rules", "rules"), ("server-web", "web")):
            name = f"test-observability-stack-{part}"
            if made.names() & {("ConfigMap", name), ("Secret", name)}:
                for file, text in made.texts(name).items():
                    scrapes = part == "server" and not file.startswith("relabel")
                    self._write(folder, file, self._local(text) if scrapes else text)
        return list(made.containers(self._engine))

    def start(self) -> "Prometheus":
        """Start the pods, and wait until they are ready."""
        for number, args in enumerate(self.args):
            with (self.folder / f"log-{number}").open("ab") as log:
                command = [str(built(self._engine)), *args]
                environment = {**os.environ, **CREDENTIALS}
                self._processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        self.wait(lambda: all(self._ready(port) for port in self.ports), f"{self._engine} to be ready")
        return self

    def stop(self, *, gently: bool = False) -> None:
        """Kill the pods. After SIGTERM (`gently`), Prometheus would deliver for a minute, vmagent for five seconds."""
        for process in self._processes:
            (process.terminate if gently else process.kill)()
            process.wait(timeout=60)
        self._processes.clear()

    def get(self, path: str, pod: int = 0) -> str:
        """Return the answer of a pod to a request."""
        with self._opener.open(self._base.format(f"{HOST}:{self.ports[pod]}") + path, timeout=5) as answer:
            text: str = answer.read().decode()
            return text

    def own(self, metric: str, pod: int = 0) -> float:
        """Return the sum of one of a pod's own metrics."""
        return total(self.get("/metrics", pod), metric)

    def log(self) -> str:
        """Return the end of the pods' logs."""
        return "\n".join(file.read_text(encoding="utf-8")[-2000:] for file in sorted(self.folder.glob("log-*")))

    def wait(self, ready: Callable[[], object], what: str, seconds: float = 60) -> None:
        """Wait until a condition holds, or fail with what was expected and the end of the log."""
        until = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < until, f"not within {seconds:g} s: {what}\n{self.log()}"
            time.sleep(0.1)

    def _ready(self, port: int) -> bool:
        try:
            with self._opener.open(self._base.format(f"{HOST}:{port}") + "/-/ready", timeout=1):
                return True
        except OSError:
            return False

    def _write(self, name: str, file: str, text: str) -> None:
        (self.folder / name).mkdir(exist_ok=True)
        # Atomic, like the kubelet's.
        new = self.folder / name / f"..{file}"
        new.write_text(text, encoding="utf-8")
        new.replace(self.folder / name / file)

    def _moved(self, argument: str, number: int) -> str:
        places = {
            "=/etc/prometheus/": f"={self.folder}/config/",
            "=/prometheus": f"={self.folder}/data-{number}",
            "=/etc/web/": f"={self.folder}/web/",
            "--web.listen-address=:9090": f"--web.listen-address={HOST}:{self.ports[number]}",
            "--httpListenAddr=:9090": f"--httpListenAddr={HOST}:{self.ports[number]}",
            **self._places,
        }
        for inside, outside in places.items():
            argument = argument.replace(inside, outside)
        return argument

    def _local(self, text: str) -> str:
        for inside, outside in self._places.items():
            text = text.replace(inside, outside)
        config = load_yaml(text.replace("/etc/prometheus-rules/", f"{self.folder}/rules/"))
        for alertmanager in config.get("alerting", {}).get("alertmanagers", ()):
            alertmanager.pop("kubernetes_sd_configs")
            alertmanager.pop("relabel_configs")
            alertmanager["static_configs"] = [
                {"targets": [one["__address__"] for one in self._targets.get("alertmanager", ())]}
            ]
        for job in config["scrape_configs"]:
            if job.pop("kubernetes_sd_configs", None):
                found = self._targets.get(job["job_name"], ())
                job["static_configs"] = job.get("static_configs", []) + [
                    {"targets": [one["__address__"]], "labels": {k: v for k, v in one.items() if k != "__address__"}}
                    for one in found
                ]
                if job["job_name"] in ("apiserver", "cadvisor", "kubelet"):
                    for option in ("authorization", "tls_config", "scheme"):
                        job.pop(option, None)
        return yaml.safe_dump(config)


@contextlib.contextmanager
def running(
    folder: Path,
    values: Mapping[str, Any],
    targets: Mapping[str, Sequence[Target]],
    receiver: RemoteWriteReceiver,
    **options: Any,
) -> Iterator[Prometheus]:
    """Run Prometheus while the context is open."""
    made = Prometheus(folder, values, targets, receiver, **options)
    try:
        yield made.start()
    finally:
        made.stop()


def amp(**options: Any) -> dict[str, Any]:
    """Return a workspace as remote."""
    queue = {"batch_send_deadline": "200ms", "min_backoff": "30ms", "max_backoff": "200ms"}
    return {"url": f"{AMP}{PATH}", "sigv4": {"region": "us-east-1"}, "queue_config": queue, **options}


def _quick(values: Mapping[str, Any]) -> dict[str, Any]:
    made = {"cluster": {"name": CLUSTER}, "identity": {"type": "node"}, **values}
    made["scrape"] = {"interval": "1s", "timeout": "1s", **values.get("scrape", {})}
    return made


def built(name: str) -> Path:
    """Return the path of a program of tools.toml, or skip the test."""
    try:
        return tools.path(name)
    except HarnessError as error:
        pytest.skip(f"needs {name}: {error}")
