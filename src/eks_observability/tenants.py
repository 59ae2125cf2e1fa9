"""The outputs that namespaces choose by annotation, as values of the charts with node agents."""

import json
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, TextIO

import click
import yaml

from eks_observability.errors import CommandError

ANNOTATION = "eks-observability/output"
_HEAD = """\
# Written by `eks-observability tenants`; do not edit.
"""


def chosen(namespaces: Mapping[str, Any], *, annotation: str = ANNOTATION) -> dict[str, str]:
    """Return the output that each namespace chooses, in the order of their names; without those that choose none.

    Args:
        namespaces: a list of namespaces, as the API server returns it.
        annotation: the annotation that names the output.

    Raises:
        CommandError: it is no list of namespaces.
    """
    items = namespaces.get("items")
    if not isinstance(items, list) or any(item.get("kind") != "Namespace" for item in items):
        raise CommandError("this is no list of namespaces: pass the output of `kubectl get namespaces -o json`")
    found = {item["metadata"]["name"]: item["metadata"].get("annotations", {}).get(annotation) for item in items}
    return {name: output for name, output in sorted(found.items()) if output}


def void(choices: Mapping[str, str], permitted: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the choices that have no effect, so that the default output receives the records of these namespaces.

    Args:
        choices: output by namespace.
        permitted: globs of namespaces by output, `tenants.outputs` of the values.
    """
    return {
        namespace: output
        for namespace, output in choices.items()
        if not any(fnmatchcase(namespace, glob) for glob in permitted.get(output, ()))
    }


def _permitted(files: Iterable[TextIO]) -> dict[str, Sequence[str]]:
    found: dict[str, Sequence[str]] = {}
    for file in files:
        try:
            given = yaml.load(file, Loader=yaml.CSafeLoader) or {}
            found |= (given.get("tenants") or {}).get("outputs") or {}
        except (yaml.YAMLError, AttributeError, TypeError) as error:
            raise CommandError(
                f"{file.name} has no values of a chart: pass the files of `helm upgrade --values`"
            ) from error
    return found


@click.command("tenants")
@click.argument("namespaces", type=click.File(encoding="utf-8"), default="-")
@click.option("--annotation", default=ANNOTATION, show_default=True, help="Annotation that names the output.")
@click.option(
    "--values",
    type=click.File(encoding="utf-8"),
    multiple=True,
    help="Values of the release, with `tenants.outputs`: count choices that they do not permit, on standard error.",
)
def command(namespaces: TextIO, annotation: str, values: Sequence[TextIO]) -> None:
    """Print `tenants.namespaces`: the output that each namespace chooses.

    NAMESPACES is the output of `kubectl get namespaces -o json`; default: standard input.
    """
    try:
        listed = json.load(namespaces)
    except ValueError as error:
        raise CommandError("this is no JSON: pass the output of `kubectl get namespaces -o json`") from error
    choices = chosen(listed if isinstance(listed, dict) else {}, annotation=annotation)
    if values:
        rejected = void(choices, _permitted(values))
        named = "".join(f"\n  {namespace}: {output}" for namespace, output in rejected.items())
        click.echo(f"choices: {len(choices)}, not permitted (default output): {len(rejected)}{named}", err=True)
    click.echo(_HEAD + yaml.safe_dump({"tenants": {"namespaces": choices}}), nl=False)
