"""Schemas: values against the chart's, objects against Kubernetes' own, all offline."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.render import supported
from harness.render.schemas import object_errors, value_errors


def pod(**spec: Any) -> dict[str, Any]:
    containers = [{"name": "app", "image": "example.invalid/app:1"}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": containers, **spec}}


def policy(version: str) -> dict[str, Any]:
    api = f"admissionregistration.k8s.io/{version}"
    return {"apiVersion": api, "kind": "MutatingAdmissionPolicy", "metadata": {"name": "inject"}}


@pytest.mark.parametrize("values", [{}, {"replicas": 2}, {"global": {"anything": 1}}], ids=str)
def test_right_values_have_no_errors(tiny: Path, values: dict[str, Any]) -> None:
    """Values need not be complete."""
    assert value_errors(tiny, values) == []


def test_each_fault_of_values_is_named_by_its_place(tiny: Path) -> None:
    """A misspelled key and a wrong type are reported in two sentences."""
    assert value_errors(tiny, {"replica": 1, "replicas": "two"}) == [
        "top level: Additional properties are not allowed ('replica' was unexpected)",
        "replicas: 'two' is not of type 'integer'",
    ]


def test_patterns_end_where_helm_ends_them(tiny: Path) -> None:
    """A newline at the end is rejected, as in Helm."""
    schema = {"properties": {"a": {"type": "string", "pattern": "^x$"}, "b": {"pattern": "x\\$"}}}
    (tiny / "values.schema.json").write_text(json.dumps(schema), encoding="utf-8")
    assert value_errors(tiny, {"a": "x", "b": "x$\n"}) == []
    assert value_errors(tiny, {"a": "x\n"}) == [r"a: 'x\n' does not match '^x$'"]


def test_schema_is_read_again_when_it_changes(tiny: Path) -> None:
    """Validators are kept by the schema's text, not by the chart's name."""
    assert value_errors(tiny, {"new": 1}) != []
    (tiny / "values.schema.json").write_text("{}", encoding="utf-8")
    assert value_errors(tiny, {"new": 1}) == []


def test_chart_without_schema_is_rejected(tiny: Path) -> None:
    """No schema is no permission."""
    (tiny / "values.schema.json").unlink()
    with pytest.raises(HarnessError, match=r"tiny has no values\.schema\.json"):
        value_errors(tiny, {})


@pytest.mark.parametrize("version", supported.KUBERNETES)
def test_objects_are_checked_for_each_supported_version(version: str) -> None:
    """A sound pod passes; an unknown field and a wrong type deep inside it are named."""
    assert object_errors(pod(), version) == []
    assert object_errors(pod(restartPolice="Always"), version) == [
        "Pod/a: spec: Additional properties are not allowed ('restartPolice' was unexpected)"
    ]
    wrong = pod(containers=[{"name": "app", "ports": [{"containerPort": "http"}]}])
    [error] = object_errors(wrong, version)
    assert error.startswith("Pod/a: spec.containers[0].ports[0].containerPort: 'http' is not of type")


@pytest.mark.parametrize("version", supported.KUBERNETES)
def test_kinds_are_known_from_the_version_that_has_them(version: str) -> None:
    """MutatingAdmissionPolicy v1 exists from Kubernetes 1.36 on; before, the error says so."""
    errors = object_errors(policy("v1"), version)
    if version in ("1.34", "1.35"):
        assert errors == [
            f"MutatingAdmissionPolicy/inject: Kubernetes {version} knows no MutatingAdmissionPolicy of "
            "admissionregistration.k8s.io/v1"
        ]
    else:
        assert errors == []


def test_unknown_version_is_rejected() -> None:
    """A version without schemas is not checked against another's."""
    with pytest.raises(HarnessError, match=r"there are no schemas for Kubernetes 1\.99; use one of .*1\.37"):
        object_errors(pod(), "1.99")


def test_no_network_is_needed(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that schemas refer to is on this machine."""
    monkeypatch.setattr(socket, "socket", None)
    assert value_errors(tiny, {}) == object_errors(pod(), "1.37") == []
