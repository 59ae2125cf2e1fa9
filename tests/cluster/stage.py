"""A namespace to install charts in, and values that run the loss meter in a pod."""

import hashlib
import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.stand_ins import RECIPES
from harness import images, tools
from harness.clusters import Cluster
from harness.images import variable_of
from harness.loss import WRITER_SOURCE, ApiFollower, DirectoryFollower, Follower, container_directory
from harness.render.helm import Helm

images.register(*RECIPES)
CHART = Path("charts/log-sidecar")
LOG_FILE = "/var/log/app/app.log"


def own_name(name: str) -> str:
    """Return a cluster name that is unique to this checkout."""
    return f"test-{name}-{hashlib.sha256(str(Path(__file__)).encode()).hexdigest()[:6]}"


@dataclass
class Stage:
    """A namespace of a cluster to install charts in.

    Attributes:
        cluster: the cluster.
        namespace: the namespace, which enforces the Pod Security Standard `restricted`.
        helm: the Helm to install with.
        releases: installed releases, removed at the end.
    """

    cluster: Cluster
    namespace: str
    helm: Helm
    releases: list[str] = field(default_factory=list)

    def install(
        self,
        release: str,
        values: Mapping[str, Any] | None = None,
        *,
        files: tuple[Path, ...] = (),
        wait: bool = True,
        chart: Path = CHART,
    ) -> None:
        """Install or upgrade a chart, and load its images."""
        rendered = self.helm.render(chart, release=release, values=values, value_files=files)
        self.load_images({container["image"] for container in rendered.containers()})
        act = self.helm.upgrade if release in self.releases else self.helm.install
        if release not in self.releases:
            self.releases.append(release)
        act(
            release,
            chart,
            namespace=self.namespace,
            kubeconfig=self.cluster.kubeconfig,
            values=values,
            value_files=files,
            wait=wait,
            timeout=120,
        )

    def load_images(self, names: Iterable[str]) -> None:
        """Load images into the nodes; skip the test if one cannot be assembled."""
        needed = set(names)
        if self.cluster.type == "local":
            missing = sorted({tool for image in needed if (tool := images.missing_for(image))})
            if missing:
                pytest.skip(f"needs {', '.join(missing)} on PATH (or in ${', $'.join(map(variable_of, missing))})")
        self.cluster.load_images(needed)

    def uninstall(self, release: str) -> None:
        """Remove a release and wait until its objects are deleted."""
        self.releases.remove(release)
        self.helm.uninstall(release, namespace=self.namespace, kubeconfig=self.cluster.kubeconfig, wait=True)

    def kubectl(self, *arguments: str, stdin: str = "", timeout: float = 120) -> str:
        """Run kubectl in the namespace and return its output."""
        command = [str(tools.path("kubectl")), "--kubeconfig", str(self.cluster.kubeconfig), "-n", self.namespace]
        done = subprocess.run([*command, *arguments], input=stdin, capture_output=True, text=True, timeout=timeout)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def get(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        """Return the objects of a kind that match a label selector."""
        listed = self.kubectl("get", kind, "-o", "json", *(["-l", selector] if selector else []))
        items: list[dict[str, Any]] = json.loads(listed)["items"]
        return items

    def follow(self, pod: str, container: str, streams: Iterable[str] = ("stdout",)) -> Follower:
        """Collect a container's lines from its start; with the node's disk, `streams` apply and `pod` can be a glob."""
        if self.cluster.pod_logs is not None:
            where = container_directory(self.cluster.pod_logs, namespace=self.namespace, pod=pod, container=container)
            return DirectoryFollower(where, streams=streams)
        return ApiFollower(self.cluster.kubeconfig, self.namespace, pod, container)

    def add_writer(self) -> None:
        """Create the ConfigMap with the loss meter's writer, for `writer_values`."""
        self.kubectl("create", "configmap", "writer", f"--from-file=writer.py={WRITER_SOURCE}")


@contextmanager
def namespace(stage: Stage, labels: dict[str, str] | None = None) -> Iterator[Stage]:
    """Create a namespace; remove its releases and the namespace afterwards."""
    item = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": stage.namespace, "labels": labels or {}}}
    stage.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(item))
    try:
        yield stage
    finally:
        for release in [*stage.releases]:
            stage.uninstall(release)
        stage.kubectl("delete", "namespace", stage.namespace, "--wait=false")


def writer_values(kind: str, engine: str, *arguments: str, **sidecar: Any) -> dict[str, Any]:
    """Return values that run the loss meter's writer as the application."""
    return {
        "app": {
            "kind": kind,
            "demo": {"enabled": False},
            "command": ["python3", "/writer/writer.py", "--file", LOG_FILE, *arguments],
            "ports": [],
            "service": {"enabled": False},
            "extraVolumeMounts": [{"name": "writer", "mountPath": "/writer", "readOnly": True}],
        },
        "extraVolumes": [{"name": "writer", "configMap": {"name": "writer"}}],
        "sidecar": {"engine": engine, **sidecar},
    }
