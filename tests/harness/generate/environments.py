"""Generates docs/environments.md: which parts work in which environment, and how we know."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.render.manifests import load_yaml

# Tests by environment and part.
Proofs = Mapping[tuple[str, str], list[str]]
_HEAD = """# Environments

`make generate` writes this page from [environments.yaml](environments.yaml) and the marks of the tests.

- **tested**: a test of this repository proves it.
- **read**: no test can run it here; it follows from the source or the documentation of the programs.
- **impossible**: and what to use instead.

"""


def reference(root: Path) -> dict[Path, str]:
    """Write docs/environments.md.

    Args:
        root: the checkout.

    Returns:
        The file and its text.

    Raises:
        HarnessError: a part has neither a proof nor a reason, or a name is unknown.
    """
    data = load_yaml((root / "docs" / "environments.yaml").read_text(encoding="utf-8"))
    return {root / "docs" / "environments.md": page(data, proofs(root / "tests"))}


def proofs(tests: Path) -> Proofs:
    """Find the tests with the mark `environment`.

    Args:
        tests: the folder of the tests.

    Returns:
        For each environment and part (``all`` for a mark without parts), the tests that prove it: `<file>::<function>`,
        or the file alone if all of them do.
    """
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file in sorted(tests.rglob("test_*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        name = f"{tests.name}/{file.relative_to(tests)}"
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                marks, where = node.decorator_list, f"{name}::{node.name}"
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
                marks, where = node.value.elts if isinstance(node.value, ast.List) else [node.value], name
            else:
                continue
            for environment, *parts in _arguments(marks):
                for part in parts or ["all"]:
                    found[environment, part].append(where)
    return dict(found)


def _arguments(marks: list[ast.expr]) -> Iterator[list[str]]:
    for mark in marks:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.environment":
            yield [ast.literal_eval(argument) for argument in mark.args]


def page(data: Mapping[str, Any], proven: Proofs) -> str:
    """Return the page.

    Args:
        data: content of environments.yaml.
        proven: tests by environment and part, see ``proofs``.

    Returns:
        The text of docs/environments.md.

    Raises:
        HarnessError: a cell has neither a proof nor a reason, or a mark or reason has an unknown name.
    """
    parts, environments = data["parts"], data["environments"]
    known = {(environment, part) for environment in environments for part in parts}
    named = {
        (key, part)
        for key, environment in environments.items()
        for kind in ("read", "impossible")
        for part in environment.get(kind, {})
        if part != "others"
    }
    known |= {(environment, "all") for environment in environments}
    if unknown := sorted({*proven, *named} - known):
        raise HarnessError(f"unknown environment or part: {unknown}; docs/environments.yaml has all of them")
    rows, sections = [], []
    for key, environment in environments.items():
        option = environment.get("option")
        tests = {part: _tests(proven, key, part) or (_tests(proven, "ipv4", part) if option else []) for part in parts}
        cells = {part: _cell(key, environment, part, tests[part]) for part in parts}
        words = " | ".join(word for word, _ in cells.values())
        rows.append(f"| [{environment['title']}](#{_anchor(environment['title'])}) | {words} |")
        lines = [f"## {environment['title']}", "", environment["text"], ""]
        if option:
            lines[2] += f" The tests of an IPv4 cluster pass with `{option}`."
        lines += [f"- {' and '.join(names)}: {text}" for text, names in _grouped(cells, parts).items()]
        sections.append("\n".join(lines))
    table = [f"| | {' | '.join(parts.values())} |", f"| --- |{' --- |' * len(parts)}", *rows]
    return _HEAD + "\n".join(table) + "\n\n" + "\n\n".join(sections) + "\n"


def _tests(proven: Proofs, environment: str, part: str) -> list[str]:
    return [*proven.get((environment, part), []), *proven.get((environment, "all"), [])]


def _cell(key: str, environment: Mapping[str, Any], part: str, tests: list[str]) -> tuple[str, str]:
    """Return the word and the explanation of a cell."""
    read, impossible = environment.get("read", {}), environment.get("impossible", {})
    if tests:
        return "tested", ", ".join(f"[{test.removeprefix('tests/')}](../{test.partition('::')[0]})" for test in tests)
    if part in impossible:
        return "impossible", f"impossible. {impossible[part]}"
    if part in read or "others" in read:
        return "read", f"read. {read.get(part) or read['others']}"
    raise HarnessError(
        f"docs/environments.yaml: nothing shows whether {part} works in {key}; mark a test, or say how you know"
    )


def _grouped(cells: Mapping[str, tuple[str, str]], parts: Mapping[str, str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = defaultdict(list)
    for part, (_, text) in cells.items():
        grouped[text].append(parts[part])
    return grouped


def _anchor(title: str) -> str:
    return "".join(letter for letter in title.lower().replace(" ", "-") if letter.isalnum() or letter == "-")
