"""A chart that is just large enough to test the harness with."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A copy of the chart in ``fixtures/tiny``; a test may break it."""
    copy = tmp_path / "tiny"
    shutil.copytree(Path(__file__).parent / "fixtures" / "tiny", copy)
    return copy
