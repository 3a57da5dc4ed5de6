"""Errors with a meaning for the person at the command line."""


class UserError(ValueError):
    """Something the person can mend: the message says what was given, what was expected and what to do."""


class UnknownNameError(UserError, KeyError):
    """A name that a registry does not hold; a KeyError too, as for any mapping."""

    __str__ = Exception.__str__  # KeyError would print the message in quotes


class FaultError(RuntimeError):
    """Something went wrong that is neither a person's mistake nor a bug of ours; the message says what to do."""


class DivergedError(FaultError):
    """Training left the finite numbers."""


class CollapsedError(FaultError):
    """Training goes on in finite numbers, but the model has lost what it could."""


class ExportError(FaultError):
    """An export does not do what it promises; nothing was published."""


class UnfinishedError(FaultError):
    """Training is done and saved, but not all that was to be made of it."""
