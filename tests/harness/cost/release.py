"""What rendered objects say about their cost: what they write to, how often, on what disks, with what requests."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import promql_parser
import yaml
from kubernetes.utils.quantity import parse_quantity

from harness.manifests import Manifests, Object, pod_of

_AMP = "aps-workspaces"


@dataclass(frozen=True)
class Release:
    """What a release asks for.

    Attributes:
        amp: whether its Prometheus writes to Amazon Managed Service for Prometheus.
        interval: seconds between two scrapes; 0 when nothing is scraped.
        claims_gib: size of all its persistent volumes.
        per_node: processors and GiB of memory that it requests on each node.
        once: processors and GiB that it requests somewhere in the cluster.
    """

    amp: bool
    interval: float
    claims_gib: float
    per_node: tuple[float, float]
    once: tuple[float, float]

    def requests(self, nodes: float) -> tuple[float, float]:
        """Return the processors and GiB of memory that it requests on so many nodes."""
        return tuple(some * nodes + one for some, one in zip(self.per_node, self.once, strict=True))  # type: ignore[return-value]


def read(made: Manifests) -> Release:
    """Return what rendered objects ask for."""
    configs = list(_prometheus(made))
    urls = [remote["url"] for config in configs for remote in config.get("remote_write", [])]
    intervals = [promql_parser.parse_duration(config["global"]["scrape_interval"]) for config in configs]
    per_node, once = [Decimal(0)] * 2, [Decimal(0)] * 2
    for item in made:
        copies = _copies(item)
        totals = per_node if item["kind"] == "DaemonSet" else once
        for index, resource in enumerate(("cpu", "memory")):
            totals[index] += copies * _requested(item, resource)
    return Release(
        amp=any(_AMP in url for url in urls),
        interval=min((one.total_seconds() for one in intervals), default=0),
        claims_gib=float(sum(_claims(made), Decimal(0)) / 2**30),
        per_node=(float(per_node[0]), float(per_node[1] / 2**30)),
        once=(float(once[0]), float(once[1] / 2**30)),
    )


def _prometheus(made: Manifests) -> Iterator[dict[str, Any]]:
    """Yield each configuration of Prometheus in the ConfigMaps."""
    for item in made.select("ConfigMap"):
        for text in (item.get("data") or {}).values():
            if "scrape_configs:" in text:
                yield yaml.safe_load(text)


def _copies(item: Object) -> int:
    """How many pods an object makes; of a DaemonSet, on each node."""
    if item["kind"] in ("Deployment", "StatefulSet", "ReplicaSet"):
        return int(item["spec"].get("replicas", 1))
    return 1 if item["kind"] == "DaemonSet" else 0  # Jobs and tests end


def _requested(item: Object, resource: str) -> Decimal:
    pod = pod_of(item)
    if pod is None:
        return Decimal(0)
    # What a start-up needs is given back; a sidecar among the init containers stays.
    starting = [one for one in pod.spec.get("initContainers", []) if one.get("restartPolicy") != "Always"]
    staying = [one for one in pod.containers() if one not in starting]
    amounts = [((one.get("resources") or {}).get("requests") or {}).get(resource, 0) for one in staying]
    return sum((parse_quantity(amount) for amount in amounts), Decimal(0))


def _claims(made: Manifests) -> Iterator[Decimal]:
    for item in made.select("PersistentVolumeClaim"):
        yield parse_quantity(item["spec"]["resources"]["requests"]["storage"])
    for item in made.select("StatefulSet"):
        for template in item["spec"].get("volumeClaimTemplates", []):
            yield _copies(item) * parse_quantity(template["spec"]["resources"]["requests"]["storage"])
