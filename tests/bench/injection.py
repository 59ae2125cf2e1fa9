"""Measure the time that injection adds to the creation of a pod, as a ratio to a request without the policies.

    .venv/bin/python -m bench.injection           on a new cluster, 200 pods of each kind

The three kinds alternate pod by pod, so that load on the machine affects all of them. Pods without the policies are in
a namespace that the policies do not match. The pods fit no node, so only the API server's work counts, over one open
connection. The results are medians, because single requests wait for the disk.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kubernetes import client, config

from harness import clusters
from harness.render.helm import Helm

CHART = Path(__file__).parents[2] / "charts" / "log-sidecar"
VALUES = {"app": {"enabled": False}, "injection": {"enabled": True, "excludeNamespaces": ["without"]}}
ASKS = {"log-sidecar/inject": "true", "log-sidecar/paths": "/var/log/app/app.log"}
WARM_UP = 20
SORTS = ("without", "with, not asking", "with, injected")


def pod(name: str, annotations: dict[str, str]) -> dict[str, Any]:
    """Return a pod that fits no node."""
    return {
        "metadata": {"name": name, "annotations": annotations},
        "spec": {
            "nodeSelector": {"bench": "none"},
            "containers": [{"name": "app", "image": "app.invalid/app:1"}],
        },
    }


def measure(kubeconfig: Path, *, pods: int) -> dict[str, list[float]]:
    """Return the milliseconds of each creation, by kind."""
    api = client.CoreV1Api(config.new_client_from_config(str(kubeconfig)))
    for name in ("with", "without"):
        api.create_namespace({"metadata": {"name": name}})
    Helm().install("x", CHART, namespace="operator", kubeconfig=kubeconfig, values=VALUES)
    _wait_until_in_force(api)
    taken: dict[str, list[float]] = {sort: [] for sort in SORTS}
    # The first pods warm up the API server and are not counted.
    for number in range(-WARM_UP, pods):
        for sort, namespace, annotations in zip(SORTS, ("without", "with", "with"), (ASKS, {}, ASKS), strict=True):
            body = pod(f"x-{number + WARM_UP}-{SORTS.index(sort)}", annotations)
            since = time.perf_counter()
            made = api.create_namespaced_pod(namespace, body)
            spent = time.perf_counter() - since
            assert bool(made.spec.init_containers) == (sort == SORTS[2]), f"{sort}: {made.metadata.name}"
            if number >= 0:
                taken[sort].append(spent * 1000)
    return taken


def _wait_until_in_force(api: client.CoreV1Api, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not _injects(api):
        assert time.monotonic() < deadline, f"no pod was injected within {seconds:.0f} s"
        time.sleep(0.2)


def _injects(api: client.CoreV1Api) -> bool:
    """Whether an annotated pod would be injected; while only one policy is active, it is rejected."""
    try:
        made = api.create_namespaced_pod("with", pod("probe", ASKS), dry_run="All")
    except client.ApiException:
        return False
    return bool(made.spec.init_containers)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print one line per kind of pod."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=200, help="pods of each kind; default: 200")
    options = parser.parse_args(arguments)
    with clusters.create("auto", "bench-injection") as cluster:
        taken = measure(cluster.kubeconfig, pods=options.pods)
    base = statistics.median(taken[SORTS[0]])
    for sort, times in taken.items():
        middle, late = statistics.median(times), statistics.quantiles(times, n=20)[-1]
        print(
            f"{sort:17} {len(times)} pods, median {middle:5.2f} ms, 95% below {late:5.2f} ms, ratio {middle / base:.2f}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
