"""The one exception that a user of the command line reads."""

import click


class CommandError(click.ClickException):
    """Something that the user can fix.

    The message is a sentence: the problem, its place, and the fix. The command line prints it alone and exits with
    status 2.
    """

    exit_code = 2
