"""The command line: ``eks-observability``."""

import argparse
import os
import sys
from collections.abc import Sequence

from eks_observability import allow_list
from eks_observability.cost import command as cost
from eks_observability.dashboards import command as dashboards
from eks_observability.errors import CommandError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the command line without the program's name; the process's own by default.

    Returns:
        Exit status: 0 when it worked, 1 when a budget is exceeded or a file is out of date, 2 when the user has
        something to fix, 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(prog="eks-observability", description="Tools for the charts of this repository.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    allow_list.add_command(commands)
    cost.add_command(commands)
    dashboards.add_command(commands)
    options = parser.parse_args(arguments)
    try:
        status = int(options.run(options))
        sys.stdout.flush()
        return status
    except CommandError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `... | head` has read what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
