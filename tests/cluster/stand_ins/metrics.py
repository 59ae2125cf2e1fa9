"""Images of Prometheus and of what it scrapes."""

import shutil
from pathlib import Path

from cluster.stand_ins import kube_state
from harness.images import Recipe

_PYTHON = ("python3.11-minimal", "libpython3.11-stdlib")
_NOBODY = {"User": "65534:65534"}


def _fill_kube_state_metrics(root: Path) -> None:
    real = shutil.which("kube-state-metrics")
    shutil.copy2(real or Path(kube_state.__file__), root / "kube_state_metrics.py")
    program = root / "kube-state-metrics"
    if real:
        (root / "kube_state_metrics.py").rename(program)
        return
    program.write_text('#!/bin/dash\nexec python3.11 -B /kube_state_metrics.py "$@"\n', encoding="ascii")
    program.chmod(0o755)


def _kube_state_metrics_of() -> tuple[str, ...]:
    """Return what the image is made of: the file's content, or the program and its time."""
    if real := shutil.which("kube-state-metrics"):
        return (real, str(Path(real).stat().st_mtime_ns))
    return (Path(kube_state.__file__).read_text(encoding="utf-8"),)


def _fill_alertmanager(root: Path) -> None:
    _take(root, "usr/bin/prometheus-alertmanager", "bin/alertmanager")


def _fill_pushgateway(root: Path) -> None:
    _take(root, "usr/bin/prometheus-pushgateway", "bin/pushgateway")


def _take(root: Path, package: str, place: str) -> None:
    """Put a program of a Debian package where the chart's image has it."""
    root.joinpath(place).parent.mkdir(exist_ok=True)
    root.joinpath(package).rename(root / place)


RECIPES = (
    Recipe(
        r"quay\.io/prometheus/prometheus:v3\..+",
        programs={"bin/prometheus": "prometheus"},
        config={"Entrypoint": ["/bin/prometheus"], "WorkingDir": "/prometheus", **_NOBODY},
    ),
    Recipe(
        r"quay\.io/prometheus/node-exporter:.+",
        programs={"bin/node_exporter": "node_exporter"},
        config={"Entrypoint": ["/bin/node_exporter"], **_NOBODY},
    ),
    # Neither a module that builds (its pages are left out) nor a newer package is to be had.
    Recipe(
        r"quay\.io/prometheus/alertmanager:.+",
        _fill_alertmanager,
        packages=("prometheus-alertmanager",),
        config={"Entrypoint": ["/bin/alertmanager"], "WorkingDir": "/alertmanager", **_NOBODY},
    ),
    Recipe(
        r"quay\.io/prometheus/pushgateway:.+",
        _fill_pushgateway,
        packages=("prometheus-pushgateway",),
        config={"Entrypoint": ["/bin/pushgateway"], "WorkingDir": "/pushgateway", **_NOBODY},
    ),
    Recipe(
        r"registry\.k8s\.io/kube-state-metrics/kube-state-metrics:.+",
        _fill_kube_state_metrics,
        packages=(*_PYTHON, "dash"),
        config={"Entrypoint": ["/kube-state-metrics"], "Env": ["PATH=/usr/bin:/bin"], **_NOBODY},
        made_of=_kube_state_metrics_of,
    ),
)
