"""Runs the real `helm`: renders charts, with a cache, and installs them on clusters."""

import functools
import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import tools
from harness.errors import HarnessError
from harness.render import supported
from harness.render._cache import Rendered, remembered
from harness.render.manifests import Manifests
from harness.tools.cache import cache_dir, file_hash, tree_hash

__all__ = ["Helm", "HelmError", "Rendered"]

_NEWEST = f"{supported.KUBERNETES[-1]}.0"
_TOOLS = {3: "helm3", 4: "helm"}
_NOT_PRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
# Helm has its own timeout; this much later, the process counts as hung.
_GRACE_SECONDS = 30.0


class HelmError(HarnessError):
    """Helm rejected the input or failed.

    Attributes:
        stderr: the output of Helm, including error messages of the chart.
    """

    def __init__(self, command: str, stderr: str) -> None:
        super().__init__(f"`helm {command}` failed: {stderr.strip()}")
        self.stderr = stderr


class Helm:
    """One version of Helm.

    Args:
        binary: the program; default: the pinned one of ``major``, built if it is not on PATH.
        major: 3 or 4.
        cache: whether to cache renders between calls and runs.
    """

    def __init__(self, binary: Path | None = None, *, major: int = 4, cache: bool = True) -> None:
        if major not in _TOOLS:
            raise HarnessError(f"Helm {major} is not supported; use one of {', '.join(map(str, _TOOLS))}")
        self.major = major
        self._binary = binary
        self._cache = cache

    @functools.cached_property
    def binary(self) -> Path:
        """The Helm program."""
        return self._binary or tools.path(_TOOLS[self.major])

    def render(
        self,
        chart: Path | str,
        *,
        release: str = "test",
        namespace: str = "default",
        values: Mapping[str, Any] | None = None,
        value_files: Sequence[Path | str] = (),
        kube_version: str | None = None,
        api_versions: Sequence[str] = (),
        is_upgrade: bool = False,
    ) -> Manifests:
        """Render a chart and return its objects, including hooks and tests.

        Args:
            chart: the chart's folder.
            release: the release's name.
            namespace: the release's namespace.
            values: values; take precedence over values files.
            value_files: values files; later files take precedence.
            kube_version: Kubernetes version for the templates; default: the newest supported one, because Helm's
                default depends on its build.
            api_versions: additional API versions for the templates.
            is_upgrade: render as ``helm upgrade`` would.

        Raises:
            HelmError: Helm rejects the chart or its values.
        """
        answer = self.template(
            chart,
            release=release,
            namespace=namespace,
            values=values,
            value_files=value_files,
            kube_version=kube_version,
            api_versions=api_versions,
            is_upgrade=is_upgrade,
        )
        if answer.exit_code != 0:
            raise HelmError("template", answer.stderr)
        return Manifests.parse(answer.stdout)

    def template(
        self,
        chart: Path | str,
        *,
        release: str = "test",
        namespace: str = "default",
        values: Mapping[str, Any] | None = None,
        value_files: Sequence[Path | str] = (),
        kube_version: str | None = None,
        api_versions: Sequence[str] = (),
        is_upgrade: bool = False,
    ) -> Rendered:
        """Like ``render``, but return Helm's raw result, including failures."""
        flags = [flag for version in api_versions for flag in ("--api-versions", version)]
        flags += ["--kube-version", kube_version or _NEWEST]
        if is_upgrade:
            flags.append("--is-upgrade")
        command = ["template", release, "--namespace", namespace, *flags]
        return self._answer(command, Path(chart), values, value_files)

    def notes(
        self,
        chart: Path | str,
        *,
        release: str = "test",
        namespace: str = "default",
        values: Mapping[str, Any] | None = None,
        value_files: Sequence[Path | str] = (),
    ) -> str:
        """Return the notes of an install.

        Raises:
            HelmError: Helm rejects the chart or its values.
            HarnessError: this is Helm 3, which requires a cluster even for ``--dry-run=client``.
        """
        notes: str = self.release(chart, release=release, namespace=namespace, values=values, value_files=value_files)[
            "info"
        ].get("notes", "")
        return notes

    def release(
        self,
        chart: Path | str,
        *,
        release: str = "test",
        namespace: str = "default",
        values: Mapping[str, Any] | None = None,
        value_files: Sequence[Path | str] = (),
    ) -> dict[str, Any]:
        """Return the content of the release Secret: the chart with its files, the values, the manifest.

        Raises:
            HelmError: Helm rejects the chart or its values.
            HarnessError: this is Helm 3, which requires a cluster even for ``--dry-run=client``.
        """
        if self.major < 4:
            raise HarnessError("Helm 3 requires a cluster, even for a dry run; use Helm 4")
        command = ["install", release, "--namespace", namespace, "--dry-run=client", "--output=json"]
        answer = self._answer(command, Path(chart), values, value_files)
        if answer.exit_code != 0:
            raise HelmError("install --dry-run", answer.stderr)
        stored: dict[str, Any] = json.loads(answer.stdout)
        return stored

    def lint(
        self,
        chart: Path | str,
        *,
        values: Mapping[str, Any] | None = None,
        value_files: Sequence[Path | str] = (),
        kube_version: str | None = None,
    ) -> str:
        """Lint a chart with warnings as errors, and return Helm's output.

        Raises:
            HelmError: the chart has a fault.
        """
        flags = ["--strict", "--kube-version", kube_version or _NEWEST]
        return self._run("lint", *flags, str(chart), values=values, value_files=value_files)

    def package(self, chart: Path | str, destination: Path, *, version: str | None = None) -> Path:
        """Package a chart and return the path of the archive.

        Args:
            chart: the chart's folder.
            destination: folder for the archive.
            version: version to use instead of the chart's.
        """
        flags = ["--version", version] if version else []
        printed = self._run("package", str(chart), "--destination", str(destination), *flags)
        return Path(printed.strip().rpartition(": ")[2])

    def install(
        self,
        release: str,
        chart: Path | str,
        *,
        kubeconfig: Path,
        namespace: str = "default",
        values: Mapping[str, Any] | None = None,
        value_files: Sequence[Path | str] = (),
        wait: bool = True,
        timeout: float = 120.0,
    ) -> str:
        """Install a chart and return Helm's output with the notes. Creates the namespace if it does not exist.

        Args:
            release: the release's name.
            chart: the chart's folder or archive.
            kubeconfig: access to the cluster.
            namespace: the release's namespace.
            values: values; take precedence over values files.
            value_files: values files; later files take precedence.
            wait: wait until Helm considers the objects ready.
            timeout: Helm's timeout in seconds.

        Raises:
            HelmError: the install failed.
        """
        command = ["install", release, str(chart), "--create-namespace", *_waiting(wait, timeout)]
        return self._act(command, kubeconfig, namespace, timeout, values, value_files)

    def upgrade(
        self,
        release: str,
        chart: Path | str,
        *,
        kubeconfig: Path,
        namespace: str = "default",
        values: Mapping[str, Any] | None = None,
        value_files: Sequence[Path | str] = (),
        wait: bool = True,
        timeout: float = 120.0,
        install: bool = False,
    ) -> str:
        """Upgrade a release; for the arguments, see ``install``.

        Args:
            install: install the chart if the release does not exist, and create its namespace.

        Raises:
            HelmError: the upgrade failed.
        """
        first = ["--install", "--create-namespace"] if install else []
        command = ["upgrade", release, str(chart), *first, *_waiting(wait, timeout)]
        return self._act(command, kubeconfig, namespace, timeout, values, value_files)

    def rollback(
        self,
        release: str,
        *,
        kubeconfig: Path,
        namespace: str = "default",
        revision: int = 0,
        wait: bool = True,
        timeout: float = 120.0,
    ) -> str:
        """Roll back to a revision of a release; 0 is the previous one.

        Raises:
            HelmError: the rollback failed.
        """
        command = ["rollback", release, str(revision), *_waiting(wait, timeout)]
        return self._act(command, kubeconfig, namespace, timeout)

    def uninstall(
        self,
        release: str,
        *,
        kubeconfig: Path,
        namespace: str = "default",
        wait: bool = True,
        timeout: float = 120.0,
    ) -> str:
        """Remove a release.

        Raises:
            HelmError: the release does not exist, or its objects still exist after ``timeout`` seconds.
        """
        return self._act(["uninstall", release, *_waiting(wait, timeout)], kubeconfig, namespace, timeout)

    def test(self, release: str, *, kubeconfig: Path, namespace: str = "default", timeout: float = 120.0) -> str:
        """Run a release's test hooks.

        Raises:
            HelmError: a test failed.
        """
        command = ["test", release, "--logs", "--timeout", f"{timeout:.0f}s"]
        return self._act(command, kubeconfig, namespace, timeout)

    def installed_notes(
        self, release: str, *, kubeconfig: Path, namespace: str = "default", timeout: float = 60.0
    ) -> str:
        """Return the notes of the last install or upgrade of a release.

        Raises:
            HelmError: the release does not exist, or the cluster does not answer within ``timeout`` seconds.
        """
        return self._act(["get", "notes", release], kubeconfig, namespace, timeout)

    def _answer(
        self, command: list[str], chart: Path, values: Mapping[str, Any] | None, value_files: Sequence[Path | str]
    ) -> Rendered:
        """Run Helm on a chart without a cluster, or return the cached result."""
        text = _as_text(values or {})
        files = [Path(file) for file in value_files]

        def ask() -> Rendered:
            flags = [flag for file in files for flag in ("--values", str(file))]
            done = self._process([*command, str(chart), *flags, "--values", "-"], text, None)
            return Rendered(done.returncode, done.stdout, done.stderr)

        if not chart.is_dir():
            raise HarnessError(f"there is no chart in {chart}; pass a folder with a Chart.yaml")
        if not self._cache:
            return ask()
        question = {
            "helm": file_hash(self.binary),
            "command": command,
            "chart": tree_hash(chart),
            "values": text,
            "value_files": [file_hash(file) if file.exists() else str(file) for file in files],
        }
        return remembered(question, ask)

    def _act(
        self,
        command: list[str],
        kubeconfig: Path,
        namespace: str,
        timeout: float,
        values: Mapping[str, Any] | None = None,
        value_files: Sequence[Path | str] = (),
    ) -> str:
        where = ["--kubeconfig", str(kubeconfig), "--namespace", namespace]
        return self._run(*command, *where, values=values, value_files=value_files, timeout=timeout)

    def _run(
        self,
        *command: str,
        values: Mapping[str, Any] | None = None,
        value_files: Sequence[Path | str] = (),
        timeout: float | None = None,
    ) -> str:
        flags = [flag for file in value_files for flag in ("--values", str(file))]
        if values is not None:
            flags += ["--values", "-"]
        try:
            done = self._process([*command, *flags], _as_text(values or {}), timeout)
        except subprocess.TimeoutExpired as error:
            raise HelmError(command[0], f"it was still running after {error.timeout:.0f} s") from error
        if done.returncode != 0:
            # `helm lint` and `helm test` report errors on standard output.
            raise HelmError(command[0], "\n".join(filter(None, [done.stdout.strip(), done.stderr.strip()])))
        return done.stdout

    def _process(self, command: list[str], stdin: str, timeout: float | None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.binary), *command],
            input=stdin,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=None if timeout is None else timeout + _GRACE_SECONDS,
        )


def _as_text(values: Mapping[str, Any]) -> str:
    """Return values as ordered JSON that is also valid YAML: without surrogate pairs and raw control characters."""
    text = json.dumps(values, ensure_ascii=False, sort_keys=True)
    return _NOT_PRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _waiting(wait: bool, timeout: float) -> list[str]:
    return [*(["--wait"] if wait else []), "--timeout", f"{timeout:.0f}s"]


def _environment() -> dict[str, str]:
    """Return an environment without the user's Helm and cluster settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HELM_", "KUBE"))}
    homes = {f"HELM_{kind}_HOME": str(cache_dir("helm", kind.lower())) for kind in ("CACHE", "CONFIG", "DATA")}
    # Garbage collection takes a quarter of a render and does not pay off in a short process.
    return {**kept, **homes, "KUBECONFIG": os.devnull, "GOGC": "400"}
