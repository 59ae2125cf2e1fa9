"""The demo: installs log-sidecar and counts the delivered log lines."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client, config

from harness import images
from harness.clusters import Cluster
from harness.errors import HarnessError
from harness.loss import ApiFollower
from harness.render.helm import Helm, HelmError
from harness.render.manifests import Manifests
from harness.tools.progress import Progress, elapsed

CHART = Path(__file__).parents[3] / "charts" / "log-sidecar"
NAMESPACE = "log-sidecar-demo"
RELEASE = "demo"
# Number of delivered lines to print.
_SHOWN = 12
_ARRIVAL_SECONDS = 30.0


@dataclass(frozen=True)
class Outcome:
    """Counts of the lines that the application wrote.

    Attributes:
        written: lines that the application reports as written.
        delivered: written lines that the sidecar delivered.
        duplicated: additional copies of delivered lines.
    """

    written: int
    delivered: int
    duplicated: int

    @property
    def lost(self) -> int:
        """Written lines that did not arrive."""
        return self.written - self.delivered

    def __str__(self) -> str:
        found = (("written", self.written), ("delivered", self.delivered), ("lost", self.lost))
        text = "   ".join(f"{name} {number:,}" for name, number in found)
        return f"{text}   duplicated {self.duplicated:,}"


def run(cluster: Cluster, *, requests: int, engine: str | None = None, keep: bool = False) -> int:
    """Install log-sidecar on a cluster, send requests to its application, print and count the lines.

    Args:
        cluster: the cluster; created if it is not up, and then removed at the end.
        requests: number of requests to the application.
        engine: engine of the sidecar; default: the chart's if it can run here, else ``tail``.
        keep: leave the cluster and the application running.

    Returns:
        0 if every line arrived, 1 if lines are missing.

    Raises:
        HarnessError: the cluster or the application did not come up.
    """
    helm = Helm()
    engine, note = _choose_engine(cluster, helm, engine)
    made = not cluster.is_up()
    with _step(f"cluster {cluster.name}: {_KINDS[cluster.type]}"):
        cluster.up()
    found = _namespace_exists(cluster)
    try:
        if note:
            print(note)
        values = {"sidecar": {"engine": engine}}
        with _step(
            f"helm upgrade --install {RELEASE} charts/log-sidecar --namespace {NAMESPACE} --set sidecar.engine={engine}"
        ):
            rendered = helm.render(CHART, release=RELEASE, namespace=NAMESPACE, values=values)
            cluster.load_images({container["image"] for container in rendered.containers()})
            helm.upgrade(
                RELEASE,
                CHART,
                namespace=NAMESPACE,
                kubeconfig=cluster.kubeconfig,
                values=values,
                wait=True,
                timeout=300,
                install=True,  # a kept cluster already has the release
            )
        outcome = _drive(cluster, rendered, requests)
        print(f"\n{outcome}")
        if keep:
            _explain(cluster)
        else:
            print(
                "\nEverything is removed now. To look around, run .venv/bin/python -m harness demo --keep", flush=True
            )
        return 0 if outcome.lost == 0 else 1
    finally:
        if not keep:
            _clean_up(cluster, helm, made=made, found=found)


_KINDS = {
    "local": "a real Kubernetes node, run as processes of this machine",
    "kind": "a Kubernetes node in Docker",
    "existing": "an existing cluster",
}


class _step:
    """Print a step and, when it ends, its duration."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __enter__(self) -> None:
        print(self._text, flush=True)
        self._started = time.monotonic()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            print(f"  done in {elapsed(time.monotonic() - self._started)}", flush=True)


def _choose_engine(cluster: Cluster, helm: Helm, engine: str | None) -> tuple[str, str]:
    """Return the engine to use, and a message if it is not the chart's default."""
    if cluster.type != "local":  # all other clusters pull their images
        return engine or "fluent-bit", ""
    wanted = {"sidecar": {"engine": engine or "fluent-bit"}}
    needed = {container["image"] for container in helm.render(CHART, release=RELEASE, values=wanted).containers()}
    missing = next((tool for image in sorted(needed) if (tool := images.missing_for(image))), None)
    if missing is None:
        return engine or "fluent-bit", ""
    if engine:
        raise HarnessError(f"engine {engine} requires {missing} on PATH (or in $FLUENT_BIT); use --engine tail")
    return "tail", f"{missing} is not on PATH, so the sidecar uses the engine tail"


def _drive(cluster: Cluster, rendered: Manifests, requests: int) -> Outcome:
    service = rendered.one(kind="Service")["metadata"]["name"]
    with config.new_client_from_config(str(cluster.kubeconfig)) as api:
        core = client.CoreV1Api(api)
        pods = core.list_namespaced_pod(NAMESPACE, label_selector=f"app.kubernetes.io/instance={RELEASE}").items
        pod = next(pod.metadata.name for pod in pods if pod.metadata.deletion_timestamp is None)
        print(f"{requests} requests to /log; kubectl logs --namespace {NAMESPACE} {pod} -c sidecar -f\n", flush=True)
        with ApiFollower(cluster.kubeconfig, NAMESPACE, pod, "sidecar") as follower:
            written: list[str] = []
            progress, shown = Progress(), 0
            with progress.step("sending requests"):
                for _ in range(requests):
                    body = core.connect_get_namespaced_service_proxy_with_path(f"{service}:http", NAMESPACE, "log")
                    written += _text(body).splitlines()
                    shown = _show(follower, shown)
            with progress.step("waiting for the last lines"):
                follower.wait(len(written), timeout=_ARRIVAL_SECONDS)
                follower.settle(1.0, timeout=5.0)  # wait for duplicates
            _show(follower, shown)
            return _count(written, [line.decode() for line in follower.lines()])


def _text(body: Any) -> str:
    return body.decode() if isinstance(body, bytes) else str(body)


def _show(follower: ApiFollower, shown: int) -> int:
    """Print new lines up to the maximum; return the number of printed lines."""
    for line in follower.lines()[shown:_SHOWN]:
        print(f"    {line.decode()}", flush=True)
        shown += 1
    if shown == _SHOWN and len(follower) > _SHOWN:
        print("    ... and so on", flush=True)
        shown += 1
    return shown


def _count(written: list[str], arrived: list[str]) -> Outcome:
    copies: Mapping[str, int] = Counter(arrived)
    delivered = sum(line in copies for line in written)
    return Outcome(len(written), delivered, sum(copies.get(line, 1) - 1 for line in set(written)))


def _explain(cluster: Cluster) -> None:
    print(
        f"\nThe cluster is still running. Use it:\n  export KUBECONFIG={cluster.kubeconfig}\n"
        f"  kubectl logs --namespace {NAMESPACE} deploy/{RELEASE}-log-sidecar -c sidecar -f\n"
        f"Remove it: .venv/bin/python -m harness cluster down --name {cluster.name}"
    )


def _namespace_exists(cluster: Cluster) -> bool:
    with config.new_client_from_config(str(cluster.kubeconfig)) as api:
        names = [item.metadata.name for item in client.CoreV1Api(api).list_namespace().items]
    return NAMESPACE in names


def _clean_up(cluster: Cluster, helm: Helm, *, made: bool, found: bool) -> None:
    """Remove everything that this run created: the cluster, or the release and namespace in an existing cluster."""
    if made:
        cluster.down()
        return
    try:
        helm.uninstall(RELEASE, namespace=NAMESPACE, kubeconfig=cluster.kubeconfig, wait=True)
    except HelmError as error:  # for example, interrupted before the release existed
        print(error)
    if not found:
        with config.new_client_from_config(str(cluster.kubeconfig)) as api:
            client.CoreV1Api(api).delete_namespace(NAMESPACE)
