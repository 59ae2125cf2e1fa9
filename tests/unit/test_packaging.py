"""The repository itself: one list of supported versions, a lock that fits, chart-testing that passes."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from harness.render import supported
from harness.render.helm import Helm
from harness.render.manifests import load_yaml

ROOT = Path(__file__).parents[2]
CHARTS = sorted(path.parent for path in (ROOT / "charts").glob("*/Chart.yaml"))
each_chart = pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)


def load(name: str) -> Any:
    return load_yaml((ROOT / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """The contents of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def lock() -> str:
    """The text of requirements.txt."""
    return (ROOT / "requirements.txt").read_text(encoding="utf-8")


def test_lock_satisfies_every_requirement(project: dict[str, Any], lock: str) -> None:
    """Each dependency of pyproject.toml has a lower bound, and the locked version fits it."""
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE))
    tables = [project["project"]["optional-dependencies"], project["dependency-groups"]]
    groups = [group for table in tables for group in table.values()]
    for text in [*project["project"]["dependencies"], *(text for group in groups for text in group)]:
        if isinstance(text, dict):  # another group of this list
            continue
        requirement = Requirement(text)
        assert any(part.operator == ">=" for part in requirement.specifier), text
        assert locked[requirement.name] in requirement.specifier, text


def test_lock_has_hashes_and_no_addresses(lock: str) -> None:
    """Every pinned package has a hash; where packages come from is left to each machine."""
    entries = re.split(r"^(?=\S)", lock, flags=re.MULTILINE)
    pinned = [entry for entry in entries if "==" in entry.split("\n", 1)[0]]
    assert len(pinned) > 40
    assert [entry.split(" ", 1)[0] for entry in pinned if "--hash=sha256:" not in entry] == []
    assert re.findall(r"https?://|--index|--extra|--find-links|-i ", lock) == []


def test_environment_is_the_locked_one(lock: str) -> None:
    """What is installed is what the lock says."""
    for name, version in re.findall(r"^([a-z0-9-]+)==(\S+) \\$", lock, re.MULTILINE):
        assert metadata.version(name) == version, name


def test_harness_runs_as_a_module() -> None:
    """The installed package answers from any folder."""
    done = subprocess.run([sys.executable, "-m", "harness", "--help"], cwd="/", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "python -m harness demo" in done.stdout


def test_workflow_covers_every_supported_version() -> None:
    """CI runs each Kubernetes version with each Helm, on a node image of that version."""
    matrix = load(".github/workflows/ci.yaml")["jobs"]["cluster"]["strategy"]["matrix"]
    assert tuple(matrix["kubernetes"]) == supported.KUBERNETES
    assert tuple(matrix["helm"]) == supported.HELM
    nodes = {entry["kubernetes"]: entry["node"] for entry in matrix["include"]}
    assert nodes.keys() == set(supported.KUBERNETES)
    assert all(re.fullmatch(rf"v{re.escape(key)}\.\d+@sha256:[0-9a-f]{{64}}", node) for key, node in nodes.items())


def test_workflows_run_the_commands_of_the_readme() -> None:
    """No workflow knows a way of testing of its own."""
    text = (ROOT / ".github" / "workflows" / "ci.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"run: (make \w+)", text)) == {"make fast", "make test"}
    assert "exec make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@each_chart
def test_chart_admits_every_supported_version(chart: Path, helm: Helm) -> None:
    """The chart's kubeVersion lets each supported Kubernetes in, pre-release suffixes of providers included."""
    for version in supported.KUBERNETES:
        answer = helm.template(chart, kube_version=f"{version}.3-eks-1a2b3c4")
        assert "which is incompatible with Kubernetes" not in answer.stderr, answer.stderr


@pytest.mark.parametrize("name", ["ct.yaml", "chart_schema.yaml", "lintconf.yaml"])
def test_chart_testing_files_are_named_in_its_configuration(name: str) -> None:
    """ct.yaml points at files that exist."""
    configuration = load("ct.yaml")
    assert name in ("ct.yaml", configuration["chart-yaml-schema"], configuration["lint-conf"])
    assert (ROOT / name).is_file()


def test_chart_testing_lints_for_the_oldest_kubernetes() -> None:
    """The command that ct adds to its own checks renders for the oldest version that the charts support."""
    [command] = load("ct.yaml")["additional-commands"]
    assert f"--kube-version {supported.KUBERNETES[0]}.0 " in command


@pytest.mark.slow
def test_chart_testing_lints_every_chart(helm: Helm) -> None:
    """`ct lint` passes with ct.yaml: Chart.yaml by schema, YAML by style, each of ci/ by helm."""
    if shutil.which("ct") is None:
        pytest.skip("needs ct (chart-testing 3) on PATH")
    programs = [Path(sys.executable).parent, helm.binary.parent]
    path = os.pathsep.join([*map(str, programs), os.environ["PATH"]])
    # Whether a changed chart has a new version is asked in pull requests, where there is a branch to compare with.
    command = ["ct", "lint", "--config", "ct.yaml", "--all", "--check-version-increment=false"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All charts linted successfully" in done.stdout
    assert all(chart.name in done.stdout for chart in CHARTS)


def git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_generated_files_are_marked() -> None:
    """Every file that names the command that writes it is marked as generated, and every mark has files."""
    files = [name for name in git("ls-files") if (ROOT / name).is_file()]
    attributes = git("check-attr", "linguist-generated", *files)
    marked = {line.partition(": ")[0] for line in attributes if line.endswith(": set")}
    texts = {name: (ROOT / name).read_bytes()[:200] for name in files if not name.endswith(".py")}
    says = {name for name, text in texts.items() if re.search(rb"^.{,6}(Generated|Written) by `", text)}
    assert {"charts/observability-stack/files/allow-list.yaml"} < says
    assert says <= marked
    for line in (ROOT / ".gitattributes").read_text(encoding="utf-8").splitlines():
        pattern = line.split(" ")[0]
        assert pattern == "#" or any(ROOT.glob(pattern)), line
