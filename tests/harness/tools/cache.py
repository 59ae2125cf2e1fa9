"""The cache of built tools, images and renders, outside the checkout."""

import os
from pathlib import Path

from filelock import FileLock

PROJECT = "eks-observability-charts"


def cache_dir(*parts: str) -> Path:
    """Return a directory of the cache; create it if missing.

    Args:
        *parts: path below the cache's root, one component each.

    Returns:
        ``$HARNESS_CACHE`` if set, else ``${XDG_CACHE_HOME:-~/.cache}/eks-observability-charts``,
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
    """Return a lock for a ``with`` statement, shared by all processes that use this cache.

    Args:
        name: name of the lock; different names are independent.
    """
    return FileLock(cache_dir("locks") / name)
