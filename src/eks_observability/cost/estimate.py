"""Estimates the monthly cost of a cluster with a release, service by service, and of alternatives."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from eks_observability.cost.prices import Prices
from eks_observability.cost.release import Release
from eks_observability.errors import CommandError

SERVICES = {
    "eks": "EKS control plane",
    "nodes": "EC2 nodes",
    "volumes": "EBS volumes",
    "amp": "Managed Prometheus",
    "grafana": "Managed Grafana",
    "logs": "CloudWatch Logs",
    "insights": "Container Insights",
    "xray": "X-Ray",
}
_DAYS = 365 / 12
# Assumed retention of logs, in days: by default, and when the release keeps logs forever.
_LOG_DAYS = 30
_FOREVER = 365


@dataclass(frozen=True)
class Volumes:
    """Quantities that no values file contains.

    Attributes:
        nodes: number of nodes.
        instance: instance type.
        spot: whether they are spot instances.
        editors: active editors of Grafana.
        viewers: active viewers of Grafana.
        series: series sent; ``None``: unknown.
        samples_per_second: measured samples per second; takes precedence over ``series``.
        queried: samples that queries read per month.
        metric_days: retention of AMP, in days.
        log_gb: GB of logs per month; ``None``: unknown.
        log_days: retention of logs, in days; ``None``: from the release, or 30.
        traces_per_minute: traces recorded per minute; ``None``: unknown.
        traces_retrieved: traces retrieved per month.
        observations: observations of Container Insights per month; ``None``: unknown.
        custom_metrics: metrics of Container Insights without enhanced observability; ``None``: unknown.
    """

    nodes: int = 3
    instance: str = "t3.xlarge"
    spot: bool = False
    editors: int = 1
    viewers: int = 0
    series: float | None = None
    samples_per_second: float | None = None
    queried: float = 0
    metric_days: float = 150
    log_gb: float | None = None
    log_days: float | None = None
    traces_per_minute: float | None = None
    traces_retrieved: float = 0
    observations: float | None = None
    custom_metrics: float | None = None


@dataclass(frozen=True)
class Line:
    """One item of an estimate.

    Attributes:
        service: a key of ``SERVICES``.
        quantity: the quantity.
        unit: unit of the quantity.
        usd: cost per month, in USD.
    """

    service: str
    quantity: float
    unit: str
    usd: float


@dataclass(frozen=True)
class Estimate:
    """The cost of a month.

    Attributes:
        lines: the items, in the order of ``SERVICES``.
        requests_usd: share of the node price for the release's requests, in USD.
    """

    lines: tuple[Line, ...]
    requests_usd: float

    @property
    def total(self) -> float:
        """Total, in USD."""
        return sum(line.usd for line in self.lines)

    def of(self, service: str) -> float:
        """Cost of one service, in USD."""
        return sum(line.usd for line in self.lines if line.service == service)


def estimate(release: Release, volumes: Volumes, prices: Prices, *, without: Collection[str] = ()) -> Estimate:
    """Return the monthly cost of a cluster with a release.

    Args:
        release: demands of the rendered objects.
        volumes: quantities that no values file contains.
        prices: the price file.
        without: services to leave out, keys of ``SERVICES``.

    Raises:
        CommandError: the release writes to a service that bills by quantity, and the quantity is unknown.
    """
    month = _Month(release, volumes, prices)
    lines = tuple(line for service in SERVICES if service not in without for line in getattr(month, service)())
    return Estimate(lines, 0.0 if "nodes" in without else month.requests())


def alternatives(
    release: Release, volumes: Volumes, prices: Prices, *, without: Collection[str] = ()
) -> Iterator[tuple[str, Estimate]]:
    """Yield alternatives that change the total by at least a cent, each with its name and estimate.

    The arguments are those of ``estimate``.
    """
    given = estimate(release, volumes, prices, without=without)
    for name, other, changed in _others(release, volumes):
        made = estimate(other, changed, prices, without=without)
        if round(made.total - given.total, 2):
            yield name, made


def _others(release: Release, volumes: Volumes) -> Iterator[tuple[str, Release, Volumes]]:
    yield "spot nodes", release, replace(volumes, spot=True)
    if release.interval:
        for seconds in (30, 60, 120):
            rate = volumes.samples_per_second
            counted = None if rate is None else rate * release.interval / seconds
            yield (
                f"scrapes every {seconds} s",
                replace(release, interval=seconds),
                replace(volumes, samples_per_second=counted),
            )
    for days in (30, 150, 1095):
        yield f"metrics kept {days} days", release, replace(volumes, metric_days=days)
    for days in (7, 30, 365):
        yield f"logs kept {days} days", release, replace(volumes, log_days=days)
    if release.groups:
        rare = tuple(replace(group, infrequent=True) for group in release.groups)
        yield "logs in Infrequent Access", replace(release, groups=rare), volumes
    if release.insights and volumes.observations:
        for seconds in (60, 120, 300):
            fewer = volumes.observations * release.insights.interval / seconds
            yield f"Container Insights every {seconds} s", release, replace(volumes, observations=fewer)


class _Month:
    """One method per service, which yields the lines of the estimate."""

    def __init__(self, release: Release, volumes: Volumes, prices: Prices) -> None:
        self._release = release
        self._volumes = volumes
        self._prices = prices

    def eks(self) -> Iterator[Line]:
        yield self._line("eks", "eks_cluster", self._prices.hours)

    def nodes(self) -> Iterator[Line]:
        unit = f"{self._volumes.instance}{' spot' if self._volumes.spot else ''}"
        yield Line("nodes", self._volumes.nodes, unit, self._volumes.nodes * self._node())

    def volumes(self) -> Iterator[Line]:
        if self._release.claims_gib:
            yield self._line("volumes", "ebs_gp3", self._release.claims_gib)

    def amp(self) -> Iterator[Line]:
        if not self._release.amp:
            return
        samples = self._samples_per_second() * 3600 * self._prices.hours
        stored = samples * (self._volumes.metric_days / _DAYS) * self._prices.bytes_per_sample / 2**30
        yield self._line("amp", "amp_samples", samples)
        yield self._line("amp", "amp_storage", stored)
        if self._volumes.queried:
            yield self._line("amp", "amp_queries", self._volumes.queried)

    def grafana(self) -> Iterator[Line]:
        if self._volumes.editors:
            yield self._line("grafana", "grafana_editor", self._volumes.editors)
        if self._volumes.viewers:
            yield self._line("grafana", "grafana_viewer", self._volumes.viewers)

    def logs(self) -> Iterator[Line]:
        groups = self._release.groups
        gb = _amount(self._volumes.log_gb, bool(groups), "CloudWatch Logs, which bills GB", "--log-gb N", "logs")
        if gb:
            days = self._volumes.log_days
            if days is None:
                days = max((group.days or _FOREVER for group in groups), default=_LOG_DAYS)
            rare = bool(groups) and all(group.infrequent for group in groups)
            yield self._line("logs", "logs_ingestion_infrequent" if rare else "logs_ingestion", gb)
            yield self._line("logs", "logs_storage", gb * days / _DAYS * self._prices.log_compression)

    def insights(self) -> Iterator[Line]:
        told = self._release.insights
        measures = told is not None and told.extract
        enhanced = measures and told is not None and told.enhanced
        what = "Container Insights, which bills "
        observed = _amount(
            self._volumes.observations, enhanced, f"{what}observations", "--observations N per month", "insights"
        )
        stored = _amount(
            self._volumes.custom_metrics, measures and not enhanced, f"{what}metrics", "--custom-metrics N", "insights"
        )
        if observed:
            yield self._line("insights", "insights_observations", observed)
        if stored:
            yield self._line("insights", "custom_metrics", stored)

    def xray(self) -> Iterator[Line]:
        what = "X-Ray, which bills traces"
        traced = _amount(self._volumes.traces_per_minute, self._release.traces, what, "--traces-per-minute N", "xray")
        if traced:
            yield self._line("xray", "xray_recorded", traced * 60 * self._prices.hours)
        if self._volumes.traces_retrieved:
            yield self._line("xray", "xray_retrieved", self._volumes.traces_retrieved)

    def requests(self) -> float:
        """Return the share of the node price for the release's requests: the larger of CPU and memory."""
        instance = self._prices.instance(self._volumes.instance)
        cpu, memory = self._release.requests(self._volumes.nodes)
        return max(cpu / instance.cpu, memory / instance.memory_gib) * self._node()

    def _node(self) -> float:
        usd = self._prices.instance(self._volumes.instance).usd * self._prices.hours
        return usd * (1 - self._prices.spot_saving) if self._volumes.spot else usd

    def _samples_per_second(self) -> float:
        if self._volumes.samples_per_second is not None:
            return self._volumes.samples_per_second
        if self._volumes.series is None:
            raise CommandError(
                "these values write to Amazon Managed Service for Prometheus, which bills samples. Pass the number of "
                "series (--series N) or the metrics of a running Prometheus (--measured FILE), or leave the service "
                "out (--without amp)"
            )
        return self._volumes.series / self._release.interval

    def _line(self, service: str, name: str, quantity: float) -> Line:
        price = self._prices.price[name]
        return Line(service, quantity, price.unit, price.of(quantity))


def _amount(given: float | None, asked: bool, what: str, option: str, service: str) -> float:
    """Return a quantity, which is required if the release writes to the service."""
    if given is None and asked:
        raise CommandError(
            f"these values write to {what}. Pass the quantity ({option}), or leave the service out "
            f"(--without {service})"
        )
    return given or 0
