"""What the tests of this chart share: its pods and its rendered configuration."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from harness.render.manifests import Manifests

Values = Mapping[str, Any]


@pytest.fixture
def pod_spec(install: Callable[..., Manifests]) -> Callable[..., dict[str, Any]]:
    """The specification of the pods of the first DaemonSet."""

    def spec(values: Values | None = None, **options: Any) -> dict[str, Any]:
        first, *_ = install(values, **options).select("DaemonSet")
        found: dict[str, Any] = first["spec"]["template"]["spec"]
        return found

    return spec


@pytest.fixture
def agent(pod_spec: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """The agent's container in those pods."""

    def container(values: Values | None = None, **options: Any) -> dict[str, Any]:
        [only] = pod_spec(values, **options)["containers"]
        return dict(only)

    return container


@pytest.fixture
def agent_config(install: Callable[..., Manifests]) -> Callable[..., dict[str, Any]]:
    """The rendered configuration, where it is YAML."""

    def config(values: Values | None = None, **options: Any) -> dict[str, Any]:
        data = install(values, **options).one("ConfigMap", "x-fluent-bit-windows")["data"]
        made: dict[str, Any] = yaml.safe_load(data["fluent-bit.yaml"])
        return made

    return config
