"""The check of `outputs.<name>.match` finds namespaces that no output receives, or that one place receives twice."""

import itertools
import json
import random
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from harness.render.helm import Helm

TEMPLATE = """
{{- range $name, $outputs := .Values.cases }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $name }}
data:
  messages: {{ include "CHART.checkOutputMatches" (merge (dict "outputs" $outputs) $.Values.given) | toJson }}
{{- end }}
"""
GLOBS = ("a-*", "*-b", "a-b", "a*b", "*a*", "*-*", "ab*b", "*")
NAMESPACES = ["".join(name) for length in range(1, 7) for name in itertools.product("abc-", repeat=length)]
MATCHED = {glob: {name for name in NAMESPACES if fnmatchcase(name, glob)} for glob in (*GLOBS, "a*", "*b")}
CASES = 150


def selected(include: Sequence[str] = (), exclude: Sequence[str] = ()) -> set[str]:
    """Return the namespaces that globs select."""
    wanted = set[str]().union(*(MATCHED[glob] for glob in include)) if include else set(NAMESPACES)
    return wanted.difference(*(MATCHED[glob] for glob in exclude))


def drawn() -> dict[str, list[dict[str, Any]]]:
    """Return outputs with globs at random, always the same, by name of the case."""
    draw = random.Random(15)

    def output(number: int) -> dict[str, Any]:
        namespaces = {key: draw.sample(GLOBS, draw.randint(0, 2)) for key in ("include", "exclude")}
        return {"name": f"o{number}", "type": "http", "place": "[]", "match": {"namespaces": namespaces}}

    return {f"case-{case}": [output(number) for number in range(draw.randint(1, 3))] for case in range(CASES)}


def messages(helm: Helm, folder: Path, chart: Path, read: dict[str, list[str]]) -> dict[str, str]:
    """Return what a chart says about the outputs of each case."""
    templates = folder / "templates"
    templates.mkdir()
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: matches\nversion: 0.1.0\n", encoding="utf-8")
    source = chart / "templates" / "shared" / "_output-matches.tpl"
    (templates / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    (templates / "cases.yaml").write_text(TEMPLATE.replace("CHART", chart.name), encoding="utf-8")
    given = {"by": "pipelines", "sources": ["application"], "namespaced": ["application"], "read": read}
    found = helm.render(folder, values={"cases": drawn(), "given": given})
    return {entry["metadata"]["name"]: entry["data"]["messages"] for entry in found}


@pytest.mark.parametrize("read", [{}, {"include": ["a*", "*b"], "exclude": ["*-b"]}], ids=["all", "selected"])
def test_gaps_and_overlaps_are_found(helm: Helm, tmp_path: Path, chart: Path, read: dict[str, list[str]]) -> None:
    """A message names a gap or an overlap exactly where a namespace of up to six characters has one."""
    found = messages(helm, tmp_path, chart, read)
    names = selected(**read)
    for case, outputs in drawn().items():
        counts = Counter(name for output in outputs for name in names & selected(**output["match"]["namespaces"]))
        said = ("No output receives" in found[case], "to the same place twice" in found[case])
        assert said == (len(counts) < len(names), max(counts.values(), default=0) > 1), json.dumps(outputs)
