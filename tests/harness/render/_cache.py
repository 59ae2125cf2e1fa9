"""Keeps what `helm template` answered, by the content of everything that the answer depends on.

Starting a helm process costs 35 ms and thousands of tests ask for the same few renders, so each distinct
question is asked once per machine. Failures are answers too: tests of error messages are as frequent as others.
"""

import functools
import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.tools.cache import cache_dir


@dataclass(frozen=True)
class Rendered:
    """What one helm process answered.

    Attributes:
        exit_code: the process's exit status.
        stdout: the manifests, as one YAML stream.
        stderr: warnings, and the error when it failed.
    """

    exit_code: int
    stdout: str
    stderr: str


def remembered(question: dict[str, Any], ask: Callable[[], Rendered]) -> Rendered:
    """Return the answer to a question, asking only when it was never asked before.

    Args:
        question: everything that the answer depends on, as JSON data; files by their content's hash.
        ask: finds the answer out.
    """
    key = hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()
    entry = cache_dir("renders", key[:2]) / f"{key}.json"
    try:
        return Rendered(**json.loads(entry.read_text(encoding="utf-8")))
    except FileNotFoundError:
        answer = ask()
    # Other processes may read or write this entry now: it appears at once and whole, or not at all.
    handle, unfinished = tempfile.mkstemp(dir=entry.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(answer), file)
    os.replace(unfinished, entry)
    return answer


def tree_hash(root: Path) -> str:
    """Return a hash of a folder's files: their paths below it and their contents.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    digest = hashlib.sha256()
    for path in sorted(_files(root)):
        name = os.path.relpath(path, root).encode()
        content = Path(path).read_bytes()
        digest.update(b"%d %d " % (len(name), len(content)) + name + content)
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """Return a hash of a file's content, read again only when the file has changed since."""
    status = path.stat()
    return _file_hash(path, status.st_size, status.st_mtime_ns, status.st_ino)


@functools.cache
def _file_hash(path: Path, *identity: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(root: Path) -> list[str]:
    if not root.is_dir():
        raise FileNotFoundError(root)
    return [os.path.join(folder, name) for folder, _, names in os.walk(root, followlinks=True) for name in names]
