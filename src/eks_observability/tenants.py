"""The outputs that namespaces choose by annotation, as values of the charts with node agents."""

import json
from collections.abc import Mapping
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


@click.command("tenants")
@click.argument("namespaces", type=click.File(encoding="utf-8"), default="-")
@click.option("--annotation", default=ANNOTATION, show_default=True, help="Annotation that names the output.")
def command(namespaces: TextIO, annotation: str) -> None:
    """Print `tenants.namespaces`: the output that each namespace chooses.

    NAMESPACES is the output of `kubectl get namespaces -o json`; default: standard input.
    """
    try:
        listed = json.load(namespaces)
    except ValueError as error:
        raise CommandError("this is no JSON: pass the output of `kubectl get namespaces -o json`") from error
    choices = chosen(listed if isinstance(listed, dict) else {}, annotation=annotation)
    click.echo(_HEAD + yaml.safe_dump({"tenants": {"namespaces": choices}}), nl=False)
