"""Validates values against a chart's schema, and objects against the schemas of Kubernetes, offline."""

import functools
import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import kubernetes_validate.utils
import referencing
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for

from harness.errors import HarnessError
from harness.render.manifests import Object, key_of

_DATA = "kubernetes-json-schema"


def value_errors(chart: Path | str, values: Any) -> list[str]:
    """Return the faults of values, by the chart's ``values.schema.json``.

    Args:
        chart: the chart's folder.
        values: values as in a values file; may be incomplete.

    Returns:
        One sentence per fault, beginning with its place; none for valid values.

    Raises:
        HarnessError: the chart has no schema.
    """
    return _sentences(_values_validator(Path(chart).resolve()), values)


def object_errors(item: Object, kubernetes: str) -> list[str]:
    """Return the faults of an object for a Kubernetes version, including unknown fields.

    Args:
        item: the object.
        kubernetes: the version, for example ``1.36``.

    Returns:
        One sentence per fault, beginning with the object and the place; none for a valid object.
    """
    # File names use only the first word of the API group: rbac.authorization.k8s.io/v1 is rbac-v1.
    version = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", item["apiVersion"])
    validator = _object_validator(kubernetes, f"{item['kind'].lower()}-{version}.json")
    label = "/".join(key_of(item))
    if validator is None:
        return [f"{label}: Kubernetes {kubernetes} knows no {item['kind']} of {item['apiVersion']}"]
    return [f"{label}: {sentence}" for sentence in _sentences(validator, item)]


def definitions(kubernetes: str) -> dict[str, Any]:
    """Return the schemas of Kubernetes, which reject unknown fields, by name, for example ``io.k8s.api.core.v1.Pod``.

    Args:
        kubernetes: the version, for example ``1.36``.

    Raises:
        HarnessError: there are no schemas for the version.
    """
    found: dict[str, Any] = _definitions_file(kubernetes)["$defs"]
    return found


def _sentences(validator: Validator, instance: Any) -> list[str]:
    errors = sorted(validator.iter_errors(instance), key=lambda error: [str(step) for step in error.path])
    return [_sentence(error) for error in errors]


def _sentence(error: ValidationError) -> str:
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.path)
    return f"{where.lstrip('.') or 'top level'}: {error.message}"


def _values_validator(chart: Path) -> Validator:
    file = chart / "values.schema.json"
    if not file.exists():
        raise HarnessError(f"{chart.name} has no values.schema.json; every chart of this repository has one")
    return _validator_of(file.read_text(encoding="utf-8"))


@functools.lru_cache(maxsize=32)
def _validator_of(text: str) -> Validator:
    schema = json.loads(text)
    # A values file may be incomplete; Helm validates the merge with values.yaml.
    schema["allOf"] = [True, *(part for part in schema.get("allOf", []) if "/values." not in part.get("$ref", ""))]
    kind = validator_for(schema)
    kind.check_schema(schema)
    extend: Any = validators.extend  # untyped in the stubs
    checked: Validator = extend(kind, {"pattern": _pattern})(schema)
    return checked


def _pattern(validator: Validator, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """Check a pattern as Helm does: ``$`` matches only at the end, not before a final newline as in Python."""
    strict = re.sub(r"(?<!\\)\$$", r"\\Z", pattern)
    if isinstance(instance, str) and not re.search(strict, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


@functools.cache
def _object_validator(kubernetes: str, name: str) -> Validator | None:
    file = _folder(kubernetes).joinpath(name)
    if not file.is_file():
        return None
    schema = json.loads(file.read_text(encoding="utf-8"))
    registry = referencing.Resource.from_contents(schema) @ _definitions(kubernetes)
    return Draft202012Validator(schema, registry=registry)


@functools.cache
def _definitions(kubernetes: str) -> referencing.Registry[Any]:
    return referencing.Resource.from_contents(_definitions_file(kubernetes)) @ referencing.Registry()


def _definitions_file(kubernetes: str) -> Any:
    return json.loads(_folder(kubernetes).joinpath("_definitions.json").read_text(encoding="utf-8"))


@functools.cache
def _folder(kubernetes: str) -> resources.abc.Traversable:
    versions = kubernetes_validate.utils.all_versions()
    # kubernetes-validate silently uses an older version for an unknown one.
    for version in versions:
        if version.startswith(f"{kubernetes}."):
            return resources.files("kubernetes_validate") / _DATA / f"v{version}-local-strict"
    known = ", ".join(kubernetes_validate.utils.major_minor(version) for version in versions)
    raise HarnessError(f"there are no schemas for Kubernetes {kubernetes}; use one of {known}")
