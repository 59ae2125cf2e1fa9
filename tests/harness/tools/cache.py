"""Where built tools, images and renders are kept between runs: outside the checkout."""

import os
from pathlib import Path

from filelock import FileLock

PROJECT = "eks-observability-charts"


def cache_dir(*parts: str) -> Path:
    """Return a directory of the cache, created when absent.

    Args:
        *parts: path below the cache's root, one component each.

    Returns:
        ``$HARNESS_CACHE`` when set, else ``${XDG_CACHE_HOME:-~/.cache}/eks-observability-charts``,
        joined with ``parts``.
    """
    if override := os.environ.get("HARNESS_CACHE"):
        root = Path(override)
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / PROJECT
    path = root.joinpath(*parts)
    path.mkdir(parents=True, exist_ok=True)
    return path


def locked(name: str) -> FileLock:
    """Return a lock shared by every process that uses this cache, to be held in a ``with`` statement.

    Args:
        name: what is locked; two callers with different names do not wait for each other.
    """
    return FileLock(cache_dir("locks") / name)
