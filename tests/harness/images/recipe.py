"""The description of an image, for ``assemble``."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


def variable_of(program: str) -> str:
    """Return the environment variable with the path of a program, for example ``FLUENT_BIT``."""
    return program.upper().replace("-", "_")


def machine_program(name: str) -> Path | None:
    """Return a program of this machine: from its variable, else on PATH, else ``None``."""
    found = shutil.which(os.environ.get(variable_of(name)) or name)
    return Path(found).resolve() if found else None


@dataclass(frozen=True)
class Recipe:
    """A recipe for images with matching names.

    Attributes:
        pattern: regular expression for the full image name, including registry and tag.
        fill: function that writes the files of the image below a folder.
        packages: Debian packages in the image.
        config: image configuration, with the names of the OCI image specification.
        needs: program of the machine to copy into the image; see ``machine_program``.
        programs: programs of ``tools.toml``, by path in the image.
        made_of: other inputs that determine the content.
        stand_in: message about a stand-in for the image's program, if any.
    """

    pattern: str
    fill: Callable[[Path], None] = lambda root: None
    packages: tuple[str, ...] = ()
    config: Mapping[str, object] = field(default_factory=dict)
    needs: str = ""
    programs: Mapping[str, str] = field(default_factory=dict)
    made_of: Callable[[], tuple[str, ...]] = tuple
    stand_in: Callable[[], str] = str
