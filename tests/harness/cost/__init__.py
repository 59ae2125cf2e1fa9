"""What a cluster with a chart's release costs in a month."""

from harness.cost.estimate import SERVICES, Estimate, Line, Volumes, alternatives, estimate
from harness.cost.prices import Instance, Price, Prices, load
from harness.cost.release import Insights, LogGroup, Release, read

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
