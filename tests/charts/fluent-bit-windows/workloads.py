"""Values of workloads that the tests of this chart share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.render.manifests import Manifests, Object

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "fluent-bit-windows"
FILES = CHART / "files" / "logmonitor"
ALL_VALUES = CHART / "ci" / "all-values.yaml"
FILE = {"type": "File", "directory": "C:\\logs"}
EVENTS = {"type": "EventLog", "channels": [{"name": "System"}]}
ETW = {"type": "ETW", "providers": [{"providerName": "IIS: WWW Server"}]}
IMAGE = {"registry": "registry.invalid", "repository": "app", "tag": "1"}


def workload(**fields: Any) -> dict[str, Any]:
    """Return a workload that starts a program with LogMonitor, with other fields."""
    return {"name": "web", "image": IMAGE, "command": ["app.exe"], **fields}


def copied(*sources: Mapping[str, Any], **settings: Any) -> dict[str, Any]:
    """Return settings with which the chart renders LogMonitor's configuration."""
    return {
        "from": "initContainer",
        "image": {**IMAGE, "repository": "logmonitor"},
        "sources": list(sources),
        **settings,
    }


def pod_of(manifests: Manifests, name: str = "x-fluent-bit-windows-web") -> Object:
    """Return the specification of the pods of a workload."""
    spec: Object = manifests.one("Deployment", name)["spec"]["template"]["spec"]
    return spec
