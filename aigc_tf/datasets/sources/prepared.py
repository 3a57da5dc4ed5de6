"""Originals as a data set: their records are made once, and kept in the cache."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from aigc_tf.datasets.data_config import DataConfig
from aigc_tf.datasets.dataset import Dataset
from aigc_tf.datasets.folder_lock import held
from aigc_tf.datasets.records import preparing, record_dataset, shards
from aigc_tf.datasets.records.originals import Originals
from aigc_tf.errors import FaultError, UserError
from aigc_tf.paths import default_cache

MOST_BYTES = 10 * 2**30
"""That the records of all originals may have in the cache."""


def load(originals: Originals, config: DataConfig, say: Callable[[str], None]) -> Dataset:
    """The data set of these originals in the form that `config` asks for.

    Where the cache takes no files, the records are made for this process alone.
    """
    name = hashlib.sha256(preparing.signature(originals, config).encode()).hexdigest()[:32]
    kept = default_cache() / "images" / name
    try:
        return _load(originals, config, kept, say)
    except FaultError as fault:
        try:
            (kept / shards.ABOUT).unlink(missing_ok=True)  # without which it is none
        except OSError:
            raise fault from None
        say(f"{fault}; it is made anew")
        return _load(originals, config, kept, say)


def _load(originals: Originals, config: DataConfig, kept: Path, say: Callable[[str], None]) -> Dataset:
    with _records(originals, config, kept, say) as folder:
        about = shards.read_about(folder)
        preparing.check_bad(about, config.max_bad)
        for line in preparing.told(about):
            say(line)
        data = record_dataset.load(folder, config.licence)
        if folder == kept:
            _keep_within(kept, MOST_BYTES)
        return data


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


@contextlib.contextmanager
def _records(originals: Originals, config: DataConfig, kept: Path, say: Callable[[str], None]) -> Iterator[Path]:
    """The folder of the records, which is opened within the block."""
    if _is_whole(kept):
        yield kept
        return
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        lock = kept.with_suffix(".lock").open("w")
    except OSError as error:
        say(f"the cache takes no files ({error}): the images are brought into one form again each time")
        with tempfile.TemporaryDirectory(prefix="aigc_tf-") as scratch:
            preparing.prepare(originals, config, Path(scratch))
            yield Path(scratch)
        return
    with lock:
        _wait_for(lock, say)  # who comes second finds what the first one made
        if not _is_whole(kept):
            say(f"reading {originals.count:,} images of {originals.source}, once; they are kept in {kept}")
            shutil.rmtree(kept, ignore_errors=True)  # a damaged one
            make(originals, config, kept)
    yield kept


def _wait_for(lock: IO[str], say: Callable[[str], None]) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another process is reading these images: waiting for it")
        fcntl.flock(lock, fcntl.LOCK_EX)


def _is_whole(folder: Path) -> bool:
    try:
        about = shards.read_about(folder)
        shards.read_index(folder)
        return all((folder / name).is_file() for name in about["shards"])
    except UserError:
        return False


def make(originals: Originals, config: DataConfig, folder: Path) -> None:
    """Make the records, whole or not at all, in a new folder.

    Raises UserError where another process is at it or `folder` is there by then, and as `prepare` does.
    """
    part = folder.with_name(f".{folder.name}.part")
    with held(part, folder):
        try:
            for left in part.iterdir():  # by one that was killed
                left.unlink()
            preparing.prepare(originals, config, part)
            if folder.exists():
                raise UserError(f"{folder} is there by now: give a new folder")
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
