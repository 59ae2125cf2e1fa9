"""Where code lives: the packages, which of them may import which, and what they say they are."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
HARNESS = ROOT / "tests" / "harness"
COMMAND = ROOT / "src" / "eks_observability"
# A package may import those before it, and none after it.
ORDER = ("tools", "render", "fluentbit", "loss", "backends", "images", "clusters", "generate", "cli")
CHARTS = sorted(path.parent.name for path in (ROOT / "charts").glob("*/Chart.yaml"))
# A chart's name that the harness has to know: the demo installs the chart that needs no AWS.
DEMO = {"cli/demo.py", "cli/main.py"}


def imports(file: Path) -> Iterator[str]:
    """Yield every module that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{file}: write absolute imports"
            yield from ((node.module, *(f"{node.module}.{name.name}" for name in node.names)))


def wrong_imports(package: str, files: dict[str, set[str]]) -> list[str]:
    """Return the imports of later packages, for the files of one package and the modules that each imports."""
    later = set(ORDER[ORDER.index(package) + 1 :])
    return [
        f"{file} imports {module}"
        for file, modules in files.items()
        for module in sorted(modules)
        if module.startswith("harness.") and module.split(".")[1] in later
    ]


def test_packages_of_the_harness_are_known() -> None:
    """The harness consists of at most a dozen packages, each with its place in the order of imports."""
    assert sorted(path.parent.name for path in HARNESS.glob("*/__init__.py")) == sorted(ORDER)
    assert len(ORDER) <= 12
    assert sorted(path.name for path in HARNESS.glob("*.py")) == ["__init__.py", "__main__.py", "errors.py"]


@pytest.mark.parametrize("package", ORDER)
def test_imports_run_one_way(package: str) -> None:
    """No package imports one that comes after it."""
    files = {str(file.relative_to(HARNESS)): set(imports(file)) for file in (HARNESS / package).rglob("*.py")}
    assert files
    assert wrong_imports(package, files) == []


def test_import_of_a_later_package_is_noticed() -> None:
    """The check sees an import of a package and of a module in it, and accepts those before."""
    files = {
        "a.py": {"harness.clusters", "harness.tools.cache"},
        "b.py": {"harness.cli.demo", "json", "harness.errors"},
    }
    assert wrong_imports("images", files) == ["a.py imports harness.clusters", "b.py imports harness.cli.demo"]


def test_command_line_and_harness_do_not_know_each_other() -> None:
    """What users install imports nothing of the tests, and the harness works without it."""
    inside = {module.split(".")[0] for file in COMMAND.rglob("*.py") for module in imports(file)}
    assert "eks_observability" in inside
    assert inside.isdisjoint({"harness", "pytest", *(path.name for path in (ROOT / "tests").iterdir())})
    outside = {module.split(".")[0] for file in HARNESS.rglob("*.py") for module in imports(file)}
    assert "harness" in outside
    assert outside.isdisjoint({"eks_observability", "pytest", "bench", "cluster"})


def test_harness_knows_no_chart() -> None:
    """No module of the harness names a chart, except for the demo."""
    files = [file for file in HARNESS.rglob("*") if file.suffix in (".py", ".toml")]
    naming = {
        str(file.relative_to(HARNESS))
        for file in files
        if any(re.search(rf"\b{chart}\b", file.read_text(encoding="utf-8")) for chart in CHARTS)
    }
    assert naming == DEMO


@pytest.mark.parametrize("package", ["", *ORDER])
def test_package_says_what_it_is_in_one_sentence(package: str) -> None:
    """The docstring of a package is one line, and a sentence."""
    text = ast.get_docstring(ast.parse((HARNESS / package / "__init__.py").read_text(encoding="utf-8"))) or ""
    assert re.fullmatch(r"[A-Z][^\n.]+\.", text), text


def test_installed_files_are_complete() -> None:
    """Each file of the command line that is no module is named as package data, so that an install has it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named = {
        file
        for package, patterns in project["tool"]["setuptools"]["package-data"].items()
        for pattern in patterns
        for file in COMMAND.parent.joinpath(*package.split(".")).glob(pattern)
    }
    files = {path for path in COMMAND.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert files == named


def test_command_line_declares_what_it_imports() -> None:
    """An install brings every package that the command line imports, but for what its extras are for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {Requirement(text).name for text in project["dependencies"]}
    extra = {Requirement(text).name for group in project["optional-dependencies"].values() for text in group}
    of_module = metadata.packages_distributions()
    modules = {module.split(".")[0] for file in COMMAND.rglob("*.py") for module in imports(file)}
    found = {of_module[module][0] for module in modules - sys.stdlib_module_names - {"eks_observability"}}
    assert {name.lower().replace("_", "-") for name in found} == {name.lower() for name in needed | extra}
