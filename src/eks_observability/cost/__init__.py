"""What a cluster with a chart's release costs in a month."""

from eks_observability.cost.estimate import SERVICES, Estimate, Line, Volumes, alternatives, estimate
from eks_observability.cost.prices import Instance, Price, Prices, load
from eks_observability.cost.release import Insights, LogGroup, Release, read

__all__ = [
    "SERVICES",
    "Estimate",
    "Insights",
    "Instance",
    "Line",
    "LogGroup",
    "Price",
    "Prices",
    "Release",
    "Volumes",
    "alternatives",
    "estimate",
    "load",
    "read",
]
