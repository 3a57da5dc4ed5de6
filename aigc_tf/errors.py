"""Errors with a meaning for the person at the command line."""


class UserError(ValueError):
    """Something the person can mend: the message says what was given, what was expected and what to do."""


class UnknownNameError(UserError, KeyError):
    """A name that a registry does not hold; a KeyError too, as for any mapping."""

    __str__ = Exception.__str__  # KeyError would print the message in quotes


class DivergedError(RuntimeError):
    """Training left the finite numbers."""


class CollapsedError(RuntimeError):
    """Training goes on in finite numbers, but the generator has lost what it could."""
