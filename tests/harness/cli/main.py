"""The command line of the harness: ``python -m harness``."""

import os
import re
import shlex
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness import tools
from harness.errors import HarnessError
from harness.tools.progress import elapsed

# Commands import modules that load a Kubernetes client or Helm's cache only when they need them.
if TYPE_CHECKING:
    from harness.clusters import Cluster

_TYPES = ("auto", "local", "kind", "existing")
_TYPES_HELP = (
    "kind (requires Docker), local (requires Linux and root), existing (requires --kube-config), "
    "or auto: the first of kind and local that works here."
)


@click.group()
def program() -> None:
    """Run and test the charts of this repository on a real Kubernetes cluster.

    \b
    First steps:
      .venv/bin/python -m harness demo                   install log-sidecar on a new cluster, count its lines
      .venv/bin/python -m harness cluster up             create a cluster and keep it
      eval "$(.venv/bin/python -m harness cluster env)"  let kubectl and helm use it
      .venv/bin/python -m harness cluster down           remove it

    Without Docker, the cluster runs as processes of this machine, which requires Linux and root. Its programs are
    built once from pinned sources, which takes a few minutes; `.venv/bin/python -m harness tools` lists them.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the command line without the program's name; default: the process's own.

    Returns:
        Exit status: 0 on success, 1 if the demo lost a line, 2 for an error that the user can fix, 130 after
        Ctrl-C.
    """
    # SIGTERM cleans up like Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(program.main(arguments, ".venv/bin/python -m harness", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except HarnessError as error:
        click.echo(f"Error: {error}", err=True)
        return 2
    except click.Abort:
        click.echo("interrupted; nothing was left running", err=True)
        return 130


def _name(context: click.Context, option: click.Parameter, text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,28}[a-z0-9])?", text):
        raise click.BadParameter(f"{text!r} is not a valid cluster name: use lowercase letters, digits and '-'")
    return text


_ip_family = click.option(
    "--ip-family",
    type=click.Choice(["ipv4", "ipv6", "dual"]),
    default=os.environ.get("IP_FAMILY", "ipv4"),
    show_default=True,
    help="Addresses of nodes, pods and Services in a cluster that this command creates.",
)


def _on_cluster(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that select a cluster to a command."""
    told = os.environ.get("KUBECONFIG") if os.environ.get("CLUSTER") == "existing" else None
    for option in (
        click.option(
            "--kube-config",
            type=click.Path(path_type=Path),
            default=told,
            help="Access to an existing cluster; used only with --type existing.",
        ),
        click.option("--type", type=click.Choice(_TYPES), default=os.environ.get("CLUSTER", "auto"), help=_TYPES_HELP),
        click.option(
            "--name",
            callback=_name,
            default="local",
            help="Name of the cluster; clusters of different names are independent.",
        ),
    ):
        command = option(command)
    return command


def _cluster(name: str, type: str, kube_config: Path | None, *, keep: bool = True, **options: Any) -> "Cluster":
    from harness import clusters  # noqa: PLC0415

    return clusters.create(type, name, kubeconfig=kube_config, keep=keep, **options)


def _running(**chosen: Any) -> "Cluster":
    cluster = _cluster(**chosen)
    if not cluster.is_up():
        raise HarnessError(f"cluster {cluster.name} is not up; create it with `.venv/bin/python -m harness cluster up`")
    return cluster


@program.command()
@_on_cluster
@click.option(
    "--requests", type=click.IntRange(min=1), default=200, show_default=True, help="Number of requests to send."
)
@click.option(
    "--engine",
    type=click.Choice(["fluent-bit", "tail"]),
    help="Engine of the sidecar; default: the chart's, if it can run here.",
)
@click.option("--keep", is_flag=True, help="Leave the cluster and the application running.")
@_ip_family
def demo(requests: int, engine: str | None, keep: bool, **chosen: Any) -> int:
    """Install log-sidecar, send requests to its application, and count the lines."""
    from harness.cli import demo  # noqa: PLC0415

    return demo.run(_cluster(**chosen, keep=keep), requests=requests, engine=engine, keep=keep)


@program.group()
def cluster() -> None:
    """Create, inspect, or remove a cluster."""


@cluster.command()
@_on_cluster
@click.option("--workers", type=click.IntRange(min=0), default=0, show_default=True, help="Number of additional nodes.")
@_ip_family
def up(**chosen: Any) -> None:
    """Create a cluster and wait until its nodes are Ready."""
    made = _cluster(**chosen)
    started = time.monotonic()
    made.up()
    click.echo(f"cluster {made.name} is up ({elapsed(time.monotonic() - started)}); kubeconfig: {made.kubeconfig}")


@cluster.command()
@_on_cluster
def down(**chosen: Any) -> None:
    """Remove a cluster and all its resources."""
    made = _cluster(**chosen)
    started = time.monotonic()
    made.down()
    click.echo(f"cluster {made.name} is down ({elapsed(time.monotonic() - started)})")


@cluster.command()
@_on_cluster
def status(**chosen: Any) -> int:
    """Show whether a cluster is running; exit with status 1 if it is not."""
    made = _cluster(**chosen)
    up = made.is_up()
    click.echo(f"cluster {made.name} ({made.type}) is {'up' if up else 'not up'}")
    return 0 if up else 1


@cluster.command()
@_on_cluster
def kubeconfig(**chosen: Any) -> None:
    """Print the path of a cluster's kubeconfig."""
    click.echo(_running(**chosen).kubeconfig)


@cluster.command()
@_on_cluster
def env(**chosen: Any) -> None:
    """Print shell commands that configure kubectl and helm for a cluster."""
    made = _running(**chosen)
    folders = [str(found.path.parent) for name in ("kubectl", "helm") if (found := tools.find(name)).path]
    click.echo(f"export KUBECONFIG={shlex.quote(str(made.kubeconfig))}")
    click.echo(f"export PATH={shlex.quote(':'.join(folders))}:$PATH")


@program.command("tools")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--build", is_flag=True, help="Build missing programs.")
def programs(names: tuple[str, ...], build: bool) -> None:
    """List or build the programs that the harness uses; default: all of them."""
    from harness import clusters  # noqa: PLC0415

    # kind is useful only with a Docker engine.
    chosen = names or [name for name in tools.names() if name != "kind" or clusters.docker_answers()]
    if build:
        tools.ensure(chosen)
        return
    for name in chosen:
        found = tools.find(name)
        click.echo(f"{name:24} {found.version:10} {found.path or 'not built yet'}")


@program.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="[FILE]...")
def prose(files: tuple[Path, ...]) -> int:
    """List the words to avoid (.vale) in all texts or in FILEs; exit with status 1 if there are any."""
    from harness.cli import prose  # noqa: PLC0415

    root = Path.cwd()
    found = prose.findings(root, files or prose.texts(root))
    for line in found:
        click.echo(line)
    click.echo(f"findings: {len(found)}, files: {len({line.partition(':')[0] for line in found})}")
    return 1 if found else 0


@program.command("images")
@click.option("--pin", is_flag=True, help="Print values that pin the digests of the default images instead.")
def compare_images(pin: bool) -> int:
    """Compare the charts' images with their registries: platforms, newer tags; exit with status 1 for faults."""
    from harness.cli import images  # noqa: PLC0415

    charts = sorted(path.parent for path in Path.cwd().glob("charts/*/Chart.yaml"))
    return images.pin(charts) if pin else images.check(charts)


_check = click.option("--check", is_flag=True, help="Write nothing; exit with status 1 if a file is out of date.")


@program.command()
@_check
def docs(check: bool) -> int:
    """Write each chart's README.md and VALUES.md from its values and the templates `*.md.gotmpl`."""
    from harness.generate import readme  # noqa: PLC0415

    return _told(readme.write(check=check), "make docs", check)


@program.command()
@_check
def generate(check: bool) -> int:
    """Write each chart's copy of the shared files (charts/shared)."""
    from harness.generate import generate  # noqa: PLC0415

    return _told(generate(Path.cwd(), check=check), "make generate", check)


def _told(stale: Iterable[Path], command: str, check: bool) -> int:
    """Print the files that are out of date; return the exit status."""
    stale = list(stale)
    for path in stale:
        click.echo(f"{path} {f'is out of date: run `{command}`' if check else 'written'}")
    return 1 if check and stale else 0
