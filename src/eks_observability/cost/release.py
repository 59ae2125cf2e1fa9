"""Reads the cost factors of rendered objects: destinations, intervals, disks and resource requests."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import promql_parser
import yaml

from eks_observability.cost.quantity import quantity

Object = dict[str, Any]
# Jobs and tests end, so they are not counted.
_RUNNING = ("Deployment", "StatefulSet", "ReplicaSet", "DaemonSet")
_AMP = "aps-workspaces"
# Senders to X-Ray: the daemon by its image, the OpenTelemetry Collector by its exporter.
_XRAY = ("aws-xray-daemon", "awsxray:")


@dataclass(frozen=True)
class LogGroup:
    """A CloudWatch log group that the release writes to.

    Attributes:
        days: retention in days; 0: forever.
        infrequent: whether its log class is Infrequent Access.
    """

    days: int
    infrequent: bool


@dataclass(frozen=True)
class Insights:
    """The configuration of the release's CloudWatch agent.

    Attributes:
        enhanced: whether observations are billed instead of custom metrics.
        extract: whether CloudWatch extracts metrics.
        interval: seconds between measurements.
    """

    enhanced: bool
    extract: bool
    interval: float


@dataclass(frozen=True)
class Release:
    """The demands of a release.

    Attributes:
        amp: whether its Prometheus writes to Amazon Managed Service for Prometheus.
        interval: scrape interval in seconds; 0: nothing is scraped.
        claims_gib: total size of persistent volume claims, in GiB.
        per_node: requested cores and GiB of memory on each node.
        once: requested cores and GiB of memory once per cluster.
        groups: CloudWatch log groups that it writes to.
        traces: whether it sends traces to X-Ray.
        insights: configuration of Container Insights; ``None``: disabled.
    """

    amp: bool
    interval: float
    claims_gib: float
    per_node: tuple[float, float]
    once: tuple[float, float]
    groups: tuple[LogGroup, ...] = ()
    traces: bool = False
    insights: Insights | None = None

    def requests(self, nodes: float) -> tuple[float, float]:
        """Return the requested cores and GiB of memory on a number of nodes."""
        return tuple(some * nodes + one for some, one in zip(self.per_node, self.once, strict=True))  # type: ignore[return-value]


def read(made: Sequence[Object]) -> Release:
    """Return the demands of rendered objects."""
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
        groups=tuple(_groups(made)),
        traces=any(sign in text for text in (*_texts(made), *_images(made)) for sign in _XRAY),
        insights=next(_insights(made), None),
    )


def _select(made: Iterable[Object], kind: str) -> Iterator[Object]:
    return (item for item in made if item["kind"] == kind)


def _pod(item: Object) -> Object:
    """Return the pod specification of a workload that keeps pods running; empty for other objects."""
    found: Object = item["spec"]["template"]["spec"] if item["kind"] in _RUNNING else {}
    return found


def _containers(item: Object) -> list[Object]:
    pod = _pod(item)
    return [*pod.get("initContainers", []), *pod.get("containers", [])]


def _texts(made: Sequence[Object]) -> Iterator[str]:
    """Yield each readable data entry of each ConfigMap and Secret."""
    for item in _select(made, "ConfigMap"):
        yield from (item.get("data") or {}).values()
    for item in _select(made, "Secret"):
        yield from (item.get("stringData") or {}).values()


def _images(made: Sequence[Object]) -> Iterator[str]:
    yield from (one["image"] for item in made for one in _containers(item) if "image" in one)


def _prometheus(made: Sequence[Object]) -> Iterator[dict[str, Any]]:
    """Yield each Prometheus configuration."""
    return (yaml.load(text, Loader=yaml.CSafeLoader) for text in _texts(made) if "scrape_configs:" in text)


def _groups(made: Sequence[Object]) -> Iterator[LogGroup]:
    """Yield a log group for each CloudWatch output of Fluent Bit."""
    for text in _texts(made):
        if "name: cloudwatch_logs" not in text:
            continue
        for output in yaml.load(text, Loader=yaml.CSafeLoader)["pipeline"]["outputs"]:
            if output["name"] == "cloudwatch_logs":
                infrequent = output.get("log_group_class") == "INFREQUENT_ACCESS"
                yield LogGroup(days=int(output.get("log_retention_days", 0)), infrequent=infrequent)


def _insights(made: Sequence[Object]) -> Iterator[Insights]:
    """Yield the configurations of the CloudWatch agent."""
    for text in _texts(made):
        if '"enhanced_container_insights"' not in text:
            continue
        told = json.loads(text)["logs"]["metrics_collected"]["kubernetes"]
        yield Insights(
            enhanced=told["enhanced_container_insights"],
            extract=not told["disable_metric_extraction"],
            interval=told["metrics_collection_interval"],
        )


def _copies(item: Object) -> int:
    """Return the number of pods of a workload; for a DaemonSet, per node."""
    return int(item["spec"].get("replicas", 1)) if item["kind"] in _RUNNING else 0


def _requested(item: Object, resource: str) -> Decimal:
    # Init containers release their requests; native sidecars among them keep running.
    starting = [one for one in _pod(item).get("initContainers", []) if one.get("restartPolicy") != "Always"]
    staying = [one for one in _containers(item) if one not in starting]
    amounts = [((one.get("resources") or {}).get("requests") or {}).get(resource, 0) for one in staying]
    return sum((quantity(amount) for amount in amounts), Decimal(0))


def _claims(made: Sequence[Object]) -> Iterator[Decimal]:
    for item in _select(made, "PersistentVolumeClaim"):
        yield quantity(item["spec"]["resources"]["requests"]["storage"])
    for item in _select(made, "StatefulSet"):
        for template in item["spec"].get("volumeClaimTemplates", []):
            yield _copies(item) * quantity(template["spec"]["resources"]["requests"]["storage"])
