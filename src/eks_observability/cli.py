"""The command line: ``eks-observability``."""

from collections.abc import Sequence

import click

from eks_observability import allow_list, tenants
from eks_observability.cost import command as cost
from eks_observability.dashboards import command as dashboards
from eks_observability.monitors import command as monitors


@click.group()
def program() -> None:
    """Costs, dashboards, monitors, the metrics allow-list and tenants for the charts of this repository."""


program.add_command(allow_list.command)
program.add_command(cost.command)
program.add_command(dashboards.command)
program.add_command(monitors.command)
program.add_command(tenants.command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the command line without the program's name; default: the process's own.

    Returns:
        Exit status: 0 on success, 1 when a budget is exceeded or a file is out of date, 2 for an error that the user
        can fix, 130 after Ctrl-C.
    """
    try:
        return int(program.main(arguments, "eks-observability", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return 130
