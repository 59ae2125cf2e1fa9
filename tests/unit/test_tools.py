"""Which program is used: one on PATH that fits, one built before, or one built now."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.tools import programs as tools


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test starts without built tools and forgets what the one before found on PATH."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    tools._on_path.cache_clear()


def program(folder: Path, name: str, prints: str, status: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{prints}'\nexit {status}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("name", "file", "prints", "fits"),
    [
        pytest.param("helm", "helm", "v4.3.0+g123", True, id="another patch of the same minor"),
        pytest.param("helm", "helm", "v4.2.4", False, id="an older minor"),
        pytest.param("helm", "helm", "v3.22.0", False, id="another major"),
        pytest.param("helm3", "helm", "v3.22.1", True, id="helm 3 under helm's own name"),
        pytest.param("helm", "helm", "no version at all", False, id="no version"),
        pytest.param("bridge", "bridge", "v1.9.1", False, id="a program that has no version to show"),
    ],
)
def test_program_on_path_is_used_when_it_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, file: str, prints: str, fits: bool
) -> None:
    """A program on PATH serves when its major and minor version are the pinned ones."""
    path = program(tmp_path / "bin", file, prints)
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
    found = tools.find(name)
    assert (found.path, found.built) == ((path, False) if fits else (None, True))


def test_program_that_fails_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program on PATH that exits with an error when asked for its version does not serve."""
    path = program(tmp_path / "bin", "helm", "v4.3.1", status=1)
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
    assert tools.find("helm").path is None


def test_unknown_tool_is_rejected_by_name() -> None:
    """A tool that nobody pinned is named in the error, and so are those that are."""
    with pytest.raises(HarnessError, match=r"'hlem' is not in tools.toml; use one of helm, "):
        tools.path("hlem")


def test_missing_go_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a Go compiler the error says what to install, and for which programs."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(HarnessError, match=r"^helm must be built, and the `go` command is not on PATH; install Go"):
        tools.path("helm")


@pytest.mark.skipif(shutil.which("go") is None, reason="needs go")
def test_replaced_folders_become_published_modules() -> None:
    """Kubernetes' own folders are replaced by the modules published from them, at the pinned version."""
    lines = tools._go_mod(tools._sources()["kubelet"]).splitlines()
    assert "require k8s.io/kubernetes v1.36.3" in lines
    assert "replace k8s.io/api => k8s.io/api v0.36.3" in lines
    assert not [line for line in lines if "=> ." in line]


@pytest.mark.skipif(shutil.which("go") is None, reason="needs go")
def test_modules_built_together_have_the_same_libraries() -> None:
    """Both ask for the same versions, so that what they share is compiled once; one alone asks for its own."""
    sources = tools._sources()
    assert tools._go_mod(sources["kwok"]) == tools._go_mod(sources["kubelet"])
    assert tools._go_mod(sources["kwok"]) != tools._go_mod(sources["helm"])
    required = [line for line in tools._go_mod(sources["etcd"]).splitlines() if line.startswith("require")]
    assert required == [f"require {sources['etcd'].module} {sources['etcd'].version}"]


@pytest.mark.skipif(shutil.which("go") is None, reason="needs go")
def test_build_is_kept_for_the_next_run(tmp_path: Path) -> None:
    """A built program runs, lies in the cache under its version, and is not built again."""
    built = tools.path("loopback")
    assert built.name == "loopback"
    assert built.parent.name.startswith("loopback-v1.9.1-")
    assert built.parent.parent == tmp_path / "cache" / "tools"
    assert (
        "CNI"
        in subprocess.run(
            [built], env={"CNI_COMMAND": "VERSION"}, input="{}", capture_output=True, text=True
        ).stdout.upper()
    )
    before = built.stat().st_mtime_ns
    assert tools.path("loopback").stat().st_mtime_ns == before
    assert os.listdir(tmp_path / "cache" / "tools") == [built.parent.name]
