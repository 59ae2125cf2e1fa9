"""Caches results of `helm template` by the content of all inputs.

Starting a Helm process costs 35 ms, and thousands of tests request the same few renders, so each distinct render runs
once per machine. Failures are cached too: tests of error messages are as frequent as others.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from harness.tools.cache import cache_dir


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
