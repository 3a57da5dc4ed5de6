"""Folders of records that are made once, and kept in the cache."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

from aigc_tf.datasets.dataset import Dataset
from aigc_tf.datasets.folder_lock import held
from aigc_tf.datasets.records import shards
from aigc_tf.errors import FaultError, UserError
from aigc_tf.paths import default_cache

MOST_BYTES = 10 * 2**30
"""That all records may have in the cache."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a folder of records comes to be.

    Attributes:
        signature: names all that decides what it holds.
        write: writes it into an empty folder.
        doing: what that is, in words: "reading …".
        done: what is done to the images each time where the cache takes no files.
        chosen: those of its shards that are needed, of all their names.
    """

    signature: str
    write: Callable[[Path], None]
    doing: str
    done: str
    chosen: Callable[[Iterable[str]], list[str]] = sorted


def load(recipe: Recipe, read: Callable[[Path], Dataset], say: Callable[[str], None]) -> Dataset:
    """What `read` makes of the folder of these records, whose files it opens; damaged ones are written anew.

    Where the cache takes no files, the records are made for this process alone.
    """
    kept = default_cache() / "images" / hashlib.sha256(recipe.signature.encode()).hexdigest()[:32]
    try:
        return _load(recipe, kept, read, say)
    except FaultError as fault:
        try:
            (kept / shards.ABOUT).unlink(missing_ok=True)  # without which it is none
        except OSError:
            raise fault from None
        say(f"{fault}; it is made anew")
        return _load(recipe, kept, read, say)


def _load(recipe: Recipe, kept: Path, read: Callable[[Path], Dataset], say: Callable[[str], None]) -> Dataset:
    with _made(recipe, kept, say) as folder:
        data = read(folder)
        if folder == kept:
            _keep_within(kept, MOST_BYTES)
        return data


def whole(write: Callable[[Path], None], folder: Path) -> None:
    """Have records written, whole or not at all, into a new folder.

    Raises UserError where another process is at it or `folder` is there by then, and as `write` does.
    """
    part = folder.with_name(f".{folder.name}.part")
    with held(part, folder):
        try:
            for left in part.iterdir():  # by one that was killed
                left.unlink()
            write(part)
            if folder.exists():
                raise UserError(f"{folder} is there by now: give a new folder")
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)


@contextlib.contextmanager
def _made(recipe: Recipe, kept: Path, say: Callable[[str], None]) -> Iterator[Path]:
    if _is_whole(recipe, kept):
        yield kept
        return
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        lock = kept.with_suffix(".lock").open("w")
    except OSError as error:
        say(f"the cache takes no files ({error}): the images are {recipe.done} again each time")
        with tempfile.TemporaryDirectory(prefix="aigc_tf-") as scratch:
            recipe.write(Path(scratch))
            yield Path(scratch)
        return
    with lock:
        _wait_for(lock, say)  # who comes second finds what the first one made
        if not _is_whole(recipe, kept):
            say(f"{recipe.doing}, once; they are kept in {kept}")
            shutil.rmtree(kept, ignore_errors=True)  # a damaged one
            whole(recipe.write, kept)
    yield kept


def _wait_for(lock: IO[str], say: Callable[[str], None]) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another process is reading these images: waiting for it")
        fcntl.flock(lock, fcntl.LOCK_EX)


def _is_whole(recipe: Recipe, folder: Path) -> bool:
    try:
        about = shards.read_about(folder)
        shards.read_index(folder)
        return all((folder / name).is_file() for name in recipe.chosen(about["shards"]))
    except UserError:
        return False


def _keep_within(used: Path, most: int) -> None:
    """Note that records were used now, and remove those that were not for longest, until all that are kept have at most
    `most` bytes; those just used stay in any case."""
    with contextlib.suppress(OSError):  # of a cache that takes no files, or that others clear meanwhile
        os.utime(used / shards.ABOUT)
        last = {file.parent: file.stat().st_mtime for file in used.parent.glob(f"*/{shards.ABOUT}")}
        size = 0
        for folder in sorted(last, key=lambda folder: (folder == used, last[folder]), reverse=True):
            size += sum(file.stat().st_size for file in folder.iterdir())
            if size > most and folder != used:
                (folder / shards.ABOUT).unlink()  # without which the rest is none
                shutil.rmtree(folder)
