"""What the tests of this chart share: the chart, its refusals, its notes, and Prometheus' rendered configuration."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.render import supported
from harness.render.helm import Helm, HelmError
from harness.render.manifests import Manifests

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "observability-stack"
NEWEST = supported.KUBERNETES[-1]

Values = Mapping[str, Any]


@pytest.fixture
def chart() -> Path:
    """The chart's folder."""
    return CHART


@pytest.fixture
def defaults() -> dict[str, Any]:
    """The chart's own values."""
    values: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    return values


@pytest.fixture
def article() -> Path:
    """The values that the article shows."""
    return ROOT / "values" / "examples" / "amp.yaml"


@pytest.fixture
def install(helm: Helm) -> Callable[..., Manifests]:
    """Render the chart as `helm install x` would, in namespace `prometheus`, on the newest Kubernetes."""

    def rendered(
        values: Values | None = None,
        *,
        files: Sequence[Path] = (),
        release: str = "x",
        namespace: str = "prometheus",
        kubernetes: str = NEWEST,
    ) -> Manifests:
        return helm.render(
            CHART, release=release, namespace=namespace, values=values, value_files=files, kube_version=kubernetes
        )

    return rendered


@pytest.fixture
def refusal(helm: Helm) -> Callable[..., str]:
    """Return what Helm says when it refuses values; fail when it takes them."""

    def message(values: Values, *, files: Sequence[Path] = ()) -> str:
        with pytest.raises(HelmError) as caught:
            helm.render(CHART, release="x", values=values, value_files=files, kube_version=NEWEST)
        return caught.value.stderr

    return message


@pytest.fixture
def notes(helm: Helm) -> Callable[..., str]:
    """Return the notes of an install in namespace prometheus."""
    if helm.major == 3:
        pytest.skip("needs helm 4, which tells templates a current version of Kubernetes without a cluster")

    def text(values: Values | None = None) -> str:
        return helm.notes(CHART, release="x", namespace="prometheus", values=values)

    return text


@pytest.fixture
def prometheus(install: Callable[..., Manifests]) -> Callable[..., dict[str, Any]]:
    """The configuration of one pod of Prometheus, the first by default."""

    def config(values: Values | None = None, *, shard: int = 0, replica: int = 0, **options: Any) -> dict[str, Any]:
        data = install(values, **options).one("ConfigMap", "x-observability-stack-server")["data"]
        made: dict[str, Any] = yaml.safe_load(data[f"prometheus-{shard}-{replica}.yaml"])
        return made

    return config


@pytest.fixture
def scrapes(prometheus: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, dict[str, Any]]]:
    """The scrape configurations by the job's name."""

    def jobs(values: Values | None = None, **options: Any) -> dict[str, dict[str, Any]]:
        return {job["job_name"]: job for job in prometheus(values, **options)["scrape_configs"]}

    return jobs
