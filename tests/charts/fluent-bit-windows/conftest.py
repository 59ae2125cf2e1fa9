"""Fixtures of this chart: its pods, its rendered configuration and its workloads."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.render.helm import HelmError
from harness.render.manifests import Manifests, load_yaml

from .workloads import workload

Values = Mapping[str, Any]


@pytest.fixture
def pod_spec(install: Callable[..., Manifests]) -> Callable[..., dict[str, Any]]:
    """Return the specification of the pods of the first DaemonSet."""

    def spec(values: Values | None = None, **options: Any) -> dict[str, Any]:
        first, *_ = install(values, **options).select("DaemonSet")
        found: dict[str, Any] = first["spec"]["template"]["spec"]
        return found

    return spec


@pytest.fixture
def agent(pod_spec: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Return the agent's container in these pods."""

    def container(values: Values | None = None, **options: Any) -> dict[str, Any]:
        [only] = pod_spec(values, **options)["containers"]
        return dict(only)

    return container


@pytest.fixture
def agent_config(install: Callable[..., Manifests]) -> Callable[..., dict[str, Any]]:
    """Return the rendered configuration, if its format is YAML."""

    def config(values: Values | None = None, **options: Any) -> dict[str, Any]:
        data = install(values, **options).one("ConfigMap", "x-fluent-bit-windows")["data"]
        made: dict[str, Any] = load_yaml(data["fluent-bit.yaml"])
        return made

    return config


@pytest.fixture
def with_workloads(install: Callable[..., Manifests]) -> Callable[..., Manifests]:
    """Render the chart with workloads."""

    def rendered(*workloads: Values, files: tuple[Path, ...] = (), **values: Any) -> Manifests:
        return install({"workloads": list(workloads), **values} if workloads else values, files=files)

    return rendered


@pytest.fixture
def workload_rejection(with_workloads: Callable[..., Manifests]) -> Callable[..., str]:
    """Return what Helm says when it rejects a workload; fail when it accepts it."""

    def message(**fields: Any) -> str:
        with pytest.raises(HelmError) as caught:
            with_workloads(workload(**fields))
        return caught.value.stderr

    return message
