"""Paths as people write them, and as TensorFlow takes them."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePath

from aigc_tf.errors import UserError

LONGEST_NAME = 255  # bytes, on every common file system
_PATTERN = "*?[\\"  # what TensorFlow's file systems look for before they match instead of open


def expanded(text: str) -> Path:
    """The path that a person wrote, with `~` and `~user` at its beginning expanded; `./~x` is a folder called `~x`.

    Raises UserError for a home folder that is not known, for what no file can be called, and for links in a circle.
    """
    path = os.path.expanduser(text)
    if path.startswith("~"):
        user = path.partition("/")[0][1:]
        whose = f"the user {user}" if user else "this user: HOME is not set"
        raise UserError(f"{_shown(text)} has no meaning, since no home folder is known of {whose}; write the path out")
    names = PurePath(path).parts
    if any(len(os.fsencode(name)) > LONGEST_NAME for name in names):
        raise UserError(f"{_shown(text)} holds a name of more than {LONGEST_NAME} bytes, which no file can have")
    if not is_text(path) or "\0" in path:
        raise UserError(f"{_shown(text)} is no text in UTF-8: rename it, or take another path")
    try:
        os.stat(path)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UserError(f"{_shown(text)} is, or lies behind, links that lead in a circle") from None
    return Path(path)


def default_cache() -> Path:
    """$AIGC_TF_CACHE, or ~/.cache/aigc_tf: what can be made or fetched again."""
    return expanded(os.environ.get("AIGC_TF_CACHE") or "~/.cache/aigc_tf")


def is_text(path: str) -> bool:
    """Whether a path is text, as TensorFlow and JSON want it; file systems take almost any bytes."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_pattern(path: PurePath | str) -> bool:
    """Whether TensorFlow takes this path for a pattern where it restores weights, and so does TensorFlow Serving."""
    return any(character in _PATTERN for character in str(path))


@contextlib.contextmanager
def plain(folder: Path) -> Iterator[Path]:
    """The folder by a path that TensorFlow can restore from: its own, or a link to it that lasts as long as the block.

    TensorFlow 2.15 asks whether a checkpoint exists by matching its path as a pattern, but opens it by the path as it
    is: nothing in the path that could mean something in a pattern can be escaped. Raises UserError where the folder
    for temporary files has such a path itself.
    """
    if not is_pattern(folder) and is_text(str(folder)):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="aigc_tf-") as scratch:
        if is_pattern(scratch) or not is_text(scratch):
            raise UserError(
                f"{folder} can only be read through a link among the temporary files, but their folder has a special "
                f"name too ({scratch}): set TMPDIR to one without {' '.join(_PATTERN)}"
            )
        link = Path(scratch, "link")
        link.symlink_to(folder.absolute())
        yield link


def make_folder(folder: Path) -> None:
    """Make a folder that is to take files, and those above it. Raises UserError where it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"nothing can be saved in {folder}: {error.strerror}") from None


def _shown(text: str) -> str:
    return repr(text if len(text) <= 50 else f"{text[:47]}...")  # shorter than a line, else tyro breaks it
