"""The project's own commands in documents: each works from a fresh clone, and has the options that are shown."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from eks_observability.cli import program as installed
from harness.cli.main import program as harness

ROOT = Path(__file__).parents[2]
PROGRAMS = {".venv/bin/python -m harness": harness, ".venv/bin/eks-observability": installed}
# What developers type; a module of the repository is found by the interpreter that `make` sets up, and by no other.
BARE = re.compile(r"(?<!\.venv/bin/)python3? -m (?:harness|bench|pytest|eks_observability)\b")
SHOWN = re.compile(rf"({'|'.join(map(re.escape, PROGRAMS))}) ([^`;&|#)\n]+)")


def texts() -> Iterator[Path]:
    """Yield every file of the repository that people read as prose: pages, values, notes, examples and messages."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    endings = (".md", ".gotmpl", ".yaml", ".yml", ".txt", ".tpl", ".json")
    yield from (ROOT / name for name in listed.splitlines() if name.endswith(endings) and (ROOT / name).exists())


def commands() -> list[tuple[str, str]]:
    """Return each program and the rest of its command line, as the documents show them."""
    joined = (file.read_text(encoding="utf-8").replace("\\\n", " ") for file in texts() if file.suffix == ".md")
    return sorted({(program, " ".join(line.split())) for text in joined for program, line in SHOWN.findall(text)})


def unknown(program: click.Command, words: list[str]) -> list[str]:
    """Return the words of a command line that its program does not know: commands and options."""
    context = click.Context(program)
    while isinstance(program, click.Group) and words:
        found = program.get_command(context, words[0])
        if found is None:
            return words[:1]
        program, words = found, words[1:]
    options = {name for parameter in program.params for name in parameter.opts}
    return [word for word in words if word.startswith("-") and word.partition("=")[0] not in {*options, "--help"}]


def test_every_command_works_from_a_fresh_clone() -> None:
    """No document runs a module of this repository with a Python that cannot find it."""
    found = {str(file.relative_to(ROOT)): BARE.findall(file.read_text(encoding="utf-8")) for file in texts()}
    assert {"README.md", "docs/harness.md", "charts/observability-stack/values.yaml"} <= found.keys()
    assert {name for name, bare in found.items() if bare} == set()


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("`python -m harness demo`", True),
        ("python3 -m bench.metrics", True),
        ("`.venv/bin/python -m harness demo`", False),
        ("python -m venv .venv", False),
    ],
)
def test_bare_command_is_noticed(text: str, bare: bool) -> None:
    """The check sees modules of this repository only, without the path of the environment."""
    assert bool(BARE.search(text)) == bare


@pytest.mark.parametrize(("program", "line"), commands(), ids=lambda text: text.removeprefix(".venv/bin/"))
def test_command_has_what_is_shown(program: str, line: str) -> None:
    """Each subcommand and option in a document is one that the program has."""
    assert unknown(PROGRAMS[program], shlex.split(line)) == []


def test_unknown_words_are_noticed() -> None:
    """A command or option that was renamed is named."""
    assert unknown(harness, ["clutser", "up"]) == ["clutser"]
    assert unknown(harness, ["cluster", "up", "--nmae", "x", "--workers=1"]) == ["--nmae"]
