"""Fixtures for the tests of every chart: the chart of the test's folder, its renders, its rejections and its notes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.render import supported
from harness.render.helm import Helm, HelmError
from harness.render.manifests import Manifests, load_yaml

CHARTS = Path(__file__).parents[2] / "charts"
# Where the documentation installs each chart.
NAMESPACES = {"fluent-bit-windows": "amazon-cloudwatch", "log-sidecar": "prd", "observability-stack": "prometheus"}

Values = Mapping[str, Any]


@pytest.fixture
def chart(request: pytest.FixtureRequest) -> Path:
    """The folder of the chart whose tests these are."""
    return CHARTS / request.path.relative_to(Path(__file__).parent).parts[0]


@pytest.fixture
def defaults(chart: Path) -> dict[str, Any]:
    """The chart's own values."""
    values: dict[str, Any] = load_yaml((chart / "values.yaml").read_text(encoding="utf-8"))
    return values


@pytest.fixture
def install(helm: Helm, chart: Path) -> Callable[..., Manifests]:
    """Render the chart as `helm install x` would, in its namespace, on the newest Kubernetes."""

    def rendered(
        values: Values | None = None,
        *,
        files: Sequence[Path] = (),
        release: str = "x",
        namespace: str = NAMESPACES[chart.name],
        kubernetes: str = supported.KUBERNETES[-1],
    ) -> Manifests:
        return helm.render(
            chart, release=release, namespace=namespace, values=values, value_files=files, kube_version=kubernetes
        )

    return rendered


@pytest.fixture
def rejection(install: Callable[..., Manifests]) -> Callable[..., str]:
    """Return what Helm says when it rejects values; fail when it accepts them. The arguments are those of `install`."""

    def message(values: Values, **options: Any) -> str:
        with pytest.raises(HelmError) as caught:
            install(values, **options)
        return caught.value.stderr

    return message


@pytest.fixture
def notes(helm: Helm, chart: Path) -> Callable[..., str]:
    """Return the notes of an install in the chart's namespace."""
    if helm.major == 3:
        pytest.skip("needs helm 4, which tells templates a current version of Kubernetes without a cluster")

    def text(values: Values | None = None, **options: Any) -> str:
        return helm.notes(chart, release="x", namespace=NAMESPACES[chart.name], values=values, **options)

    return text
