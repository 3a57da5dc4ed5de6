"""JSON for scripts, into a file or to standard output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aigc_tf import terminal
from aigc_tf.atomic_files import write_atomically

STANDARD_OUTPUT = Path("-")
"""What a person gives in the place of a file."""


def write(values: Any, file: Path) -> None:
    """Write JSON values to the file, whole or not at all, or to standard output, even where we are hushed."""
    text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    if file == STANDARD_OUTPUT:
        print(text, end="", file=terminal.output())
    else:
        write_atomically(file, text)
