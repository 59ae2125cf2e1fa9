"""How an image is described; ``assemble`` assembles what is described so."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


def variable_of(program: str) -> str:
    """Return the variable of the environment that may name a program of this machine: ``FLUENT_BIT``."""
    return program.upper().replace("-", "_")


def machine_program(name: str) -> Path | None:
    """Return a program of this machine: that of its variable, else the one on PATH, else ``None``."""
    found = shutil.which(os.environ.get(variable_of(name)) or name)
    return Path(found).resolve() if found else None


@dataclass(frozen=True)
class Recipe:
    """How to assemble the images whose names match.

    Attributes:
        pattern: regular expression for the whole image name, registry and tag included.
        fill: puts the image's files below the given folder.
        packages: Debian packages that the image is made of.
        config: entries of the image's configuration, as the OCI image specification names them.
        needs: program of the machine that the image is made from, ``machine_program`` finds it.
        programs: programs of ``tools.toml`` by their place in the image.
        made_of: what else decides about the image's content.
        stand_in: says what runs instead of the image's program, if not that program.
    """

    pattern: str
    fill: Callable[[Path], None] = lambda root: None
    packages: tuple[str, ...] = ()
    config: Mapping[str, object] = field(default_factory=dict)
    needs: str = ""
    programs: Mapping[str, str] = field(default_factory=dict)
    made_of: Callable[[], tuple[str, ...]] = tuple
    stand_in: Callable[[], str] = str
