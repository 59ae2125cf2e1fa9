"""Compares delivered lines with written lines."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.loss.writer import decode

SHOWN = 5  # number of missing ranges and of mangled examples in a report


@dataclass(frozen=True)
class Report:
    """Counts of the written and the collected lines.

    Every written line counts as `delivered` or `lost`. The other counts are:

    duplicated  additional copies of a line
    reordered   lines that arrived after a line with a higher number
    mangled     truncated, joined or damaged lines, and lines of other programs
    unknown     intact lines with a stream or number that was not written: two runs are mixed up
    """

    written: int
    delivered: int
    lost: int
    duplicated: int
    reordered: int
    mangled: int
    unknown: int = 0
    missing: tuple[str, ...] = ()
    examples: tuple[bytes, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether no line is lost; duplicates are allowed."""
        return self.lost == 0 and self.written > 0

    @property
    def once(self) -> bool:
        """Whether every line arrived once and intact, in any order, and nothing else."""
        return self.complete and not (self.duplicated or self.mangled or self.unknown)

    @property
    def exact(self) -> bool:
        """Whether every line arrived once, in order and intact, and nothing else."""
        return self.once and not self.reordered

    def __str__(self) -> str:
        text = f"written {self.written:,}  delivered {self.delivered:,}  lost {self.lost:,}"
        text += f"  duplicated {self.duplicated:,}  reordered {self.reordered:,}  mangled {self.mangled:,}"
        if self.unknown:
            text += f"  unknown {self.unknown:,}"
        if self.missing:
            text += "\n  first missing: " + ", ".join(self.missing)
        for example in self.examples:
            text += f"\n  mangled: {example[:160]!r}"
        return text


def count(lines: Iterable[bytes | str], written: int | Mapping[str, int], *, label: str = "", first: int = 0) -> Report:
    """Count collected lines.

    Args:
        lines: lines in order of arrival, with or without newlines.
        written: number of lines that the writer reports; with several writers, by stream name. A plain number is for
            the writer's default stream.
        label: prefix that the collector adds; a line without it counts as mangled.
        first: number of the first line in each stream.
    """
    expected = {"w": written} if isinstance(written, int) else dict(written)
    seen = {stream: bytearray(total) for stream, total in expected.items()}
    newest = dict.fromkeys(expected, -1)
    prefix = label.encode()
    duplicated = reordered = mangled = unknown = 0
    examples: list[bytes] = []
    for line in lines:
        raw = line.encode("utf-8", "surrogateescape") if isinstance(line, str) else line
        if raw.endswith(b"\n"):
            raw = raw[:-1]
        found = decode(raw[len(prefix) :]) if raw.startswith(prefix) else None
        if found is None:
            mangled += 1
            if len(examples) < SHOWN:
                examples.append(raw)
            continue
        stream, number = found
        number -= first
        marks = seen.get(stream)
        if marks is None or not 0 <= number < len(marks):
            unknown += 1
        elif marks[number]:
            duplicated += 1
        else:
            marks[number] = 1
            if number < newest[stream]:
                reordered += 1
            else:
                newest[stream] = number
    total = sum(expected.values())
    delivered = sum(sum(marks) for marks in seen.values())
    return Report(
        written=total,
        delivered=delivered,
        lost=total - delivered,
        duplicated=duplicated,
        reordered=reordered,
        mangled=mangled,
        unknown=unknown,
        missing=_missing(seen, first),
        examples=tuple(examples),
    )


def _missing(seen: Mapping[str, bytearray], first: int) -> tuple[str, ...]:
    """Return the first gaps of each stream, for example ``w:17-29``."""
    shown: list[str] = []
    for stream, marks in seen.items():
        gaps = _gaps(marks)
        for begin, end in gaps:
            if len(shown) == SHOWN:
                return (*shown, "...")
            last = f"-{end - 1 + first}" if end - begin > 1 else ""
            shown.append(f"{stream}:{begin + first}{last}")
    return tuple(shown)


def _gaps(marks: bytearray) -> Iterator[tuple[int, int]]:
    begin = marks.find(0)
    while begin >= 0:
        end = marks.find(1, begin)
        yield begin, end if end >= 0 else len(marks)
        begin = marks.find(0, end) if end >= 0 else -1


def written_by(lines: Iterable[bytes]) -> dict[str, int]:
    """Return `written` for `count`, from the stdout of one or more writers.

    Other lines are ignored. The last report of a stream counts, because a writer that stays reports twice.
    """
    totals: dict[str, int] = {}
    for line in lines:
        if not line.startswith(b'{"stream"'):
            continue
        with contextlib.suppress(ValueError, KeyError):
            report = json.loads(line)
            totals[str(report["stream"])] = int(report["written"])
    return totals
