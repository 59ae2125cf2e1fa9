"""Fixtures for all tests: renders, Helm versions, a cluster. Also prints the skipped tests at the end."""

import functools
import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
from xdist.scheduler import LoadScopeScheduling

from harness import clusters, images, tools
from harness.clusters import Cluster
from harness.errors import HarnessError
from harness.render import supported
from harness.render.helm import Helm
from harness.render.manifests import Manifests
from harness.tools.cache import locked

ROOT = Path(__file__).parents[1]
CHARTS = ROOT / "charts"
# A test that uses one of these is a cluster test.
CLUSTER_FIXTURES = {"chosen_cluster", "kube_stage_cluster", "kube_config", "kube_cluster"}

ChosenCluster = Callable[..., Cluster]


class Render(Protocol):
    """Renders a chart; for the arguments, see ``Helm.render``. ``chart`` may be a name in ``charts/``."""

    def __call__(
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
    ) -> Manifests: ...


@pytest.fixture(scope="session")
def helm(request: pytest.FixtureRequest) -> Helm:
    """Helm 4, or the version in ``--helm-major``; ``parametrize("helm", supported.HELM, indirect=True)`` uses each."""
    made = Helm(major=getattr(request, "param", request.config.getoption("helm_major")))
    try:
        assert made.binary
    except HarnessError as error:
        pytest.skip(f"needs helm {made.major}: {error}")
    return made


@pytest.fixture(scope="session")
def promtool() -> Path:
    """promtool of the Prometheus version that the chart runs."""
    try:
        return tools.path("promtool")
    except HarnessError as error:
        pytest.skip(f"needs promtool: {error}")


@pytest.fixture(scope="session")
def fluent_bit() -> Path:
    """Fluent Bit, which cannot be built from a registry."""
    found = images.fluent_bit()
    if found is None:
        pytest.skip("needs fluent-bit on PATH (or in $FLUENT_BIT)")
    return found


@pytest.fixture
def render(helm: Helm) -> Render:
    """Render a chart with ``helm``; renders are cached."""

    def rendered(chart: Path | str, **options: Any) -> Manifests:
        return helm.render(CHARTS / chart, **options)

    return rendered


@pytest.fixture(scope="session")
def supported_kubernetes() -> tuple[str, ...]:
    """The versions of Kubernetes that the charts support, oldest first."""
    return supported.KUBERNETES


@pytest.fixture(
    params=[
        # The oldest and the newest find nearly all faults.
        pytest.param(version, marks=pytest.mark.slow if version in supported.KUBERNETES[1:-1] else ())
        for version in supported.KUBERNETES
    ],
    ids=lambda version: f"kubernetes-{version}",
)
def kubernetes(request: pytest.FixtureRequest) -> str:
    """Each version of Kubernetes that the charts support."""
    version: str = request.param
    return version


@pytest.fixture(scope="session")
def ip_family(pytestconfig: pytest.Config) -> str:
    """The IP family of created clusters: ``ipv4``, ``ipv6`` or ``dual``."""
    family: str = pytestconfig.getoption("ip_family")
    return family


@pytest.fixture(scope="session")
def chosen_cluster(pytestconfig: pytest.Config, ip_family: str) -> ChosenCluster:
    """Create a cluster, not started yet, of the type in ``--cluster-type`` (or CLUSTER).

    A kubeconfig is used only for ``existing``.
    """
    kind = _cluster_type(pytestconfig)

    def create(name: str, workers: int = 0) -> Cluster:
        try:
            cluster = clusters.create(
                kind,
                name if ip_family == "ipv4" else f"{name}-{ip_family}",
                kubeconfig=_kubeconfig(pytestconfig),
                workers=workers,
                ip_family=ip_family,
            )
        except HarnessError as error:
            if kind != "auto":
                raise
            pytest.skip(f"needs a cluster: {error}")
        unbuilt = [tool for tool in tools.LOCAL_CLUSTER if tools.find(tool).path is None]
        if cluster.type == "local" and unbuilt and shutil.which("go") is None:
            pytest.skip(f"needs go on PATH, to build {', '.join(unbuilt)}")
        return cluster

    return create


@pytest.fixture(scope="session")
def kube_stage_cluster(pytestconfig: pytest.Config, chosen_cluster: ChosenCluster) -> Iterator[Cluster]:
    """The cluster of this test session, created by the first test that uses it and removed at the end."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "") if _is_local(_cluster_type(pytestconfig)) else ""
    cluster = chosen_cluster(f"pytest-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]}{worker}")
    with ExitStack() as stack:
        if cluster.type != "existing":
            # Two runs of one checkout would use the same cluster name, so they wait for each other.
            stack.enter_context(locked(f"cluster-{cluster.name}"))
        with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            stack.enter_context(cluster)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        # kube_cluster.kubectl() of pytest-helm-charts reads it.
        patch.setenv("PATH", str(tools.path("kubectl").parent), prepend=os.pathsep)
        yield cluster


@pytest.fixture(scope="session")
def kube_config(kube_stage_cluster: Cluster) -> str:
    """The kubeconfig that pytest-helm-charts' ``kube_cluster`` and ``random_namespace`` use."""
    return str(kube_stage_cluster.kubeconfig)


@pytest.fixture(scope="session")
def cluster_type(kube_stage_cluster: Cluster) -> str:
    """The selected cluster type: ``kind``, ``local`` or ``existing``."""
    return kube_stage_cluster.type


def pytest_addoption(parser: pytest.Parser) -> None:
    # pytest-helm-charts has the option --kubeconfig; its tools and documentation use --kube-config.
    parser.addoption("--kube-config", metavar="FILE", help="same as --kubeconfig")
    parser.addoption(
        "--ip-family",
        choices=clusters.IP_FAMILIES,
        default=os.environ.get("IP_FAMILY", "ipv4"),
        help="of clusters that the tests create",
    )
    parser.addoption("--helm-major", type=int, choices=supported.HELM, default=supported.HELM[-1], help="3 or 4")


def pytest_configure(config: pytest.Config) -> None:
    kind = _cluster_type(config)
    if kind not in clusters.TYPES:
        raise pytest.UsageError(f"--cluster-type {kind}: choose one of {', '.join(clusters.TYPES)}")
    if kind == "existing" and _kubeconfig(config) is None:
        raise pytest.UsageError("--cluster-type existing needs --kube-config FILE (or KUBECONFIG)")


def pytest_xdist_auto_num_workers() -> int:
    # Many tests wait for a process, so use one worker more than there are processors.
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if CLUSTER_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.cluster)
    # Quick tests run before a cluster is created; then the longest file starts first.
    on_cluster = {item: item.get_closest_marker("cluster") is not None for item in items}
    items.sort(key=lambda item: (on_cluster[item], on_cluster[item] * -_minutes(item)))


def _minutes(item: pytest.Item) -> float:
    marker = item.get_closest_marker("minutes")
    return float(marker.args[0]) if marker else 1.0


class _FilesOfClusterTests(LoadScopeScheduling):
    """Runs the cluster tests of a file in one worker, and thus on one cluster; other tests run in any worker.

    A local cluster starts in seconds and most of its tests wait, so each worker creates one. Of other cluster types,
    one worker uses one.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if "cluster" not in Path(file).parts:
            return nodeid
        return file if _is_local(_cluster_type(self.config)) else "cluster"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    return _FilesOfClusterTests(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the stand-ins used so far to each report, also from xdist workers."""
    report = yield
    report.user_properties += [("stand-in", told) for told in images.STAND_INS]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"not run: {count} {'test' if count == 1 else 'tests'}: {reason}")
    reports = [report for several in terminalreporter.stats.values() for report in several]
    stood_in = {told for one in reports for key, told in getattr(one, "user_properties", []) if key == "stand-in"}
    for told in sorted(stood_in):
        terminalreporter.write_line(f"not real: {told}")


def _reason(report: pytest.TestReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def _cluster_type(config: pytest.Config) -> str:
    chosen = config.getoption("cluster_type")
    return chosen or os.environ.get("ATS_CLUSTER_TYPE") or os.environ.get("CLUSTER") or "auto"


@functools.cache
def _is_local(kind: str) -> bool:
    try:
        return (clusters.detect() if kind == "auto" else kind) == "local"
    except HarnessError:  # the cluster fixture reports it
        return False


def _kubeconfig(config: pytest.Config) -> Path | None:
    chosen = config.getoption("kube_config") or config.getoption("kubeconfig") or os.environ.get("KUBECONFIG")
    return Path(chosen) if chosen else None
