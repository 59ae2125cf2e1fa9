"""How an image is described; ``images`` assembles what is described so."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Recipe:
    """How to assemble the images whose names match.

    Attributes:
        pattern: regular expression for the whole image name, registry and tag included.
        fill: puts the image's files below the given folder.
        packages: Debian packages that the image is made of.
        config: entries of the image's configuration, as the OCI image specification names them.
        needs: names a program of the machine that the image is made from, or returns ``None``.
        programs: programs of ``tools.toml`` by their place in the image.
        made_of: what else decides about the image's content.
    """

    pattern: str
    fill: Callable[[Path], None] = lambda root: None
    packages: tuple[str, ...] = ()
    config: Mapping[str, object] = field(default_factory=dict)
    needs: Callable[[], Path | None] | None = None
    programs: Mapping[str, str] = field(default_factory=dict)
    made_of: Callable[[], tuple[str, ...]] = tuple
