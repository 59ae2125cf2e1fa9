"""What the tests of this chart share: the chart, its values files, its refusals, and its rendered configuration."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.render import supported
from harness.render.helm import Helm, HelmError
from harness.render.manifests import Manifests

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "fluent-bit-windows"
NEWEST = supported.KUBERNETES[-1]
CONTAINER = "fluent-bit"

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
def install(helm: Helm) -> Callable[..., Manifests]:
    """Render the chart as `helm install x` would, in namespace `amazon-cloudwatch`, on the newest Kubernetes."""

    def rendered(
        values: Values | None = None,
        *,
        files: Sequence[Path] = (),
        release: str = "x",
        namespace: str = "amazon-cloudwatch",
        kubernetes: str = NEWEST,
    ) -> Manifests:
        return helm.render(
            CHART, release=release, namespace=namespace, values=values, value_files=files, kube_version=kubernetes
        )

    return rendered


@pytest.fixture
def refusal(helm: Helm) -> Callable[..., str]:
    """Return what Helm says when it refuses values; fail when it takes them."""

    def message(values: Values, *, kubernetes: str = NEWEST) -> str:
        with pytest.raises(HelmError) as caught:
            helm.render(CHART, release="x", values=values, kube_version=kubernetes)
        return caught.value.stderr

    return message


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
