"""Vale checks all texts against the word list and the spelling of this project (.vale)."""

import subprocess
from pathlib import Path

import pytest

from harness import tools

from .conftest import ROOT

# Texts for users and developers; generated copies follow their sources.
TEXTS = (
    "*.md",
    "docs/**/*.md",
    "charts/*/*.md",
    "charts/*/*.gotmpl",
    "charts/*/values.yaml",
    "charts/*/templates/**/*.tpl",
    "charts/*/templates/**/*.txt",
    "charts/*/templates/**/*.yaml",
    "charts/shared/**/*.yaml",
    "values/**/*.yaml",
    "src/**/*.py",
    "tests/**/*.py",
)


def findings(*arguments: str, text: str | None = None) -> list[str]:
    """Return the findings of Vale, one line each."""
    command = [str(tools.path("vale")), "--config", str(ROOT / ".vale.ini"), "--output", "line", *arguments]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, input=text)
    assert said.returncode in (0, 1), said.stderr
    return said.stdout.splitlines()


@pytest.mark.parametrize("pattern", TEXTS)
def test_texts_use_the_words_of_the_field(pattern: str) -> None:
    """No text contains a word to avoid, or British spelling."""
    files = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob(pattern)) if path != Path(__file__)]
    assert files
    assert findings(*files) == []


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("No line is lost or doubled lines appear.", "duplicated"),
        ("The chunk is tried again after a second.", "retry"),
        ("The pod is made anew.", "recreated"),
        ("It takes one look for new files a second.", "scan"),
        ("Events stay for ever.", "forever"),
        ("Pods, for instance, have names.", "for example"),
        ("The value is refused by the chart.", "rejected"),
        ("Names are parted by commas.", "separated by"),
        ("The chart makes a service account.", "creates"),
        ("The color and the colour differ.", "color"),
        ("The license and the licence differ.", "license"),
    ],
)
def test_words_to_avoid_are_found(text: str, instead: str) -> None:
    """Each kind of word is found in a sentence, with its replacement."""
    found = findings("--ext", ".md", text=text)
    assert [line for line in found if f"'{instead}'" in line]


@pytest.mark.parametrize(
    "text",
    [
        "The interval is doubled after each retry.",
        "Connections are refused while the backend restarts.",
        "Write `behaviour: colour` in the configuration.",
        "For example, a log group that Fluent Bit creates is kept forever.",
    ],
)
def test_other_words_are_left_alone(text: str) -> None:
    """The same words in another sense, and code, are not findings."""
    assert findings("--ext", ".md", text=text) == []
