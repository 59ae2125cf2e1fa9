"""The command line of the harness: ``python -m harness``."""

import argparse
import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness import tools
from harness.errors import HarnessError
from harness.tools.progress import elapsed

if TYPE_CHECKING:
    from harness.clusters import Cluster

_DESCRIPTION = """\
Runs and proves the charts of this repository on a real Kubernetes cluster.

A first look:
  .venv/bin/python -m harness demo                   install log-sidecar on a new cluster and watch its lines arrive
  .venv/bin/python -m harness cluster up             make a cluster and keep it
  eval "$(.venv/bin/python -m harness cluster env)"  let kubectl and helm use it
  .venv/bin/python -m harness cluster down           remove it

Without Docker a cluster is a node made of processes of this machine; that needs Linux and root. What it consists
of is built once from pinned sources, which takes some minutes; `.venv/bin/python -m harness tools` shows what is there.
"""
_TYPES = ("auto", "local", "kind", "existing")
_TYPES_HELP = (
    "kind (needs Docker), local (needs Linux and root), existing (needs --kube-config), "
    "or auto, which takes the first of kind and local that works here"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the command line without the program's name; the process's own by default.

    Returns:
        Exit status: 0 when it worked, 1 when the demo lost a line, 2 when the user has something to put right,
        130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    # A terminated run cleans up like an interrupted one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        status = int(options.run(options))
        sys.stdout.flush()
        return status
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `... | head` has read what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("interrupted; nothing was left running", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=".venv/bin/python -m harness",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="install log-sidecar, drive its application and count the lines")
    _cluster_options(demo)
    demo.add_argument("--requests", type=_positive, default=200, help="requests to send to the application (200)")
    demo.add_argument(
        "--engine",
        choices=["fluent-bit", "tail"],
        help="the sidecar's engine; by default the chart's, where it can run",
    )
    demo.add_argument("--keep", action="store_true", help="leave cluster and application running afterwards")
    demo.set_defaults(run=_demo)

    cluster = commands.add_parser("cluster", help="make, inspect and remove clusters")
    actions = cluster.add_subparsers(required=True, metavar="ACTION")
    for name, run, text in (
        ("up", _cluster_up, "make a cluster and wait until its nodes are Ready"),
        ("down", _cluster_down, "remove a cluster and everything it made"),
        ("status", _cluster_status, "say whether a cluster is running"),
        ("kubeconfig", _cluster_kubeconfig, "print the path of a cluster's kubeconfig"),
        ("env", _cluster_env, "print shell commands that point kubectl and helm at a cluster"),
    ):
        action = actions.add_parser(name, help=text)
        _cluster_options(action)
        if run is _cluster_up:
            action.add_argument("--workers", type=_positive, default=0, help="nodes besides the first (0)")
        action.set_defaults(run=run)

    programs = commands.add_parser("tools", help="list the programs that the harness drives, and build them")
    programs.add_argument("names", nargs="*", metavar="NAME", help="programs to list or build; by default all of them")
    programs.add_argument("--build", action="store_true", help="build those that are not there yet")
    programs.set_defaults(run=_tools)

    docs = commands.add_parser("docs", help="write each chart's README from its values and README.md.gotmpl")
    docs.add_argument("--check", action="store_true", help="write nothing; exit 1 when one is out of date")
    docs.set_defaults(run=_docs)

    generated = commands.add_parser("generate", help="write each chart's copy of what charts share (charts/shared)")
    generated.add_argument("--check", action="store_true", help="write nothing; exit 1 when a copy is stale")
    generated.set_defaults(run=_generate)

    return parser


def _cluster_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--name", type=_name, default="local", help="the cluster's name; clusters of different names never meet"
    )
    parser.add_argument("--type", choices=_TYPES, default=os.environ.get("CLUSTER", "auto"), help=_TYPES_HELP)
    parser.add_argument(
        "--kube-config",
        type=Path,
        default=os.environ.get("KUBECONFIG") if os.environ.get("CLUSTER") == "existing" else None,
        help="access to an existing cluster; used only with --type existing",
    )


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,28}[a-z0-9])?", text):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be a cluster's name: use lower-case letters, digits and '-'")
    return text


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def _cluster(options: argparse.Namespace, *, keep: bool = True) -> "Cluster":
    from harness import clusters  # noqa: PLC0415 - `--help` need not load a Kubernetes client

    workers = getattr(options, "workers", 0)
    return clusters.create(options.type, options.name, kubeconfig=options.kube_config, keep=keep, workers=workers)


def _demo(options: argparse.Namespace) -> int:
    from harness.cli import demo  # noqa: PLC0415

    return demo.run(
        _cluster(options, keep=options.keep), requests=options.requests, engine=options.engine, keep=options.keep
    )


def _cluster_up(options: argparse.Namespace) -> int:
    cluster = _cluster(options)
    started = time.monotonic()
    cluster.up()
    print(f"cluster {cluster.name} is up ({elapsed(time.monotonic() - started)}); kubeconfig: {cluster.kubeconfig}")
    return 0


def _cluster_down(options: argparse.Namespace) -> int:
    cluster = _cluster(options)
    started = time.monotonic()
    cluster.down()
    print(f"cluster {cluster.name} is down ({elapsed(time.monotonic() - started)})")
    return 0


def _cluster_status(options: argparse.Namespace) -> int:
    cluster = _cluster(options)
    up = cluster.is_up()
    print(f"cluster {cluster.name} ({cluster.type}) is {'up' if up else 'not up'}")
    return 0 if up else 1


def _cluster_kubeconfig(options: argparse.Namespace) -> int:
    print(_running(options).kubeconfig)
    return 0


def _cluster_env(options: argparse.Namespace) -> int:
    cluster = _running(options)
    folders = [str(found.path.parent) for name in ("kubectl", "helm") if (found := tools.find(name)).path]
    print(f"export KUBECONFIG={shlex.quote(str(cluster.kubeconfig))}")
    print(f"export PATH={shlex.quote(':'.join(folders))}:$PATH")
    return 0


def _running(options: argparse.Namespace) -> "Cluster":
    cluster = _cluster(options)
    if not cluster.is_up():
        raise HarnessError(f"cluster {cluster.name} is not up; make it with `.venv/bin/python -m harness cluster up`")
    return cluster


def _tools(options: argparse.Namespace) -> int:
    from harness import clusters  # noqa: PLC0415

    # kind is of use only where a Docker engine answers.
    names = options.names or [name for name in tools.names() if name != "kind" or clusters.docker_answers()]
    if options.build:
        tools.ensure(names)
        return 0
    for name in names:
        found = tools.find(name)
        print(f"{name:24} {found.version:10} {found.path or 'not built yet'}")
    return 0


def _docs(options: argparse.Namespace) -> int:
    from harness.generate import readme as docs  # noqa: PLC0415

    stale = docs.write(check=options.check)
    for path in stale:
        print(f"{path} {'is out of date: run `make docs`' if options.check else 'written'}")
    return 1 if options.check and stale else 0


def _generate(options: argparse.Namespace) -> int:
    from harness.generate import generate  # noqa: PLC0415

    stale = generate(Path.cwd(), check=options.check)
    for path in stale:
        print(f"{path} {'is stale: run `make generate`' if options.check else 'written'}")
    return 1 if options.check and stale else 0
