"""JSON for scripts, into a file or to standard output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aigc_tf import terminal
from aigc_tf.atomic_files import write_atomically

STANDARD_OUTPUT = Path("-")
"""What a person gives in the place of a file."""


def write(values: Any, file: Path, *, for_people: bool = False) -> None:
    """Write JSON values to the file, whole or not at all, or to standard output, even where we are hushed.

    In ASCII, which holds names that are no text, too, and which any terminal can show; a file that is `for_people`, who
    read the names of their own files in it, in UTF-8.
    """
    in_ascii = not for_people or file == STANDARD_OUTPUT
    text = json.dumps(values, indent=2, ensure_ascii=in_ascii) + "\n"
    if file == STANDARD_OUTPUT:
        print(text, end="", file=terminal.output())
    else:
        write_atomically(file, text)
