"""The folder of a clean copy: whose it is, and what lies in it.

clean-copy.json    of which folder it is a copy, in which mode, and whether it is whole; then its figures
decisions.jsonl    a line of JSON for each file of that folder: what became of it, and why
[split/][class/]   the images, each named by its pixels: <32 hex digits of scan.digest>.png
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from aigc_tf.atomic_files import write_atomically
from aigc_tf.datasets.doctor.names import as_text
from aigc_tf.errors import UserError

FORMAT = "aigc_tf clean copy 1"
MARKER, DECISIONS = "clean-copy.json", "decisions.jsonl"
_IMAGE, _PART = re.compile(r"[0-9a-f]{32}\.png"), re.compile(r"\.[0-9a-f]{32}\.png\.part")


def check(source: Path, out: Path) -> None:
    """Raise UserError where no clean copy of `source` may go to `out`."""
    inside, outside = out.resolve(), source.resolve()
    if inside == outside or outside in inside.parents:
        raise UserError(f"--fix {out} lies in {source}, which is not to be changed: give a folder elsewhere")
    if not out.exists():
        return
    if not out.is_dir():
        raise UserError(f"--fix {out} is a file: give a folder, which is made")
    about = read_marker(out)
    if about is None:
        if set(os.listdir(out)) - {f".{MARKER}.part"}:  # a kill may have left that
            raise UserError(f"--fix {out} holds other files: give a new or an empty folder")
    elif about.get("source") != as_text(str(outside)):
        raise UserError(f"--fix {out} holds the clean copy of {about.get('source')}: give another folder")


def check_mode(out: Path, mode: str) -> None:
    """Raise UserError where `out` holds a copy in another mode."""
    about = read_marker(out)
    if about is not None and about.get("mode") != mode:
        raise UserError(
            f"--fix {out} holds a clean copy in the mode {about.get('mode')}, and this one is {mode}: give another "
            f"folder, or --mode {about.get('mode')}"
        )


def read_marker(out: Path) -> dict[str, Any] | None:
    """What `clean-copy.json` says; None where `out` is no clean copy."""
    try:
        about = json.loads((out / MARKER).read_text())
    except (OSError, ValueError):
        return None
    return about if isinstance(about, dict) and about.get("format") == FORMAT else None


def write_marker(out: Path, source: Path, mode: str, complete: bool, **more: Any) -> None:
    """Say whose copy `out` is, and whether it is whole."""
    about = {
        "format": FORMAT,
        "source": as_text(str(source.resolve())),
        "mode": mode,
        "complete": complete,
        **more,
    }
    write_atomically(out / MARKER, json.dumps(about, indent=2, ensure_ascii=False) + "\n")


def sweep(out: Path, wanted: Collection[str] | None) -> None:
    """Take away files that were begun and not ended, and images that are not `wanted` (None: all are).

    `wanted` are paths relative to `out`. What is not called as our images are stays.
    """
    for place, _, names in os.walk(out, topdown=False):
        for name in names:
            path = Path(place, name)
            unwanted = wanted is not None and _IMAGE.fullmatch(name) and str(path.relative_to(out)) not in wanted
            if unwanted or _PART.fullmatch(name):
                path.unlink()
        if wanted is not None and Path(place) != out:
            with contextlib.suppress(OSError):  # it holds something
                os.rmdir(place)
