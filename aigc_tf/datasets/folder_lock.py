"""One process at a time for a folder that is being written."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from aigc_tf.errors import UserError


@contextlib.contextmanager
def held(folder: Path, named: Path | None = None) -> Iterator[None]:
    """Keep others from writing to `folder` meanwhile; it is made where it is missing.

    Raises UserError, which calls it `named` where a person knows it by another path, if another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"another process is writing to {named or folder}: wait for it, or give another folder"
            ) from None
        yield
    finally:
        os.close(descriptor)
