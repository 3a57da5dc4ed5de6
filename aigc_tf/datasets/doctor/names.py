"""Names of files, in any script and of any bytes, as others can take them."""

from __future__ import annotations

import os
import unicodedata


def as_text(name: str) -> str:
    """A name as text for JSON and for folders that we make: bytes that are no UTF-8 become `\\xff` and the like."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def as_line(name: str) -> str:
    """A name as text for a terminal: line ends and other control characters are told by number, too."""
    return "".join(
        letter.encode("unicode_escape").decode() if unicodedata.category(letter) == "Cc" else letter
        for letter in as_text(name)
    )
