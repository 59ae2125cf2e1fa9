"""``eks-observability dashboards``."""

import json
import os
import re
from pathlib import Path

import click

from eks_observability.dashboards import BOARDS
from eks_observability.dashboards.model import FILES
from eks_observability.dashboards.push import Sources, push
from eks_observability.errors import CommandError

_FOLDER = click.Path(path_type=Path)
_PUSH = """\
Push the data sources and the dashboards to a Grafana.

The data sources are Prometheus or AMP, CloudWatch and X-Ray. Objects that are up to date stay unchanged. $GRAFANA_TOKEN
holds the token of a service account with the role ADMIN:

\b
  export GRAFANA_TOKEN=$(aws grafana create-workspace-service-account-token --workspace-id g-0123456789 \\
    --service-account-id 1 --name push --seconds-to-live 3600 --query serviceAccountToken.key --output text)
  eks-observability dashboards push --url https://g-0123456789.grafana-workspace.eu-west-1.amazonaws.com \\
    --region eu-west-1 --workspace ws-01234567-89ab-cdef-0123-456789abcdef --dry-run
"""


@click.group("dashboards")
def command() -> None:
    """Build the dashboards, or push them to a Grafana."""


@command.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with status 1 if a file is out of date.")
def build(check: bool) -> int:
    """Write the JSON that the chart observability-stack ships."""
    try:
        from eks_observability.dashboards.grafana import write  # noqa: PLC0415 - only developers have Grafana's SDK
    except ImportError as error:
        raise CommandError("building needs Grafana's SDK: run `pip install '.[build]'` in a clone") from error
    stale = write(BOARDS, check=check)
    for path in stale:
        click.echo(f"{path} {'is out of date: run `eks-observability dashboards build`' if check else 'written'}")
    return 1 if check and stale else 0


@command.command("push", help=_PUSH)
@click.option("--url", required=True, help="Grafana's address; https, or http on this machine.")
@click.option("--region", required=True, help="AWS region of the workspace, of X-Ray and of CloudWatch.")
@click.option("--workspace", help="ID of the workspace of Amazon Managed Service for Prometheus: ws-...")
@click.option("--prometheus-url", default="", help="Address of another Prometheus, as Grafana sees it.")
@click.option(
    "--auth",
    type=click.Choice(["workspace-iam-role", "default"]),
    default="workspace-iam-role",
    show_default=True,
    help="Grafana's AWS credentials: its workspace's role, or the default chain of the AWS SDK.",
)
@click.option("--role-arn", default="", help="Role that Grafana assumes first, for example in another account.")
@click.option("--folder", default="EKS", show_default=True, help="Title of the dashboards' folder.")
@click.option(
    "--dashboards", "files", type=_FOLDER, default=FILES, show_default=True, help="Folder of the dashboards' JSON."
)
@click.option("--dry-run", is_flag=True, help="Print what would change; change nothing.")
def _push(
    url: str,
    region: str,
    workspace: str | None,
    prometheus_url: str,
    auth: str,
    role_arn: str,
    folder: str,
    files: Path,
    dry_run: bool,
) -> None:
    if bool(workspace) == bool(prometheus_url):
        raise click.UsageError("pass either --workspace or --prometheus-url")
    if workspace and not re.fullmatch(r"ws-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", workspace):
        raise CommandError(f"{workspace!r} is not the ID of a workspace: list them with `aws amp list-workspaces`")
    token = os.environ.get("GRAFANA_TOKEN", "").strip()
    if not token:
        raise CommandError("set GRAFANA_TOKEN to the token of a service account of Grafana with the role ADMIN")
    boards = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(files.glob("*.json"))]
    if not boards:
        raise CommandError(f"there are no dashboards in {files}; pass their folder with --dashboards")
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    managed = f"https://aps-workspaces.{region}.{domain}/workspaces/{workspace}/"
    sources = Sources(prometheus_url or managed, region, auth, role_arn)
    for change in push(url, token, boards, sources, folder=folder, dry_run=dry_run):
        action = change.action if change.action == "unchanged" or not dry_run else f"would be {change.action}"
        click.echo(f"{change.kind:12} {change.name:32} {action}")
