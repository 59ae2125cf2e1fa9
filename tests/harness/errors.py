"""The one exception that a user of the harness is meant to read."""


class HarnessError(Exception):
    """Something the user can put right.

    The message is a sentence for a person: what went wrong, where, and what to do instead.
    The command line prints it alone and exits with status 2; tests let it propagate.
    """
