"""Finds the words to avoid (.vale) in the texts of this repository."""

import hashlib
import subprocess
from collections.abc import Iterable
from pathlib import Path

from harness import tools
from harness.errors import HarnessError
from harness.tools.cache import cache_dir, file_hash, tree_hash

# Texts for users and developers. Vale reads prose as a whole, and of code only comments and docstrings.
_FOLDERS = ("docs", "charts", "values", "src", "tests")
_SUFFIXES = {".md", ".gotmpl", ".yaml", ".tpl", ".txt", ".sh", ".py"}
# Copies of charts/shared and of each chart's values, which are checked themselves.
_GENERATED = ("charts/*/templates/shared/*", "charts/*/README.md", "charts/*/VALUES.md")
# Its sentences contain the words to avoid.
_SAMPLES = "tests/policy/test_prose.py"


def texts(root: Path) -> list[Path]:
    """Return the files of a checkout with texts that are checked, relative to the checkout."""
    found = [path for path in root.iterdir() if path.is_file()]
    found += [path for folder in _FOLDERS for path in root.joinpath(folder).rglob("*") if path.is_file()]
    named = [path.relative_to(root) for path in sorted(found) if path.suffix in _SUFFIXES or path.name == "Makefile"]
    return [path for path in named if str(path) != _SAMPLES and not any(map(path.match, _GENERATED))]


def findings(root: Path, files: Iterable[Path], *, text: str | None = None, suffix: str = ".md") -> list[str]:
    """Return what Vale finds, one line for each finding: file, line, column, rule and the words to write.

    After a check without findings, a file is checked again only when it or the rules change.

    Args:
        root: the checkout.
        files: files to check, relative to the checkout.
        text: text to check instead of files.
        suffix: suffix of the file that would contain the text.

    Raises:
        HarnessError: Vale cannot be built, or its configuration is wrong.
    """
    vale = tools.path("vale")
    rules = f"{file_hash(vale)} {file_hash(root / '.vale.ini')} {tree_hash(root / '.vale')}"
    changed = {str(file): entry for file in files if not (entry := _entry(root / file, rules)).exists()}
    if text is None and not changed:
        return []
    command = [str(vale), "--config", str(root / ".vale.ini"), "--output", "line"]
    command += changed if text is None else ["--ext", suffix]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, input=text)
    if done.returncode not in (0, 1):
        raise HarnessError(f"vale failed: {(done.stderr or done.stdout).strip()}")
    found = done.stdout.splitlines()
    for entry in changed.values() if not found else ():
        entry.touch()
    return found


def _entry(file: Path, rules: str) -> Path:
    """Return the file in the cache that says that a file has no findings."""
    key = hashlib.sha256(f"{rules} {file.name} {file_hash(file)}".encode()).hexdigest()
    return cache_dir("prose") / key
