"""The cache of built tools, images and renders, outside the checkout, and hashes of the files that they depend on."""

import functools
import hashlib
import json
import os
import time
from pathlib import Path

from filelock import FileLock

PROJECT = "eks-observability-charts"
# Nanoseconds; longer than the resolution of a file's time.
_RECENT = 100_000_000


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


def tree_hash(root: Path) -> str:
    """Return a hash of the files in a folder: relative paths and contents; read again only files that have changed.

    Raises:
        FileNotFoundError: the folder does not exist.
    """
    if not root.is_dir():
        raise FileNotFoundError(root)
    prefix = len(os.path.join(root, ""))
    files = sorted(os.path.join(folder, name) for folder, _, names in os.walk(root, followlinks=True) for name in names)
    return hashlib.sha256(json.dumps([(path[prefix:], file_hash(path)) for path in files]).encode()).hexdigest()


def file_hash(path: Path | str) -> str:
    """Return a hash of a file's content; read it again only if the file has changed."""
    status = os.stat(path)
    # A file that was just written can change again without a new time.
    hashed = _file_hash.__wrapped__ if time.time_ns() - status.st_mtime_ns < _RECENT else _file_hash
    return hashed(path, status.st_size, status.st_mtime_ns, status.st_ino)


@functools.cache
def _file_hash(path: Path | str, *identity: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
