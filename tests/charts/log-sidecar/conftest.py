"""Fixtures of this chart's tests: its pods, its configurations and the demo."""

import copy
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.render import supported
from harness.render.manifests import Manifests, Object, load_yaml

from .demo import Demo

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "log-sidecar"
NEWEST = supported.KUBERNETES[-1]

Values = Mapping[str, Any]


@pytest.fixture
def pod_spec(install: Callable[..., Manifests]) -> Callable[..., Object]:
    """Specification of the application's pod."""

    def spec(values: Values | None = None, **options: Any) -> Object:
        [pod] = install(values, **options).select(component="app").pods()
        return pod.spec

    return spec


@pytest.fixture
def sidecars(pod_spec: Callable[..., Object]) -> Callable[..., list[Object]]:
    """Native sidecars of the application's pod."""

    def containers(values: Values | None = None, **options: Any) -> list[Object]:
        every = pod_spec(values, **options).get("initContainers", [])
        return [container for container in every if container.get("restartPolicy") == "Always"]

    return containers


@pytest.fixture
def app(pod_spec: Callable[..., Object]) -> Callable[..., Object]:
    """Container of the application."""

    def container(values: Values | None = None, **options: Any) -> Object:
        first: Object = pod_spec(values, **options)["containers"][0]
        return first

    return container


@pytest.fixture
def agent_config(install: Callable[..., Manifests]) -> Callable[..., dict[str, Any]]:
    """Configurations of the fluent-bit engine, by name of the sidecar."""

    def configs(values: Values | None = None) -> dict[str, Any]:
        data = install(values).one("ConfigMap", "x-log-sidecar-sidecar")["data"]
        return {name.removesuffix(".yaml"): load_yaml(text) for name, text in data.items()}

    return configs


def written(message: str) -> Any:
    """Return the YAML that the first message of a rejection says to write."""
    return load_yaml(message.partition("Write:\n")[2].partition("\n\n")[0])


def tails(pipeline: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the inputs that read files."""
    return [plugin for plugin in pipeline["inputs"] if plugin["name"] == "tail"]


@pytest.fixture
def merged() -> Callable[..., dict[str, Any]]:
    """Merge values as Helm does: maps are merged, other values are replaced."""

    def merge(below: Values, above: Values) -> dict[str, Any]:
        result = copy.deepcopy(dict(below))
        for key, value in above.items():
            old = result.get(key)
            result[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
        return result

    return merge


@pytest.fixture
def start(install: Callable[..., Manifests], tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    """Start the demo with values."""
    started: list[Demo] = []

    def run(values: dict[str, Any], *arguments: str) -> Demo:
        started.append(Demo(install(values), tmp_path, *arguments))
        return started[-1]

    yield run
    for demo in started:
        demo.process.kill()
        demo.process.communicate()
