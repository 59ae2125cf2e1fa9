"""The exception whose message the user of the command line reads."""

import click


class CommandError(click.ClickException):
    """An error that the user can fix.

    The message is a sentence: the problem, its place, and the fix. The command line prints only the message and exits
    with status 2.
    """

    exit_code = 2
