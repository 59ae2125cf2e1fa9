"""What rendered objects say about their cost: what they write to, how often, on what disks, with what requests."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import promql_parser
import yaml

from eks_observability.cost.quantity import quantity

Object = dict[str, Any]
# Jobs and tests end.
_RUNNING = ("Deployment", "StatefulSet", "ReplicaSet", "DaemonSet")
_AMP = "aps-workspaces"
# What sends to X-Ray: the daemon by its image, OpenTelemetry's collector by its exporter.
_XRAY = ("aws-xray-daemon", "awsxray:")


@dataclass(frozen=True)
class LogGroup:
    """A log group of CloudWatch that the release writes to.

    Attributes:
        days: how long it keeps what it gets; 0 for ever.
        infrequent: whether it is of the class Infrequent Access.
    """

    days: int
    infrequent: bool


@dataclass(frozen=True)
class Insights:
    """How the release's CloudWatch agent measures.

    Attributes:
        enhanced: whether observations are billed, instead of custom metrics.
        extract: whether CloudWatch makes metrics at all.
        interval: seconds between two measurements.
    """

    enhanced: bool
    extract: bool
    interval: float


@dataclass(frozen=True)
class Release:
    """What a release asks for.

    Attributes:
        amp: whether its Prometheus writes to Amazon Managed Service for Prometheus.
        interval: seconds between two scrapes; 0 when nothing is scraped.
        claims_gib: size of all its persistent volumes.
        per_node: processors and GiB of memory that it requests on each node.
        once: processors and GiB that it requests somewhere in the cluster.
        groups: the log groups of CloudWatch that it writes to.
        traces: whether it sends traces to X-Ray.
        insights: how it measures for Container Insights; ``None`` when it does not.
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
        """Return the processors and GiB of memory that it requests on so many nodes."""
        return tuple(some * nodes + one for some, one in zip(self.per_node, self.once, strict=True))  # type: ignore[return-value]


def read(made: Sequence[Object]) -> Release:
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
        groups=tuple(_groups(made)),
        traces=any(sign in text for text in (*_texts(made), *_images(made)) for sign in _XRAY),
        insights=next(_insights(made), None),
    )


def _select(made: Iterable[Object], kind: str) -> Iterator[Object]:
    return (item for item in made if item["kind"] == kind)


def _pod(item: Object) -> Object:
    """Return the specification of an object's pods; empty when it is none that keeps pods running."""
    found: Object = item["spec"]["template"]["spec"] if item["kind"] in _RUNNING else {}
    return found


def _containers(item: Object) -> list[Object]:
    pod = _pod(item)
    return [*pod.get("initContainers", []), *pod.get("containers", [])]


def _texts(made: Sequence[Object]) -> Iterator[str]:
    """Yield every text of every ConfigMap."""
    for item in _select(made, "ConfigMap"):
        yield from (item.get("data") or {}).values()


def _images(made: Sequence[Object]) -> Iterator[str]:
    yield from (one["image"] for item in made for one in _containers(item) if "image" in one)


def _prometheus(made: Sequence[Object]) -> Iterator[dict[str, Any]]:
    """Yield each configuration of Prometheus in the ConfigMaps."""
    return (yaml.safe_load(text) for text in _texts(made) if "scrape_configs:" in text)


def _groups(made: Sequence[Object]) -> Iterator[LogGroup]:
    """Yield a log group for each output of Fluent Bit to CloudWatch."""
    for text in _texts(made):
        if "name: cloudwatch_logs" not in text:
            continue
        for output in yaml.safe_load(text)["pipeline"]["outputs"]:
            if output["name"] == "cloudwatch_logs":
                infrequent = output.get("log_group_class") == "INFREQUENT_ACCESS"
                yield LogGroup(days=int(output.get("log_retention_days", 0)), infrequent=infrequent)


def _insights(made: Sequence[Object]) -> Iterator[Insights]:
    """Yield how the CloudWatch agent is told to measure."""
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
    """How many pods an object makes; of a DaemonSet, on each node."""
    return int(item["spec"].get("replicas", 1)) if item["kind"] in _RUNNING else 0


def _requested(item: Object, resource: str) -> Decimal:
    # What a start-up needs is given back; a sidecar among the init containers stays.
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
