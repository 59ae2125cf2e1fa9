"""Every chart with every values file in this repository; each policy applies to all of them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.render.helm import Helm
from harness.render.manifests import Manifests

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Case:
    """A chart and a values file.

    Attributes:
        chart: the chart's folder.
        values: the values file; ``None`` for the chart's own values.
    """

    chart: Path
    values: Path | None

    @property
    def oldest_kubernetes(self) -> str | None:
        """The Kubernetes version that the file's first comment requires; ``None``: any supported one."""
        needs = re.search(r"Requires Kubernetes (\d+\.\d+)", _comment(self.values)) if self.values else None
        return needs[1] if needs else None

    def __str__(self) -> str:
        return f"{self.chart.name}-{self.values.relative_to(ROOT).with_suffix('') if self.values else 'defaults'}"


def charts() -> list[Path]:
    return sorted(path.parent for path in (ROOT / "charts").glob("*/Chart.yaml"))


def cases() -> list[Case]:
    found = []
    for chart in charts():
        environments = ROOT.glob(f"values/*/{chart.name}.yaml")
        files = [*chart.glob("ci/*-values.yaml"), *environments, *_examples(chart)]
        found += [Case(chart, None), *(Case(chart, file) for file in sorted(files))]
    return found


def _examples(chart: Path) -> list[Path]:
    """Return the files of ``values/examples`` whose first comment names the chart."""
    return [file for file in (ROOT / "values" / "examples").glob("*.yaml") if _is_for(file, chart)]


def _is_for(file: Path, chart: Path) -> bool:
    return f"charts/{chart.name}" in _comment(file)


def _comment(file: Path) -> str:
    return "".join(line for line in file.read_text(encoding="utf-8").splitlines(True) if line.startswith("#"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", cases(), ids=str)
    if "chart" in metafunc.fixturenames:
        metafunc.parametrize("chart", charts(), ids=lambda chart: chart.name)


@pytest.fixture
def rendered(helm: Helm) -> Callable[..., Manifests]:
    """Render a case without extra manifests of the user."""

    def render(case: Case, **options: str) -> Manifests:
        files = [case.values] if case.values else []
        return helm.render(case.chart, value_files=files, values={"extraObjects": []}, **options)

    return render
