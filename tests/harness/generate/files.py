"""Writes generated files that differ from their sources."""

from collections.abc import Mapping
from pathlib import Path


def write(wanted: Mapping[Path, str | None], *, check: bool = False) -> list[Path]:
    """Write files whose content differs.

    Args:
        wanted: the expected text of each file; None for a file that must not exist.
        check: do not write files.

    Returns:
        The files that changed or, with ``check``, would change; sorted.
    """
    changed = sorted(path for path, text in wanted.items() if _text(path) != text)
    if not check:
        for path in changed:
            text = wanted[path]
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    return changed


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
