"""Errors with a meaning for the person at the command line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown(name: str, kind: str, names: Iterable[str]) -> str:
    """The sentence about a `name` that is not one of the `names` of a `kind`; it tells the one that is nearly right."""
    known = list(names)
    meant = difflib.get_close_matches(name.lower(), known, 1)
    return f"{name[:80]!r} is not one of the {kind}: {', '.join(known)}" + (f" (perhaps {meant[0]}?)" if meant else "")


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


class StorageError(OSError):
    """A disk or a file system did not take something, or not give it; the message says what and where."""
