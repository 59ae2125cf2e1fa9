"""Checks a Fluent Bit configuration and follows its records, without running Fluent Bit."""

from harness.fluentbit.check import faults
from harness.fluentbit.config import Config, ConfigError, Plugin, parse
from harness.fluentbit.document import read, write
from harness.fluentbit.mounts import Mount, mounts_of
from harness.fluentbit.routing import Delivery, container_log, deliveries, inputs_of, pod_log, tag_of

__all__ = [
    "Config",
    "ConfigError",
    "Delivery",
    "Mount",
    "Plugin",
    "container_log",
    "deliveries",
    "faults",
    "inputs_of",
    "mounts_of",
    "parse",
    "pod_log",
    "read",
    "tag_of",
    "write",
]
