"""Helm stores the whole chart with each release, and Kubernetes rejects a Secret above 1 MiB."""

import base64
import gzip
import json
from pathlib import Path

import pytest

from harness.render.helm import Helm

KIBIBYTE = 1024
LIMIT = 400 * KIBIBYTE


def test_release_fits_into_a_secret(chart: Path, helm: Helm) -> None:
    """With all parts enabled, the release Secret with schema, dashboards and manifest is far below the limit."""
    if helm.major < 4:
        pytest.skip("needs helm 4, which shows a release without a cluster")
    stored = helm.release(chart, value_files=[chart / "ci" / "all-values.yaml"])
    assert {"templates", "schema", "values", "files"} <= stored["chart"].keys()
    # Helm's storage driver compresses the JSON of a release like this, then encodes it twice.
    size = len(base64.b64encode(gzip.compress(json.dumps(stored, separators=(",", ":")).encode(), 9)))
    assert 20 * KIBIBYTE < size < LIMIT
