"""Finds the programs that the harness uses, and builds programs that are not on PATH.

``tools.toml`` pins the versions. No binary is downloaded: a missing program is compiled from the Go module proxy into
the cache, once per version, and the checksum database verifies the sources.
"""

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.tools.cache import cache_dir, locked
from harness.tools.progress import Progress

# The programs of a local node (see clusters/local); kubectl is for users.
LOCAL_CLUSTER = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
    "etcd",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "runc",
    "bridge",
    "host-local",
    "loopback",
    "portmap",
    "coredns",
    "kwok",
)
# Programs that are pinned in two major versions, by their usual name.
_NAMES_ON_PATH = {"helm3": ("helm3", "helm")}


@dataclass(frozen=True)
class Source:
    """A pinned Go module and its programs; ``tools.toml`` explains the fields."""

    name: str
    module: str
    version: str
    programs: dict[str, str]
    probe: list[str] = field(default_factory=list)
    replace: str = ""
    ldflags: str = ""
    cgo: bool = False
    tags: str = ""
    debian: list[str] = field(default_factory=list)
    data: str = ""
    main: str = ""
    together: str = ""


@dataclass(frozen=True)
class Tool:
    """The location of a program.

    Attributes:
        name: the name used in ``tools.toml``.
        version: the pinned version.
        path: the program; ``None`` if it is not built yet.
        built: whether ``path`` is in the cache instead of on PATH.
    """

    name: str
    version: str
    path: Path | None
    built: bool


@functools.cache
def _sources() -> dict[str, Source]:
    folder = Path(__file__).parent
    tables = tomllib.loads((folder / "tools.toml").read_text(encoding="utf-8"))
    for table in tables.values():
        if table.get("main", "").endswith(".go"):
            table["main"] = (folder / table["main"]).read_text(encoding="utf-8")
    sources = [Source(name, **table) for name, table in tables.items()]
    return {program: source for source in sources for program in source.programs}


def _together(source: Source) -> list[Source]:
    """Return the modules that are built together with a module, including itself."""
    every = {other.name: other for other in _sources().values()}
    return [other for other in every.values() if other is source or source.together == other.together != ""]


def names() -> list[str]:
    """Return the names of all programs in ``tools.toml``."""
    return list(_sources())


def find(name: str) -> Tool:
    """Locate a program without building it.

    Args:
        name: a program of ``tools.toml``.

    Raises:
        HarnessError: the program is not in ``tools.toml``.
    """
    source = _sources().get(name)
    if source is None:
        raise HarnessError(f"{name!r} is not in tools.toml; use one of {', '.join(names())}")
    on_path = _on_path(name)
    if on_path is not None:
        return Tool(name, source.version, on_path, built=False)
    built = _built_path(name, source)
    return Tool(name, source.version, built if built.exists() else None, built=True)


def path(name: str) -> Path:
    """Return the path of a program; build the program if necessary.

    Args:
        name: a program of ``tools.toml``.

    Raises:
        HarnessError: the program is unknown, or the build fails.
    """
    ensure([name])
    found = find(name).path
    assert found is not None, "ensure() either builds or raises"
    return found


def ensure(wanted: Iterable[str]) -> None:
    """Build the programs that are neither on PATH nor in the cache.

    Args:
        wanted: programs of ``tools.toml``.

    Raises:
        HarnessError: a program is unknown, or a build fails.
    """
    wanted = list(wanted)
    if not _missing(wanted):
        return
    with locked("tools"):
        missing = _missing(wanted)  # another process may have built some in the meantime
        if not missing:
            return
        if shutil.which("go") is None:
            raise HarnessError(
                f"{', '.join(missing)} must be built, and the `go` command is not on PATH; "
                "install Go 1.26 or newer (https://go.dev/dl), or put the programs on PATH"
            )
        install_debian([package for name in missing for package in _sources()[name].debian])
        _build_all(missing)


def install_debian(packages: Iterable[str]) -> None:
    """Install missing Debian packages.

    Args:
        packages: package names.

    Raises:
        HarnessError: packages are missing, and this is not a Debian system or not root.
    """
    missing = [name for name in dict.fromkeys(packages) if not _installed(name)]
    if not missing:
        return
    command = f"apt-get install {' '.join(missing)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise HarnessError(f"Debian packages are missing: {', '.join(missing)}; run `{command}` as root")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with Progress().step(f"installing {', '.join(missing)}"):
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
            done = subprocess.run(["apt-get", "-qq", *arguments], env=environment, capture_output=True, text=True)
            if done.returncode != 0:
                raise HarnessError(f"`{command}` failed: {_tail(done.stderr)}")


def _installed(package: str) -> bool:
    query = ["dpkg-query", "--show", "--showformat=${Status}", package]
    if shutil.which(query[0]) is None:
        return False
    return "ok installed" in subprocess.run(query, capture_output=True, text=True).stdout


def _missing(wanted: list[str]) -> list[str]:
    return [name for name in wanted if find(name).path is None]


@functools.cache
def _on_path(name: str) -> Path | None:
    source = _sources()[name]
    if not source.probe:  # without a version, compatibility is unknown
        return None
    wanted = re.match(r"v(\d+\.\d+)\.", source.version)
    assert wanted, f"{name}: the version in tools.toml must have the form v1.2.3"
    for candidate in _NAMES_ON_PATH.get(name, (name,)):
        program = shutil.which(candidate)
        if program is None:
            continue
        probe = ["version", "--client"] if name == "kubectl" else source.probe
        printed = subprocess.run([program, *probe], capture_output=True, text=True)
        found = re.search(r"v?(\d+\.\d+)(\.\d+)?", printed.stdout + printed.stderr)
        if printed.returncode == 0 and found and found[1] == wanted[1]:
            return Path(program)
    return None


def _built_path(name: str, source: Source) -> Path:
    # Different build options produce a different program of the same version.
    recipe = f"{source.module} {source.replace} {source.ldflags} {source.cgo} {source.tags}{source.main}"
    recipe += "".join(f" {other.module}@{other.version}" for other in _together(source) if other is not source)
    key = hashlib.sha256(recipe.encode()).hexdigest()[:8]
    return cache_dir("tools") / f"{name}-{source.version}-{key}" / name


def _build_all(names: list[str]) -> None:
    wanted = {source.name: source for source in map(_sources().__getitem__, names)}
    parts = [(source, [name for name in names if name in source.programs]) for source in wanted.values()]
    progress = Progress(total=len(parts))
    with tempfile.TemporaryDirectory(dir=cache_dir("tools"), prefix=".build-") as folder:
        # Download the sources of the next module while one is compiled.
        downloads = ThreadPoolExecutor(max_workers=1)
        try:
            ready = [downloads.submit(_prepare, *part, Path(folder, part[0].name)) for part in parts]
            for (source, programs), workspace in zip(parts, ready, strict=True):
                with progress.step(f"building {source.name} {source.version}"):
                    _build(source, programs, workspace.result())
        finally:
            downloads.shutdown(cancel_futures=True)


def _prepare(source: Source, names: list[str], workspace: Path) -> Path:
    """Create a folder in which Go can build the programs of a module, and download the sources."""
    workspace.mkdir()
    (workspace / "go.mod").write_text(_go_mod(source), encoding="utf-8")
    if source.main:
        (workspace / "main.go").write_text(source.main, encoding="utf-8")
    packages = [_package(name, source) for name in names]
    _run_go(source, ["list", "-deps", "-mod=mod", "-tags", source.tags, *packages], workspace)
    return workspace


def _build(source: Source, names: list[str], workspace: Path) -> None:
    packages = {name: _package(name, source) for name in names}
    flags = ["-mod=mod", "-trimpath", "-ldflags", f"-s -w {source.ldflags}", "-tags", source.tags]
    _run_go(source, ["build", *flags, "-o", "out/", *packages.values()], workspace)
    for name, package in packages.items():
        target = _built_path(name, source)
        target.parent.mkdir(exist_ok=True)
        if source.data:
            module = Path(_download(source)["Dir"])
            shutil.copytree(module / source.data, target.parent / source.data, dirs_exist_ok=True)
        # Go names a program after its package, ignoring a major version suffix.
        built = "tools" if source.main else re.sub(r"/v\d+$", "", package).rpartition("/")[2]
        (workspace / "out" / built).rename(target)


def _run_go(source: Source, arguments: list[str], workspace: Path) -> None:
    done = _go(["go", *arguments], workspace, cgo=source.cgo)
    if done.returncode != 0:
        raise HarnessError(f"building {source.name} {source.version} failed: {_tail(done.stderr)}")


def _package(name: str, source: Source) -> str:
    if source.main:
        return "."
    return source.module if source.programs[name] == "." else f"{source.module}/{source.programs[name]}"


def _go_mod(source: Source) -> str:
    """Return a go.mod that requires the pinned module and the modules built with it, with their replacements.

    Replacements apply only in the main module, so ``go install program@version`` rejects modules with replacements. A
    replacement by a folder of the same repository becomes the published module of that name.
    """
    lines = ["module tools"]
    oldest = "1"
    for part in _together(source):
        lines.append(f"require {part.module} {part.version}")
        go_mod = _download(part)["GoMod"]
        module: dict[str, Any] = json.loads(_go(["go", "mod", "edit", "-json", go_mod], Path("/")).stdout)
        for entry in module.get("Replace") or []:
            old, new = entry["Old"]["Path"], entry["New"]
            if "Version" in new:
                lines.append(f"replace {old} => {new['Path']} {new['Version']}")
            elif part.replace:
                lines.append(f"replace {old} => {old} {part.replace}")
        oldest = max(oldest, module["Go"], key=lambda version: [int(number) for number in version.split(".")])
    return "\n".join([*lines, f"go {oldest}", ""])


def _download(source: Source) -> dict[str, str]:
    done = _go(["go", "mod", "download", "-json", f"{source.module}@{source.version}"], Path("/"))
    if done.returncode != 0:
        raise HarnessError(f"{source.module} {source.version} cannot be fetched: {_tail(done.stdout)}")
    downloaded: dict[str, str] = json.loads(done.stdout)
    return downloaded


def _go(command: list[str], folder: Path, *, cgo: bool = False) -> subprocess.CompletedProcess[str]:
    # Garbage collection uses a quarter of the compile time.
    environment = {"GOGC": "off", "GOMEMLIMIT": "2GiB", **os.environ}
    environment |= {"CGO_ENABLED": "1" if cgo else "0", "GOFLAGS": "-buildvcs=false", "GOWORK": "off"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def _tail(text: str, lines: int = 5) -> str:
    return " / ".join(line.strip() for line in text.strip().splitlines()[-lines:])
