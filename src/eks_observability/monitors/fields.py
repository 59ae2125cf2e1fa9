"""Reads the fields of an object by type, and rejects those that nobody reads."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any


class Invalid(Exception):
    """A field that cannot be compiled. The message is the problem, its place, and the fix."""


class Fields:
    """The fields of a map in an object; a field that is null is absent.

    Args:
        values: the map, as parsed from YAML.
        path: its place in the object, for example `spec.endpoints[0]`.

    Raises:
        Invalid: it is no map, or, from the methods, a field has the wrong type.
    """

    def __init__(self, values: object, path: str) -> None:
        if not isinstance(values, Mapping):
            raise Invalid(f"{path} is {shown(values)}, but must be a map")
        self.path = path
        self._values: dict[str, Any] = {str(name): value for name, value in values.items() if value is not None}
        self._read: set[str] = set()

    @property
    def empty(self) -> bool:
        """Whether there are no fields."""
        return not self._values

    def place(self, name: str) -> str:
        """Return the place of a field in the object."""
        return f"{self.path}.{name}"

    def invalid(self, name: str, problem: str) -> Invalid:
        """Return the error about a field.

        Args:
            name: the field.
            problem: the end of the sentence that begins with the field and its value.
        """
        return Invalid(f"{self.place(name)} is {shown(self._values.get(name))}, {problem}")

    def has(self, name: str) -> bool:
        """Return whether a field is present."""
        return name in self._values

    def value(self, name: str) -> Any:
        """Return a field of any type, or None."""
        self._read.add(name)
        return self._values.get(name)

    def text(self, name: str, *choices: str) -> str | None:
        """Return a string, or None.

        Args:
            name: the field.
            choices: the accepted strings; default: any.
        """
        found: str | None = self._typed(name, str, f'but must be a string: write `{name}: "{self._values.get(name)}"`')
        if found is not None and choices and found not in choices:
            raise self.invalid(name, f"but must be one of {', '.join(choices)}")
        return found

    def required(self, name: str) -> str:
        """Return a string that must be present."""
        found = self.text(name)
        if not found:
            raise Invalid(f"{self.place(name)} is missing: set it")
        return found

    def url(self, name: str) -> str | None:
        """Return a URL of HTTP, or None."""
        found = self.text(name) or None
        if found and not _URL.fullmatch(found):
            raise self.invalid(name, "but must be a URL that begins with http:// or https://")
        return found

    def flag(self, name: str) -> bool | None:
        """Return a boolean, or None."""
        found: bool | None = self._typed(name, bool, "but must be true or false, without quotes")
        return found

    def number(self, name: str) -> int | None:
        """Return an integer that is not negative, or None."""
        found = self._typed(name, int, "but must be an integer, without quotes")
        if found is not None and (found < 0 or isinstance(found, bool)):
            raise self.invalid(name, "but must be an integer of at least 0")
        return found

    def texts(self, name: str) -> list[str]:
        """Return a list of strings; empty: the field is absent."""
        found = self._typed(name, list, f'but must be a list of strings, for example `{name}: ["a"]`') or []
        for index, one in enumerate(found):
            if not isinstance(one, str):
                raise Invalid(f'{self.place(name)}[{index}] is {shown(one)}, but must be a string: write "{one}"')
        return found

    def labels(self, name: str) -> dict[str, str]:
        """Return a map of strings; empty: the field is absent."""
        found = self._typed(name, Mapping, "but must be a map of strings") or {}
        for key, one in found.items():
            if not isinstance(one, str):
                raise Invalid(f'{self.place(name)}.{key} is {shown(one)}, but must be a string: write "{one}"')
        return dict(found)

    def fields(self, name: str) -> "Fields | None":
        """Return a map, or None."""
        found = self.value(name)
        return None if found is None else Fields(found, self.place(name))

    def each(self, name: str) -> "list[Fields]":
        """Return a list of maps; empty: the field is absent."""
        found = self._typed(name, list, "but must be a list") or []
        return [Fields(one, f"{self.place(name)}[{index}]") for index, one in enumerate(found)]

    def ignore(self, *names: str) -> None:
        """Accept fields that have no effect on the result."""
        self._read.update(names)

    def done(self) -> None:
        """Reject the fields that were not read."""
        for name in sorted(self._values.keys() - self._read):
            alike = difflib.get_close_matches(name, self._read, 1)
            advice = f": did you mean `{alike[0]}`?" if alike else ", or not supported: remove it"
            raise Invalid(f"{self.place(name)} is unknown{advice}")

    def _typed(self, name: str, kind: type, problem: str) -> Any:
        found = self.value(name)
        if found is not None and not isinstance(found, kind):
            raise self.invalid(name, problem)
        return found


def shown(value: object) -> str:
    """Return a value as a short text for messages."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are set, without those that are None."""
    return {name: value for name, value in options.items() if value is not None}


def durations(fields: Fields, *names: str) -> Iterator[tuple[str, str]]:
    """Yield the durations among fields, by name.

    Raises:
        Invalid: a field is no duration of Prometheus.
    """
    for name in names:
        text = fields.text(name)
        if text:
            if milliseconds(text) is None:
                raise fields.invalid(name, f"which is no duration: write `{name}: 30s`")
            yield name, text


_URL = re.compile(
    r"https?://(?:[^\s%/?#\x00-\x20\x7f\[\]\\<>^`{|}\"]|%[0-9A-Fa-f]{2}|\[[0-9A-Fa-f:.]+\])+(?:[/?#](?:[^\s%\x00-\x20\x7f]|%[0-9A-Fa-f]{2})*)?"
)
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>[0-9]+){unit})?" for unit in ("y", "w", "d", "h", "m", "s", "ms")))
_UNITS = {"y": 31_536_000_000, "w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}


def milliseconds(duration: str) -> int | None:
    """Return a duration of Prometheus in milliseconds, or None if it is none.

    Args:
        duration: numbers with the units y, w, d, h, m, s and ms, each at most once and in this order, or `0`.
    """
    if duration == "0":
        return 0
    found = _DURATION.fullmatch(duration)
    if not duration or found is None:
        return None
    return sum(int(number) * _UNITS[unit] for unit, number in found.groupdict().items() if number)
