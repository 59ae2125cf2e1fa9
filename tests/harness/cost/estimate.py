"""What a cluster with a release costs in a month, service by service, and what it would cost otherwise."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from harness.cost.prices import Prices
from harness.cost.release import Release
from harness.errors import HarnessError

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


@dataclass(frozen=True)
class Volumes:
    """What no values file says.

    Attributes:
        nodes: how many nodes there are.
        instance: their type.
        spot: whether they are spot instances.
        editors: active editors of Grafana.
        viewers: active viewers of Grafana.
        series: series that are sent; ``None`` when nobody knows.
        samples_per_second: samples that are sent, where they were counted; wins over ``series``.
        queried: samples that queries read in a month.
        metric_days: how long AMP keeps samples.
        log_gb: GB of logs in a month.
        log_days: how long they are kept.
        traces_per_minute: traces that are recorded.
        traces_retrieved: traces that are looked at in a month.
        observations: what Container Insights observes in a month.
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
    log_gb: float = 0
    log_days: float = 30
    traces_per_minute: float = 0
    traces_retrieved: float = 0
    observations: float = 0


@dataclass(frozen=True)
class Line:
    """One item of an estimate.

    Attributes:
        service: a key of ``SERVICES``.
        quantity: how much of it.
        unit: of what.
        usd: what that costs in a month.
    """

    service: str
    quantity: float
    unit: str
    usd: float


@dataclass(frozen=True)
class Estimate:
    """What a month costs.

    Attributes:
        lines: the items, in the order of ``SERVICES``.
        requests_usd: the part of the nodes' price that the release's requests take.
    """

    lines: tuple[Line, ...]
    requests_usd: float

    @property
    def total(self) -> float:
        """All of it, in USD."""
        return sum(line.usd for line in self.lines)

    def of(self, service: str) -> float:
        """What one service costs, in USD."""
        return sum(line.usd for line in self.lines if line.service == service)


def estimate(release: Release, volumes: Volumes, prices: Prices, *, without: Collection[str] = ()) -> Estimate:
    """Return what a cluster with a release costs in a month.

    Args:
        release: what the rendered objects ask for.
        volumes: what no values file says.
        prices: the price file.
        without: services to leave out, keys of ``SERVICES``.

    Raises:
        HarnessError: the release writes to AMP, and nobody says how much.
    """
    month = _Month(release, volumes, prices)
    lines = tuple(line for service in SERVICES if service not in without for line in getattr(month, service)())
    return Estimate(lines, 0.0 if "nodes" in without else month.requests())


def alternatives(
    release: Release, volumes: Volumes, prices: Prices, *, without: Collection[str] = ()
) -> Iterator[tuple[str, Estimate]]:
    """Yield other ways to run the same, each with its name and estimate; those that change no cent are left out.

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


class _Month:
    """One method for each service, which yields its lines."""

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
        if self._volumes.log_gb:
            kept = self._volumes.log_gb * self._volumes.log_days / _DAYS * self._prices.log_compression
            yield self._line("logs", "logs_ingestion", self._volumes.log_gb)
            yield self._line("logs", "logs_storage", kept)

    def insights(self) -> Iterator[Line]:
        if self._volumes.observations:
            yield self._line("insights", "insights_observations", self._volumes.observations)

    def xray(self) -> Iterator[Line]:
        if self._volumes.traces_per_minute:
            yield self._line("xray", "xray_recorded", self._volumes.traces_per_minute * 60 * self._prices.hours)
        if self._volumes.traces_retrieved:
            yield self._line("xray", "xray_retrieved", self._volumes.traces_retrieved)

    def requests(self) -> float:
        """What the release's requests take of the nodes' price: the larger part of processors and memory."""
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
            raise HarnessError(
                "these values write to Amazon Managed Service for Prometheus, which bills samples: say how many series "
                "are sent (--series N), show what a running Prometheus counted (--measured FILE), or leave it out "
                "(--without amp)"
            )
        return self._volumes.series / self._release.interval

    def _line(self, service: str, name: str, quantity: float) -> Line:
        price = self._prices.price[name]
        return Line(service, quantity, price.unit, price.of(quantity))
