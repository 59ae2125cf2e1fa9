"""Choices of namespaces: from their annotations to values of the charts."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from eks_observability import tenants
from eks_observability.cli import program
from harness.render.manifests import load_yaml


def listed(**annotations: dict[str, str] | None) -> dict[str, Any]:
    """Return what kubectl prints about namespaces with these annotations."""
    items = [
        {"kind": "Namespace", "metadata": {"name": name, **({"annotations": given} if given is not None else {})}}
        for name, given in annotations.items()
    ]
    return {"kind": "List", "items": items}


def test_choices_become_values() -> None:
    """Namespaces without the annotation, or with an empty one, choose nothing; the others are in order."""
    key = tenants.ANNOTATION
    given = listed(b={key: "two"}, a={key: "one"}, none=None, empty={key: ""})
    found = CliRunner().invoke(program, ["tenants"], input=json.dumps(given))
    assert found.exit_code == 0
    assert load_yaml(found.output) == {"tenants": {"namespaces": {"a": "one", "b": "two"}}}
    assert found.output.index("a: one") < found.output.index("b: two")


def test_annotation_can_be_another() -> None:
    """With --annotation, only that annotation counts."""
    given = listed(a={tenants.ANNOTATION: "one", "example.com/logs": "two"})
    found = CliRunner().invoke(program, ["tenants", "--annotation", "example.com/logs"], input=json.dumps(given))
    assert load_yaml(found.output) == {"tenants": {"namespaces": {"a": "two"}}}


def test_choices_that_are_not_permitted_are_counted(tmp_path: Path) -> None:
    """With --values, choices of unknown outputs and of others' outputs are named and counted; the values keep them."""
    (tmp_path / "base.yaml").write_text("tenants: {outputs: {shop: [shop, shop-*], bank: [bank]}}\n")
    (tmp_path / "prod.yaml").write_text("tenants: {outputs: {shop: [shop-*]}}\n")
    files = [word for name in ("base", "prod") for word in ("--values", str(tmp_path / f"{name}.yaml"))]
    choices = {"bank": "bank", "shop": "shop", "shop-1": "shop", "evil": "bank", "other": "none"}
    given = listed(**{name: {tenants.ANNOTATION: output} for name, output in choices.items()})
    found = CliRunner().invoke(program, ["tenants", *files], input=json.dumps(given))
    assert found.stderr == "choices: 5, not permitted (default output): 3\n  evil: bank\n  other: none\n  shop: shop\n"
    assert load_yaml(found.stdout) == {"tenants": {"namespaces": choices}}


@pytest.mark.parametrize("text", ["[", "x"], ids=["invalid", "text"])
def test_values_of_something_else_are_rejected(tmp_path: Path, text: str) -> None:
    """A file without values of a chart ends with a message about it."""
    (tmp_path / "values.yaml").write_text(text)
    given = json.dumps(listed(a={tenants.ANNOTATION: "one"}))
    found = CliRunner().invoke(program, ["tenants", "--values", str(tmp_path / "values.yaml")], input=given)
    assert found.exit_code == 2
    assert "has no values of a chart: pass the files of `helm upgrade --values`" in found.output


@pytest.mark.parametrize(
    "text",
    ["", "x", "[]", "{}", '{"items": [{"kind": "Pod", "metadata": {"name": "a"}}]}'],
    ids=["empty", "text", "list", "object", "pods"],
)
def test_anything_else_is_rejected(text: str) -> None:
    """What is no list of namespaces would select no output, so the message says what to pass."""
    found = CliRunner().invoke(program, ["tenants"], input=text)
    assert found.exit_code == 2
    assert "pass the output of `kubectl get namespaces -o json`" in found.output
