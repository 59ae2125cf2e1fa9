"""All charts as dependencies of one parent, one of them in an older version: templates do not affect other charts."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.render.helm import Helm
from harness.render.manifests import load_yaml

from .conftest import ROOT, charts

# Charts shared helper names then, and the helpers of this commit did not sign requests to OpenSearch.
OLD = "be86cb7"
HOST = {"host": "search-logs.eu-west-1.es.amazonaws.com"}
# Values with which each chart sends signed requests to OpenSearch.
CURRENT: dict[str, dict[str, Any]] = {
    "fluent-bit-windows": {
        "outputs": {"cloudwatch": {"enabled": False}, "search": {"type": "opensearch", "awsAuth": True, **HOST}}
    },
    "log-sidecar": {
        "outputs": {"stdout": {"enabled": False}, "search": {"type": "opensearch", "awsAuth": True, **HOST}}
    },
    "observability-stack": {
        "logs": {"enabled": True},
        "outputs": {"cloudwatch": {"enabled": False}, "search": {"type": "opensearch", "awsAuth": True, **HOST}},
    },
}
# The same for the charts of the old commit that shared helpers.
OF_OLD: dict[str, dict[str, Any]] = {
    "fluent-bit-windows": {"output": {"type": "opensearch", "opensearch": HOST}},
    "observability-stack": {"logs": {"enabled": True, "output": {"type": "opensearch", "opensearch": HOST}}},
}


def at_commit(commit: str, chart: str, destination: Path) -> Path:
    """Write a chart at a commit, and return its folder; skip the test if the commit is not available."""
    if shutil.which("git") is None:
        pytest.skip("needs git on PATH")
    archive = ["git", "archive", "--format=tar", commit, f"charts/{chart}"]
    done = subprocess.run(archive, cwd=ROOT, capture_output=True)
    if done.returncode != 0:
        pytest.skip(f"needs commit {commit}, which this clone lacks; `git fetch --unshallow` brings it")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as files:
        files.extractall(destination, filter="data")
    return destination / "charts" / chart


def parent_of(folders: list[Path], parent: Path) -> Path:
    """Write a parent chart with these dependencies and without templates."""
    (parent / "charts").mkdir(parents=True)
    dependencies = []
    for folder in folders:
        shutil.copytree(folder, parent / "charts" / folder.name)
        version = load_yaml((folder / "Chart.yaml").read_text(encoding="utf-8"))["version"]
        dependencies.append({"name": folder.name, "version": version})
    metadata = {"apiVersion": "v2", "name": "parent", "version": "1.0.0", "dependencies": dependencies}
    (parent / "Chart.yaml").write_text(yaml.safe_dump(metadata), encoding="utf-8")
    return parent


@pytest.mark.parametrize("old", OF_OLD)
def test_charts_render_in_a_parent_as_they_do_alone(helm: Helm, tmp_path: Path, old: str) -> None:
    """Beside an older version of one of them, every chart renders as alone, including signed requests."""
    folders = [chart if chart.name != old else at_commit(OLD, old, tmp_path) for chart in charts()]
    values = {folder.name: CURRENT[folder.name] if folder.name != old else OF_OLD[old] for folder in folders}
    alone = [helm.render(folder, values=values[folder.name]) for folder in folders]
    together = helm.render(parent_of(folders, tmp_path / "parent"), values=values)
    assert sorted(map(str, together)) == sorted(str(item) for made in alone for item in made)
    signed = [made for folder, made in zip(folders, alone, strict=True) if folder.name != old]
    assert len(signed) == len(folders) - 1
    assert all("aws_auth" in str([*made]) for made in signed)
