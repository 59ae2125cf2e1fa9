"""Images for clusters that cannot pull: assembled from Debian packages and built programs.

An image has exactly the name in the chart, and its programs have the same paths. It contains the same programs from a
different build: GNU tail, Python's logging, Fluent Bit.
"""

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from harness import tools
from harness.errors import HarnessError
from harness.images.recipe import Recipe, machine_program, variable_of
from harness.tools.cache import cache_dir, locked
from harness.tools.progress import Progress

_SHELL_PACKAGES = ("dash", "coreutils", "sed", "grep")
_PYTHON_PACKAGES = ("python3.11-minimal", "libpython3.11-stdlib")
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Not needed by tests, and most of the size of an image.
_UNUSED = (
    *("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/dpkg", "usr/share/perl*"),
    *("usr/lib/*/perl*", "usr/lib/*/libperl*", "usr/lib/*/gconv", "usr/bin/perl*", "usr/bin/dpkg*"),
)
# Increase when the content of images changes, so that older cached images are not used.
_RECIPE_VERSION = "2"
# Stand-ins in the requested images, one sentence each.
STAND_INS: set[str] = set()


def fluent_bit() -> Path | None:
    """Return the Fluent Bit of this machine: ``$FLUENT_BIT``, else ``fluent-bit`` on PATH, else ``None``."""
    return machine_program("fluent-bit")


def fluent_bit_legacy() -> Path | None:
    """Return a Fluent Bit 1.9.10, the version in AWS's images for Windows: ``$FLUENT_BIT_LEGACY``, else one on PATH."""
    given = os.environ.get("FLUENT_BIT_LEGACY")
    found = shutil.which(given or "fluent-bit")
    if found is None or given:
        return Path(found).resolve() if found else None
    told = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    return Path(found).resolve() if "v1.9.10" in told else None


def register(*recipes: Recipe) -> None:
    """Add recipes to the built-in ones for base images and Fluent Bit.

    Args:
        recipes: recipes for more images; the first match is used.
    """
    _RECIPES.extend(recipes)


def missing_for(name: str) -> str | None:
    """Return the missing program for an image; ``None`` if it can be assembled.

    Args:
        name: full image name as in the chart.

    Raises:
        HarnessError: there is no recipe for the image.
    """
    recipe = _recipe(name)
    return recipe.needs if recipe.needs and machine_program(recipe.needs) is None else None


def archive(name: str) -> Path:
    """Return a docker-archive of an image; assemble it if it is not cached.

    Args:
        name: full image name as in the chart.

    Raises:
        HarnessError: the image cannot be assembled.
    """
    recipe = _recipe(name)
    if missing := missing_for(name):
        raise HarnessError(
            f"image {name} requires a program that is missing on this machine; "
            f"put `{missing}` on PATH or its path into ${variable_of(missing)}"
        )
    if told := recipe.stand_in():
        STAND_INS.add(told)
    tools.ensure(recipe.programs.values())
    made_of = [name, recipe.pattern, *recipe.packages, *recipe.made_of(), _RECIPE_VERSION]
    made_of += [str(tools.path(tool)) for tool in recipe.programs.values()]
    if recipe.needs and (program := machine_program(recipe.needs)):
        made_of += [str(program), str(program.stat().st_mtime_ns), str(program.stat().st_size)]
    key = hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:16]
    slug = re.sub(r"[^a-z0-9.]+", "-", name.rpartition("/")[2])
    target = cache_dir("images") / f"{slug}-{key}.tar"
    if target.exists():
        return target
    with locked("images"), tempfile.TemporaryDirectory(dir=cache_dir("images"), prefix=".") as folder:
        if target.exists():
            return target
        with Progress().step(f"assembling image {name}"):
            root = Path(folder, "root")
            root.mkdir()
            for package in _download(recipe.packages):
                subprocess.run(["dpkg-deb", "--extract", str(package), str(root)], check=True)
            _remove_unused(root)
            _common_files(root)
            for place, tool in recipe.programs.items():
                root.joinpath(place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(tools.path(tool), root / place)
            recipe.fill(root)
            _write(Path(folder, "image.tar"), name, root, recipe.config)
            Path(folder, "image.tar").rename(target)
    return target


def _recipe(name: str) -> Recipe:
    for recipe in _RECIPES:
        if re.fullmatch(recipe.pattern, name):
            return recipe
    raise HarnessError(
        f"image {name} cannot be assembled: no recipe is registered (`images.register`); "
        "use a cluster that can pull images (CLUSTER=existing KUBECONFIG=<file>)"
    )


def _fill_pause(root: Path) -> None:
    tools.install_debian(["gcc", "libc6-dev"])
    source = tools.path("kubelet").parent / "build" / "pause" / "linux" / "pause.c"
    subprocess.run(["gcc", "-Os", "-static", "-DVERSION=local", "-o", str(root / "pause"), str(source)], check=True)


def _fill_python(root: Path) -> None:
    # The stock image has these interpreters in /usr/local/bin.
    folder = root / "usr" / "local" / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    for alias in ("python", "python3"):
        folder.joinpath(alias).symlink_to("/usr/bin/python3.11")


def _fill_busybox(root: Path) -> None:
    busybox = root / "bin" / "busybox"
    listed = subprocess.run([str(busybox), "--list"], capture_output=True, text=True, check=True)
    for applet in listed.stdout.split():
        if applet != "busybox":
            root.joinpath("bin", applet).symlink_to("busybox")


def _fill_fluent_bit(root: Path) -> None:
    program = fluent_bit()
    assert program is not None, "archive() asked before"
    folder = root / "fluent-bit" / "bin"
    folder.mkdir(parents=True)
    shutil.copy2(program, folder / "fluent-bit")
    linked = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
    # The loader searches this folder first, before the libraries of the Debian packages.
    libraries = root / "usr" / "lib" / "x86_64-linux-gnu"
    for line in linked.splitlines():
        found = re.search(r"=> (/\S+)", line)
        if found and not (root / "lib" / "x86_64-linux-gnu" / Path(found[1]).name).exists():
            libraries.mkdir(parents=True, exist_ok=True)
            shutil.copy2(found[1], libraries / Path(found[1]).name)


_SHELL = {"Env": [_PATH], "Cmd": ["/bin/sh"]}
_RECIPES = [
    Recipe(r"registry\.k8s\.io/pause:.+", _fill_pause, config={"Entrypoint": ["/pause"], "User": "65535:65535"}),
    Recipe(
        r".+/library/python:3\.11[-a-z]*",
        _fill_python,
        packages=(*_PYTHON_PACKAGES, *_SHELL_PACKAGES),
        config={"Env": [_PATH], "Cmd": ["python3"]},
    ),
    Recipe(r".+/library/debian:(bookworm|12).*", packages=_SHELL_PACKAGES, config=_SHELL),
    Recipe(r".+/library/busybox:.+", _fill_busybox, packages=("busybox-static",), config=_SHELL),
    Recipe(
        r".+/(aws-for-fluent-bit|fluent-bit):.+",
        _fill_fluent_bit,
        packages=_SHELL_PACKAGES,
        config={"Env": [_PATH], "Cmd": ["/fluent-bit/bin/fluent-bit"]},
        needs="fluent-bit",
    ),
]


@cache
def _download(packages: tuple[str, ...]) -> list[Path]:
    """Download Debian packages and all their dependencies."""
    if not packages:
        return []
    if shutil.which("apt-get") is None:
        raise HarnessError("assembling images requires apt-get, which is missing; use CLUSTER=kind")
    folder = cache_dir("debian")
    empty = folder / "status"
    empty.touch()
    if not any(Path("/var/lib/apt/lists").glob("*_Packages*")):
        _apt(["update"], folder)
    nothing_installed = ["-o", f"Dir::State::status={empty}", "--no-install-recommends"]
    listed = _apt([*nothing_installed, "--simulate", "install", *packages], folder)
    closure = re.findall(r"^Inst (\S+) \((\S+)", listed, re.MULTILINE)
    _apt(["download", *(f"{name}={version}" for name, version in closure)], folder)
    # File names encode a colon in a version as %3a.
    return [
        next(folder.glob(f"{name.partition(':')[0]}_{version.replace(':', '%3a')}_*.deb"))
        for name, version in sorted(closure)
    ]


def _apt(arguments: list[str], folder: Path) -> str:
    # apt's sandbox user cannot write to a folder of root.
    command = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", *arguments]
    if "--simulate" in arguments:
        command.remove("-qq")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise HarnessError(f"`apt-get {' '.join(arguments)}` failed: {done.stderr.strip()}")
    return done.stdout


def _remove_unused(root: Path) -> None:
    for pattern in _UNUSED:
        for path in root.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _common_files(root: Path) -> None:
    for folder in ("etc", "proc", "sys", "dev", "run", "var", "tmp"):
        root.joinpath(folder).mkdir(exist_ok=True)
    root.joinpath("tmp").chmod(0o1777)
    root.joinpath("etc", "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n", encoding="ascii")
    root.joinpath("etc", "group").write_text("root:x:0:\n", encoding="ascii")


def _write(target: Path, name: str, root: Path, config: Mapping[str, object]) -> None:
    """Write a docker-archive with one layer; the same files produce the same bytes."""
    layer = target.with_name("layer.tar")
    with tarfile.open(layer, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(root.rglob("*")):
            tar.add(path, arcname=str(path.relative_to(root)), recursive=False, filter=_anonymous)
    with open(layer, "rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    image = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
            "history": [{"created_by": "tests/harness/images"}],
        }
    ).encode()
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(target, "w") as tar:
        tar.add(layer, arcname="layer.tar", filter=_anonymous)
        for file, content in (("config.json", image), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(file)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry
