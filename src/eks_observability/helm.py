"""Runs the user's Helm."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from eks_observability.errors import CommandError

# Helm's own default depends on its build, and may be older than what the charts support.
KUBERNETES = "1.37.0"


def render(chart: str, value_files: Sequence[Path] = ()) -> list[dict[str, Any]]:
    """Return the objects that a chart renders.

    Args:
        chart: anything that Helm installs: a folder, an archive, or the address of an OCI registry.
        value_files: values files, of which later ones win.

    Raises:
        CommandError: there is no Helm, or it rejects the chart or its values.
    """
    program = shutil.which(os.environ.get("HELM") or "helm")
    if program is None:
        raise CommandError("helm is not on PATH: install Helm, or set $HELM to the program")
    flags = [flag for file in value_files for flag in ("--values", str(file))]
    command = [program, "template", "cost", chart, "--kube-version", KUBERNETES, *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise CommandError(f"`helm template {chart}` failed: {done.stderr.strip()}")
    return [item for item in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if item]
