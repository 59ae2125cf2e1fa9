"""What the test session itself promises: which cluster it may touch, and what its last lines say."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Each is a test session of its own.
pytestmark = pytest.mark.slow

USES_CLUSTER = """
def test_needs_a_cluster(kube_config, cluster_type):
    print("used", cluster_type, kube_config)
"""


def session(tmp_path: Path, test: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one test file with the fixtures of this repository."""
    (tmp_path / "test_it.py").write_text(test, encoding="utf-8")
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    options = ["--rootdir", str(tmp_path), "-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider"]
    ours = ("CLUSTER", "KUBECONFIG", "PYTEST_ADDOPTS")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-q", "-s", *arguments, str(tmp_path / "test_it.py")],
        env={**kept, "PYTHONPATH": str(ROOT / "tests"), **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )


def test_unknown_cluster_type_is_rejected_before_anything_runs(tmp_path: Path) -> None:
    """The message lists the types there are."""
    done = session(tmp_path, USES_CLUSTER, "--cluster-type", "minikube")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--cluster-type minikube: choose one of auto, local, kind, existing" in done.stderr


@pytest.mark.parametrize("environment", [{}, {"CLUSTER": "existing"}], ids=["by option", "by environment"])
def test_existing_cluster_must_be_named(tmp_path: Path, environment: dict[str, str]) -> None:
    """An existing cluster without a kubeconfig is rejected."""
    arguments = [] if environment else ["--cluster-type", "existing"]
    done = session(tmp_path, USES_CLUSTER, *arguments, **environment)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "needs --kube-config FILE (or KUBECONFIG)" in done.stderr


@pytest.mark.parametrize("option", ["--kube-config", "--kubeconfig"])
def test_existing_cluster_that_does_not_answer_is_an_error(tmp_path: Path, option: str) -> None:
    """A cluster that was asked for by name and is not there fails the test; it is not skipped."""
    done = session(tmp_path, USES_CLUSTER, "--cluster-type", "existing", option, str(tmp_path / "nowhere"))
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "does not exist; set KUBECONFIG" in done.stdout


def test_kubeconfig_alone_is_never_used(tmp_path: Path) -> None:
    """With KUBECONFIG set but no cluster asked for, and none to be made here, the test is skipped with a sentence."""
    (tmp_path / "sitecustomize.py").write_text("import os; os.geteuid = lambda: 1000", encoding="utf-8")
    mine = tmp_path / "mine"
    mine.write_text("not to be read", encoding="utf-8")
    path = f"{tmp_path}{os.pathsep}{ROOT / 'tests'}"
    done = session(tmp_path, USES_CLUSTER, PATH="/usr/bin/nothing", KUBECONFIG=str(mine), PYTHONPATH=path)
    assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr
    told = "needs a cluster: this machine cannot create a cluster: start a Docker engine"
    assert f"not run: 1 test: {told}" in done.stdout
    assert "used" not in done.stdout


def test_cluster_tests_are_marked_and_come_last(tmp_path: Path) -> None:
    """`-m "not cluster"` leaves out what uses a cluster fixture, and quick tests run before it."""
    test = USES_CLUSTER + "\n\ndef test_quick(): pass\n"
    listed = session(tmp_path, test, "--collect-only").stdout.splitlines()
    assert [line.rpartition("::")[2] for line in listed[:2]] == ["test_quick", "test_needs_a_cluster"]
    assert "1 passed, 1 deselected" in session(tmp_path, test, "-m", "not cluster").stdout


def test_longest_file_of_cluster_tests_is_begun_first(tmp_path: Path) -> None:
    """`minutes` orders the files, so that no worker waits for another's long one at the end."""
    short = tmp_path / "test_short.py"
    short.write_text("import pytest\npytestmark = pytest.mark.cluster\ndef test_short(): pass\n", encoding="utf-8")
    long = "import pytest\npytestmark = [pytest.mark.cluster, pytest.mark.minutes(2)]\ndef test_long(): pass\n"
    listed = session(tmp_path, long, "--collect-only", str(short)).stdout.splitlines()
    assert [line.rpartition("::")[2] for line in listed[:2]] == ["test_long", "test_short"]


def test_last_lines_say_what_was_not_run(tmp_path: Path) -> None:
    """Each reason is one line with a count, and pytest's own closing line comes after them."""
    test = """
        import pytest

        @pytest.mark.parametrize("n", range(3))
        def test_a(n): pytest.skip("needs fluent-bit on PATH")

        @pytest.mark.skip(reason="needs ct on PATH")
        def test_b(): pass

        def test_c(): pass
        """
    lines = session(tmp_path, textwrap.dedent(test)).stdout.splitlines()
    assert lines[-3:-1] == [
        "not run: 1 test: needs ct on PATH",
        "not run: 3 tests: needs fluent-bit on PATH",
    ]
    assert lines[-1].startswith("1 passed, 4 skipped in ")


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "workers"])
def test_last_lines_say_what_was_not_real(tmp_path: Path, workers: tuple[str, ...]) -> None:
    """A stand-in that ran in the place of a program is told once, whichever process ran the tests."""
    test = """
        from harness import images

        def test_a(): images.STAND_INS.add("prog is not on PATH; prog.py ran instead")

        def test_b(): images.STAND_INS.add("prog is not on PATH; prog.py ran instead")
        """
    lines = session(tmp_path, textwrap.dedent(test), *workers).stdout.splitlines()
    assert [line for line in lines if line.startswith("not real: ")] == [
        "not real: prog is not on PATH; prog.py ran instead"
    ]


def test_warnings_are_errors(tmp_path: Path) -> None:
    """A warning from anywhere fails the test that meets it."""
    test = "import warnings\ndef test_a(): warnings.warn('old')\n"
    assert session(tmp_path, test).returncode == pytest.ExitCode.TESTS_FAILED
