"""Choices of namespaces: from their annotations to values of the charts."""

import json
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from eks_observability import tenants
from eks_observability.cli import program


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
    assert yaml.safe_load(found.output) == {"tenants": {"namespaces": {"a": "one", "b": "two"}}}
    assert found.output.index("a: one") < found.output.index("b: two")


def test_annotation_can_be_another() -> None:
    """With --annotation, only that annotation counts."""
    given = listed(a={tenants.ANNOTATION: "one", "example.com/logs": "two"})
    found = CliRunner().invoke(program, ["tenants", "--annotation", "example.com/logs"], input=json.dumps(given))
    assert yaml.safe_load(found.output) == {"tenants": {"namespaces": {"a": "two"}}}


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
