"""The command ``monitors``: compile monitors and rules of prometheus-operator."""

from collections.abc import Sequence
from typing import Any, TextIO

import click
import yaml

from eks_observability.errors import CommandError
from eks_observability.monitors import amp, objects, outputs

_HEAD = "# Written by `eks-observability monitors compile`; do not edit.\n"


@click.group("monitors")
def command() -> None:
    """Use monitors and rules of prometheus-operator without its operator."""


@command.command("compile")
@click.argument("files", type=click.File(encoding="utf-8"), nargs=-1)
@click.option(
    "--format",
    "output",
    type=click.Choice(["values", "amp-scraper"]),
    default="values",
    show_default=True,
    help="Values of the chart observability-stack, or the configuration of AMP's agentless scraper.",
)
@click.option("--namespace", default="default", show_default=True, help="Namespace of objects that name none.")
@click.option(
    "--release-namespace",
    default="prometheus",
    show_default=True,
    help="Namespace of the chart's release, from which Prometheus mounts Secrets.",
)
@click.option(
    "--values",
    "own",
    type=click.File(encoding="utf-8"),
    multiple=True,
    help="Your values files. The output keeps their lists, which Helm would replace.",
)
@click.option("--cluster", default="", help="Label `cluster` of all series, for amp-scraper.")
def compile_command(
    files: Sequence[TextIO],
    output: str,
    namespace: str,
    release_namespace: str,
    own: Sequence[TextIO],
    cluster: str,
) -> int:
    """Compile ServiceMonitors, PodMonitors, Probes, ScrapeConfigs and PrometheusRules.

    FILES are manifests, Helm renders or outputs of kubectl; default: standard input. A broken object is reported and
    left out, and the exit status is 1.
    """
    found = objects.read(files or [click.open_file("-", encoding="utf-8")], namespace)
    if not found.monitors:
        raise CommandError(
            f"the input has none of {', '.join(objects.KINDS)}: pass a Helm render with them, or the output of "
            "`kubectl get servicemonitors,podmonitors --all-namespaces -o yaml`"
        )
    result = outputs.compile_all(found, scraper=output == "amp-scraper")
    if output == "amp-scraper":
        _note(result.groups and "PrometheusRules are left out: load them with `eks-observability monitors rules`")
        click.echo(_HEAD + outputs.text(outputs.scraper_configuration(result, cluster)), nl=False)
    else:
        values = outputs.values(result, release_namespace, [_values(file) for file in own])
        for kind, place, name in outputs.copies(result, release_namespace):
            _note(f"copy the {kind} {place}/{name} to {release_namespace}/{place}-{name}")
        click.echo(_HEAD + outputs.text(values), nl=False)
    return _report(result)


def _values(file: TextIO) -> dict[str, Any]:
    try:
        found = yaml.load(file, Loader=yaml.CSafeLoader) or {}
    except yaml.YAMLError as error:
        raise CommandError(f"{file.name} is no YAML: {' '.join(str(error).split())}") from error
    parts = [found.get(part) or {} for part in ("scrape", "server", "rules")] if isinstance(found, dict) else [None]
    if not all(isinstance(part, dict) for part in parts):
        raise CommandError(f"{file.name} is no values file of the chart: it must be a map of maps")
    return dict(found)


def _note(message: object) -> None:
    if message:
        click.echo(f"note: {message}", err=True)


def _report(result: outputs.Result) -> int:
    for note in result.notes:
        _note(note)
    for message in result.broken:
        click.echo(f"left out: {message}", err=True)
    return 1 if result.broken else 0


@command.command("rules")
@click.argument("files", type=click.File(encoding="utf-8"), nargs=-1)
@click.option("--workspace", required=True, help="ID of the workspace, ws-...")
@click.option("--region", required=True, help="AWS Region of the workspace.")
@click.option("--namespace", default="default", show_default=True, help="Namespace of objects that name none.")
@click.option("--prune", is_flag=True, help="Delete rules that this command loaded and that the input no longer has.")
@click.option("--dry-run", is_flag=True, help="Write nothing; print the differences.")
def rules_command(
    files: Sequence[TextIO], workspace: str, region: str, namespace: str, prune: bool, dry_run: bool
) -> int:
    """Load PrometheusRules into a workspace of Amazon Managed Service for Prometheus.

    Each object becomes a rule groups namespace called `<namespace>.<name>`. FILES are manifests, Helm renders or
    outputs of kubectl; default: standard input. The exit status is 1 if an object is broken, or if the workspace
    rejects it.
    """
    found = objects.read(files or [click.open_file("-", encoding="utf-8")], namespace)
    found.monitors = [one for one in found.monitors if one.kind == "PrometheusRule"]
    if not found.monitors:
        raise CommandError("the input has no PrometheusRule: pass a Helm render or the output of kubectl")
    result = outputs.compile_all(found, scraper=False)
    wanted = {amp.name_of(one): groups for one, groups in result.groups.items() if groups}
    target = amp.Workspace(workspace, region)
    broken = {amp.name_of(one) for one in found.monitors} - {amp.name_of(one) for one in result.groups}
    status = _report(result)
    for change in target.changes(wanted, broken if prune else None):
        for line in change.diff:
            click.echo(line)
        reason = "" if dry_run else target.apply(change)
        click.echo(f"{change.name} {_outcome(change.action, dry_run)}")
        if reason:
            click.echo(f"{change.name}: the workspace rejects it: {reason}", err=True)
            status = 1
    return status


def _outcome(action: str, dry_run: bool) -> str:
    return f"would be {action}" if dry_run and action != "unchanged" else action
