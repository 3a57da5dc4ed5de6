"""Commands that a person copies from what we print."""

from __future__ import annotations

from pathlib import PurePath
from shlex import quote


def quoted(path: PurePath | str) -> str:
    """A path as an argument in a shell; one that begins with `-` gets `./` before it, since it would be taken for a
    flag."""
    text = str(path)
    return quote(f"./{text}" if text.startswith("-") else text)
