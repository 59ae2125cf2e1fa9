"""Finds a text that several patterns with ``*`` match."""

from collections.abc import Iterable, Iterator


def meeting(patterns: Iterable[str]) -> str | None:
    """Return a shortest text that matches all patterns with ``*``; ``None`` if there is none."""
    every = list(patterns)
    start = (0,) * len(every)
    ways = {start: ""}
    queue = [start]
    for places in queue:
        if all(set(pattern[place:]) <= {"*"} for pattern, place in zip(every, places, strict=True)):
            return ways[places]
        for letter in sorted(_letters(every, places)):
            following = [list(_after(pattern, place, letter)) for pattern, place in zip(every, places, strict=True)]
            for after in _products(following):
                if after not in ways:
                    ways[after] = ways[places] + letter
                    queue.append(after)
    return None


def _letters(patterns: list[str], places: tuple[int, ...]) -> set[str]:
    """Return the characters that one of the patterns can match next."""
    return {rest[0] for pattern, place in zip(patterns, places, strict=True) if (rest := pattern[place:].lstrip("*"))}


def _after(pattern: str, place: int, letter: str) -> Iterator[int]:
    """Yield the positions in a pattern after one more character."""
    ahead = place
    while ahead < len(pattern) and pattern[ahead] == "*":
        yield ahead
        ahead += 1
    if ahead < len(pattern) and pattern[ahead] == letter:
        yield ahead + 1


def _products(following: list[list[int]]) -> list[tuple[int, ...]]:
    products: list[tuple[int, ...]] = [()]
    for choices in following:
        products = [(*start, choice) for start in products for choice in choices]
    return products
