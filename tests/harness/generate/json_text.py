"""Writes readable JSON that merges well: short parts on one line, long ones with a line per entry."""

import json
from typing import Any

_WIDTH = 120


def dumps(value: Any) -> str:
    """Return a value as JSON text.

    Args:
        value: JSON-compatible data; the order of keys is kept.

    Returns:
        The text, with lines of at most 120 characters where possible, and a final newline.
    """
    return f"{_text(value, '', 0)}\n"


def _text(value: Any, indent: str, used: int) -> str:
    """Return the text of a part after ``used`` characters of a line."""
    flat = json.dumps(value, ensure_ascii=False)
    if used + len(flat) <= _WIDTH or not value or not isinstance(value, (dict, list)):
        return flat
    inner = f"{indent}  "
    if isinstance(value, dict):
        keys = [f"{inner}{json.dumps(key, ensure_ascii=False)}: " for key in value]
        # One more character for the comma.
        lines = [key + _text(item, inner, len(key) + 1) for key, item in zip(keys, value.values(), strict=True)]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + _text(item, inner, len(inner) + 1) for item in value) + f"\n{indent}]"
