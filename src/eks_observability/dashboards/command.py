"""``eks-observability dashboards``."""

import argparse
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from eks_observability.dashboards.model import FILES
from eks_observability.errors import CommandError

if TYPE_CHECKING:
    from eks_observability.dashboards.push import Sources

_PUSH = """\
Puts the data sources (Prometheus or AMP, CloudWatch, X-Ray) and the dashboards into a Grafana. What is there already
and as wanted is left alone. The token of a service account with the role ADMIN is taken from $GRAFANA_TOKEN.

  export GRAFANA_TOKEN=$(aws grafana create-workspace-service-account-token --workspace-id g-0123456789 \\
    --service-account-id 1 --name push --seconds-to-live 3600 --query serviceAccountToken.key --output text)
  eks-observability dashboards push --url https://g-0123456789.grafana-workspace.eu-west-1.amazonaws.com \\
    --region eu-west-1 --workspace ws-01234567-89ab-cdef-0123-456789abcdef --dry-run
"""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``dashboards`` to the command line."""
    dashboards = commands.add_parser("dashboards", help="write the dashboards' JSON, or put them into a Grafana")
    actions = dashboards.add_subparsers(required=True, metavar="ACTION")

    build = actions.add_parser("build", help="write the JSON that the chart observability-stack ships")
    build.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is out of date")
    build.set_defaults(run=_build)

    push = actions.add_parser(
        "push",
        help="make a Grafana have the data sources and the dashboards",
        description=_PUSH,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    push.add_argument("--url", required=True, help="Grafana's address; https, or http on this machine")
    push.add_argument("--region", required=True, help="AWS region of the workspace, of X-Ray and of CloudWatch")
    source = push.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--workspace", type=_workspace, help="id of the workspace of Amazon Managed Service for Prometheus, ws-..."
    )
    source.add_argument("--prometheus-url", help="address of another Prometheus, as Grafana sees it")
    push.add_argument(
        "--auth",
        choices=["workspace-iam-role", "default"],
        default="workspace-iam-role",
        help="Grafana's AWS credentials: its workspace's role, or the AWS SDK's default (a Grafana of your own)",
    )
    push.add_argument("--role-arn", default="", help="role that Grafana assumes first, in another account for example")
    push.add_argument("--folder", default="EKS", help="title of the dashboards' folder (EKS)")
    push.add_argument("--dashboards", type=Path, default=FILES, metavar="FOLDER", help=f"JSON files ({FILES})")
    push.add_argument("--dry-run", action="store_true", help="say what would change; change nothing")
    push.set_defaults(run=_push)


def _workspace(text: str) -> str:
    if not re.fullmatch(r"ws-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the id of a workspace: `aws amp list-workspaces` shows them")
    return text


def _build(options: argparse.Namespace) -> int:
    from eks_observability.dashboards import BOARDS  # noqa: PLC0415

    try:
        from eks_observability.dashboards.grafana import write  # noqa: PLC0415 - only developers have Grafana's SDK
    except ImportError as error:
        raise CommandError("building needs Grafana's SDK: pip install 'eks-observability-charts[build]'") from error
    stale = write(BOARDS, check=options.check)
    for path in stale:
        print(f"{path} {'is out of date: run `eks-observability dashboards build`' if options.check else 'written'}")
    return 1 if options.check and stale else 0


def _push(options: argparse.Namespace) -> int:
    from eks_observability.dashboards.push import push  # noqa: PLC0415 - `--help` need not load Grafana's client

    token = os.environ.get("GRAFANA_TOKEN", "").strip()
    if not token:
        raise CommandError("set GRAFANA_TOKEN to the token of a service account of Grafana with the role ADMIN")
    files = sorted(options.dashboards.glob("*.json"))
    if not files:
        raise CommandError(f"there are no dashboards in {options.dashboards}; pass their folder with --dashboards")
    boards = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    for change in push(options.url, token, boards, _sources(options), folder=options.folder, dry_run=options.dry_run):
        action = change.action if change.action == "unchanged" or not options.dry_run else f"would be {change.action}"
        print(f"{change.kind:12} {change.name:32} {action}", flush=True)
    return 0


def _sources(options: argparse.Namespace) -> "Sources":
    from eks_observability.dashboards.push import Sources  # noqa: PLC0415

    domain = "amazonaws.com.cn" if options.region.startswith("cn-") else "amazonaws.com"
    workspace = f"https://aps-workspaces.{options.region}.{domain}/workspaces/{options.workspace}/"
    return Sources(options.prometheus_url or workspace, options.region, options.auth, options.role_arn)
