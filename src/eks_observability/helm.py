"""Runs the user's Helm program."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from eks_observability.errors import CommandError

# Helm's default depends on its build, and may be older than the versions that the charts support.
KUBERNETES = "1.37.0"


def render(chart: str, value_files: Sequence[Path] = ()) -> list[dict[str, Any]]:
    """Render a chart and return its objects.

    Args:
        chart: a folder, an archive, or an OCI reference.
        value_files: values files; later files take precedence.

    Raises:
        CommandError: Helm is missing, or rejects the chart or its values.
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
