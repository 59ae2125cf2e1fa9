"""Vale checks all texts against the word list and the spelling of this project (.vale)."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import tools
from harness.cli import prose
from harness.render.manifests import load_yaml

from .conftest import ROOT

# At least one sentence for each rule, and the words to write instead.
AVOID = {
    "Words": [
        ("No doubled lines appear.", "duplicated"),
        ("It neither loses nor doubles.", "duplicates"),
        ("There are no doubles.", "duplicates"),
        ("The chunk is tried again after a second.", "retry"),
        ("The times that a chunk is tried.", "retry limit"),
        ("The last lines get through.", "is delivered"),
        ("The pod is made anew.", "recreated"),
        ("The agent begins anew.", "again"),
        ("The chart makes a service account.", "creates"),
        ("Objects to install beside the chart.", "extra manifests"),
        ("Lines are kept while the remote is away.", "is unavailable"),
        ("Number of pods that scrape the same.", "replicas"),
        ("Settings of what runs on every node.", "node agent"),
        ("It is signed by the cluster's authority.", "the cluster's CA"),
        ("What stands between the lines of a record.", "a noun, for example prefix or separator"),
        ("Milliseconds between two looks.", "scan"),
        ("It looks for new files every second.", "scans"),
        ("The value is refused by the chart.", "rejected"),
        ("The chart refuses a value.", "rejects"),
        ("The protocol wants an address.", "requires"),
        ("The option takes a list.", "accepts"),
        ("The agent takes 5 MB.", "uses"),
        ("It takes less memory.", "uses"),
        ("The pod is let in.", "admit, allow"),
        ("No pod may talk to the agent.", "can access"),
        ("The agent heeds the signal.", "handle"),
        ("The number, 5 if not said.", "default"),
        ("It is the node's name unless the values say another.", "default"),
        ("Versions known to work with the chart.", "compatible with"),
        ("Pods, for instance, have names.", "for example"),
        ("A name such as in the article.", "for example in"),
        ("Events stay for ever.", "forever"),
        ("A restart mends it.", "fix"),
        ("Names are parted by commas.", "separated by"),
    ],
    "American": [
        (f"The word {word} is British.", american)
        for word, american in {
            "ageing": "aging",
            "amongst": "among",
            "analysed": "analyze",
            "artefacts": "artifact",
            "authorised": "authorize",
            "behaviour": "behavior",
            "cancelled": "canceled",
            "catalogue": "catalog",
            "categorised": "categorize",
            "centre": "center",
            "coloured": "color",
            "customised": "customize",
            "defence": "defense",
            "favourite": "favor",
            "fulfil": "fulfill",
            "grey": "gray",
            "honours": "honor",
            "initialised": "initialize",
            "judgement": "judgment",
            "labelled": "labeled",
            "learnt": "learned",
            "licence": "license",
            "maximise": "maximize",
            "minimises": "minimize",
            "misspelt": "misspelled",
            "modelling": "modeled",
            "neighbouring": "neighbor",
            "normalised": "normalize",
            "optimisation": "optimize",
            "organised": "organize",
            "prioritise": "prioritize",
            "programme": "program",
            "recognised": "recognize",
            "serialised": "serialize",
            "signalled": "signaled",
            "spelt": "spelled",
            "summarised": "summarize",
            "synchronised": "synchronize",
            "travelling": "traveled",
            "utilisation": "utilize",
            "visualised": "visualize",
            "whilst": "while",
        }.items()
    ],
}
# The same words in another sense, the words to write, and code.
LEAVE = (
    "The interval is doubled after each retry.",
    "Values with double quotes are lost or duplicated.",
    "Connections are refused while the backend restarts.",
    "Write `behaviour: colour` in the configuration.",
    "For example, a log group that Fluent Bit creates is kept forever.",
    "If you want a list, use the option that accepts one; a user who wants dashboards installs them.",
    "Each scan takes 5 s, and it looks like a retry.",
    "The operator looks at the logs and takes notes.",
    "A label such as app is known to all teams, and pods are allowed to access it.",
    "An analysis of a fulfilled license in the center of the catalog.",
)


def keys(style: str) -> Iterator[str]:
    """Return the patterns of a style, with lookbehinds that Python understands."""
    rules = load_yaml((ROOT / ".vale" / "House" / f"{style}.yml").read_text(encoding="utf-8"))
    for pattern in rules["swap"]:
        yield re.sub(r"\(\?<!([^)]*)\)", lambda found: "".join(f"(?<!{one})" for one in found[1].split("|")), pattern)


def test_texts_use_the_words_of_the_field() -> None:
    """No text contains a word to avoid, or British spelling."""
    files = prose.texts(ROOT)
    assert {"README.md", "Makefile", "docs/harness.md", "charts/log-sidecar/values.yaml"} <= set(map(str, files))
    found = prose.findings(ROOT, files)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("style", AVOID)
def test_words_to_avoid_are_found(style: str) -> None:
    """Each sentence is found, with the words to write; every rule has a sentence."""
    text = "\n\n".join(sentence for sentence, _ in AVOID[style])
    found = {}
    for line in prose.findings(ROOT, [], text=text):
        _, number, _, rule, message = line.split(":", 4)
        [words] = re.findall(r"'(.+)' instead of", message)
        found[int(number) // 2] = (rule, words)
    assert found == {index: (f"House.{style}", instead) for index, (_, instead) in enumerate(AVOID[style])}
    unused = [key for key in keys(style) if not re.search(rf"\b(?:{key})\b", text, re.IGNORECASE)]
    assert unused == []


@pytest.mark.parametrize("suffix", [".md", ".gotmpl"])
def test_other_words_are_left_alone(suffix: str) -> None:
    """The same words in another sense, and code, are not findings."""
    assert prose.findings(ROOT, [], text="\n\n".join(LEAVE), suffix=suffix) == []


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".yaml", "# -- The color.\ndescription: Its colour.\n"),
        (".py", '"""Color, colour."""\n\ncolour = 1\n'),
        (".sh", "# Color, colour.\n"),
        (".tpl", '{{- fail "The color and the colour differ." -}}\n'),
        (".gotmpl", "The color and the colour.\n"),
    ],
    ids=lambda value: value if value.startswith(".") else "",
)
def test_every_kind_of_text_is_read(suffix: str, text: str) -> None:
    """Texts in YAML, docstrings, comments and messages of templates are read; names in Python are not."""
    assert len(prose.findings(ROOT, [], text=text, suffix=suffix)) == 1


def test_changed_file_or_rule_is_checked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without findings is not checked again until it or a rule changes; a file with findings always is."""
    vale = tools.path("vale")
    monkeypatch.setattr(tools, "path", lambda _: vale)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / ".vale", root / ".vale")
    shutil.copy(ROOT / ".vale.ini", root)
    [text, rule] = [root / "a.md", root / ".vale" / "House" / "American.yml"]
    runs = []
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda command, **options: runs.append(command) or run(command, **options))

    def check() -> tuple[int, int]:
        runs.clear()
        return len(prose.findings(root, [Path("a.md")])), len(runs)

    text.write_text("The color.\n", encoding="utf-8")
    assert [check(), check()] == [(0, 1), (0, 0)]
    text.write_text("The colour.\n", encoding="utf-8")
    assert [check(), check()] == [(1, 1), (1, 1)]
    text.write_text("The color.\n", encoding="utf-8")
    rules = rule.read_text(encoding="utf-8")
    rule.write_text(rules.replace("'colour(?:s|ed)?': color", "color: hue"), encoding="utf-8")
    assert check() == (1, 1)
