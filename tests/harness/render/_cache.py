"""Caches results of `helm template` by the content of all inputs.

Starting a Helm process costs 35 ms, and thousands of tests request the same few renders, so each distinct render runs
once per machine. Failures are cached too: tests of error messages are as frequent as others.
"""

import functools
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.tools.cache import cache_dir

# Nanoseconds; longer than the resolution of a file's time.
_RECENT = 100_000_000


@dataclass(frozen=True)
class Rendered:
    """The result of one Helm process.

    Attributes:
        exit_code: the process's exit status.
        stdout: the manifests, as one YAML stream.
        stderr: warnings, and the error on failure.
    """

    exit_code: int
    stdout: str
    stderr: str


def remembered(question: dict[str, Any], ask: Callable[[], Rendered]) -> Rendered:
    """Return a cached answer, or ask for it.

    Args:
        question: all inputs of the answer as JSON data, with files as hashes of their content.
        ask: function that returns the answer.
    """
    key = hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()
    entry = cache_dir("renders", key[:2]) / f"{key}.json"
    try:
        return Rendered(**json.loads(entry.read_text(encoding="utf-8")))
    except FileNotFoundError:
        answer = ask()
    # Other processes may read or write this entry at the same time, so write it atomically.
    handle, unfinished = tempfile.mkstemp(dir=entry.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(answer), file)
    os.replace(unfinished, entry)
    return answer


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
