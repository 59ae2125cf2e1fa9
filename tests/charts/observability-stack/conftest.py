"""Fixtures of this chart's tests: the article's values, and Prometheus' rendered configuration."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.render.manifests import Manifests, load_yaml

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "observability-stack"

Values = Mapping[str, Any]


@pytest.fixture
def article() -> Path:
    """The values of the article."""
    return ROOT / "values" / "examples" / "amp.yaml"


@pytest.fixture
def prometheus(install: Callable[..., Manifests]) -> Callable[..., dict[str, Any]]:
    """The configuration of a Prometheus pod, by default the first one."""

    def config(values: Values | None = None, *, shard: int = 0, replica: int = 0, **options: Any) -> dict[str, Any]:
        data = install(values, **options).texts("x-observability-stack-server")
        made: dict[str, Any] = load_yaml(data[f"prometheus-{shard}-{replica}.yaml"])
        return made

    return config


@pytest.fixture
def scrapes(prometheus: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, dict[str, Any]]]:
    """The scrape configurations by job name."""

    def jobs(values: Values | None = None, **options: Any) -> dict[str, dict[str, Any]]:
        return {job["job_name"]: job for job in prometheus(values, **options)["scrape_configs"]}

    return jobs
