"""Images of Prometheus and its exporters."""

import shutil
from pathlib import Path

from cluster.stand_ins import kube_state
from harness.images import Recipe, machine_program, variable_of

_PYTHON = ("python3.11-minimal", "libpython3.11-stdlib")
_KUBE_STATE_METRICS = "kube-state-metrics"
_NOBODY = {"User": "65534:65534"}


def _fill_kube_state_metrics(root: Path) -> None:
    target = root / _KUBE_STATE_METRICS
    if real := machine_program(_KUBE_STATE_METRICS):
        shutil.copy2(real, target)
        return
    shutil.copy2(kube_state.__file__, root / "kube_state_metrics.py")
    target.write_text('#!/bin/dash\nexec python3.11 -B /kube_state_metrics.py "$@"\n', encoding="ascii")
    target.chmod(0o755)


def _kube_state_metrics_of() -> tuple[str, ...]:
    """Return the inputs of the image: the program and its modification time, or the stand-in's content."""
    if real := machine_program(_KUBE_STATE_METRICS):
        return (str(real), str(real.stat().st_mtime_ns))
    return (Path(kube_state.__file__).read_text(encoding="utf-8"),)


def _kube_state_metrics_instead() -> str:
    if machine_program(_KUBE_STATE_METRICS):
        return ""
    return (
        f"{_KUBE_STATE_METRICS} is neither on PATH nor in ${variable_of(_KUBE_STATE_METRICS)}; "
        "tests/cluster/stand_ins/kube_state.py ran instead"
    )


def _fill_alertmanager(root: Path) -> None:
    _take(root, "usr/bin/prometheus-alertmanager", "bin/alertmanager")


def _fill_pushgateway(root: Path) -> None:
    _take(root, "usr/bin/prometheus-pushgateway", "bin/pushgateway")


def _take(root: Path, package: str, place: str) -> None:
    """Copy a program of a Debian package to its path in the chart's image."""
    root.joinpath(place).parent.mkdir(exist_ok=True)
    root.joinpath(package).rename(root / place)


RECIPES = (
    Recipe(
        r"quay\.io/prometheus/prometheus:v3\..+",
        programs={"bin/prometheus": "prometheus"},
        config={"Entrypoint": ["/bin/prometheus"], "WorkingDir": "/prometheus", **_NOBODY},
    ),
    Recipe(
        r"quay\.io/victoriametrics/vmagent:.+",
        programs={"vmagent-prod": "vmagent"},
        config={"Entrypoint": ["/vmagent-prod"]},
    ),
    Recipe(
        r"quay\.io/prometheus/node-exporter:.+",
        programs={"bin/node_exporter": "node_exporter"},
        config={"Entrypoint": ["/bin/node_exporter"], **_NOBODY},
    ),
    Recipe(
        r"quay\.io/prometheus/blackbox-exporter:.+",
        programs={"bin/blackbox_exporter": "blackbox_exporter"},
        config={"Entrypoint": ["/bin/blackbox_exporter"], **_NOBODY},
    ),
    # Neither a module that builds (its web UI is missing) nor a newer package is available.
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
        stand_in=_kube_state_metrics_instead,
    ),
)
