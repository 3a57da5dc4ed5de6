"""Errors with a meaning for the person at the command line."""


class UserError(ValueError):
    """Something the person can mend: the message says what was given, what was expected and what to do."""


class DivergedError(RuntimeError):
    """Training left the finite numbers."""
