"""Estimates the monthly cost of a cluster with a release of a chart."""

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
