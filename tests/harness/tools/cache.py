"""Where built tools, images and renders are kept between runs: outside the checkout."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold a lock shared by every process that uses this cache.

    Args:
        name: what is locked; two callers with different names do not wait for each other.
    """
    with open(cache_dir("locks") / name, "w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
