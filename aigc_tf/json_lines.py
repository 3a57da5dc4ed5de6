"""Files of JSON, one object a line: a kill can cut the last one short, and people edit files."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
from pathlib import Path
from typing import Any

_logger = logging.getLogger("aigc_tf")


def append(file: Path, record: dict[str, Any]) -> None:
    """Add a line, behind those of other writers: the whole of it or nothing. What a kill has left of a line before it
    stays apart. Raises OSError where the disk does not take it."""
    line = json.dumps(record).encode() + b"\n"
    with open(file, "a+b", buffering=0) as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        end = opened.seek(0, os.SEEK_END)
        if end:
            opened.seek(-1, os.SEEK_END)
            line = line if opened.read(1) == b"\n" else b"\n" + line
        try:
            while line:
                line = line[opened.write(line) :]
            os.fsync(opened.fileno())
        except OSError:
            with contextlib.suppress(OSError):  # a device has no length
                opened.truncate(end)
            raise


def read(file: Path) -> list[tuple[str, dict[str, Any]]]:
    """The lines of a `file` of figures by step, as they stand there, each with the object in it; none without a file.

    A line counts if its object has a whole number as "step", and numbers in "measures", or where there are none in all
    fields. Others are passed over, with a warning that counts them.
    """
    if not file.exists():
        return []
    lines = file.read_text(errors="replace").splitlines()
    found = [(line, record) for line in lines if (record := _record(line)) is not None]
    if len(found) < len(lines):
        first = next(number for number, line in enumerate(lines, 1) if _record(line) is None)
        _logger.warning(
            "%s: passed over %d of %d lines, which hold no figures of ours (the first is line %d)",
            *(file, len(lines) - len(found), len(lines), first),
        )
    return found


def _record(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or type(record.get("step")) is not int or record["step"] >= 2**63:
        return None
    figures = record.get("measures", record)
    return record if isinstance(figures, dict) and all(map(_is_number, figures.values())) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (type(value) is int and abs(value) < 2**63)
