"""The versions below a model's base path: numeric folders that are whole from the moment that they have that name.

TensorFlow Serving takes up every folder with a number for a name as soon as it sees it, complete or not. So a version
is built, and taken apart again, under a name that is no number; between the two lies a rename, which is atomic.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from aigc_tf.atomic_files import open_like, readable
from aigc_tf.errors import StorageError, UserError
from aigc_tf.shell import quoted

_BUILDING, _REMOVING = "building-", "removing-"


def versions(base: Path) -> list[int]:
    """Numbers of the versions published below `base`, ascending: folders named as a number is written, so not 007."""
    folders = [child.name for child in base.iterdir() if child.name.isdecimal() and child.is_dir()]
    return sorted(int(name) for name in folders if name == str(int(name)))


def existing(base: Path) -> list[int]:
    """`versions` of a base path that a person named. Raises UserError where there is none."""
    found = versions(base) if base.is_dir() else []
    if not found:
        raise UserError(
            f"{base} holds no version: give a model's base path, or publish one with export --to {quoted(base)}"
        )
    return found


@contextlib.contextmanager
def building(base: Path) -> Iterator[Path]:
    """A new folder to build a version in, which is gone afterwards unless `publish` took it.

    Folders that killed publishers left behind are removed first. A living one holds a lock on its folder, and the
    base path is locked from the making of a folder to its lock, so that nobody takes a young folder for a dead one.

    Raises:
        UserError: `base` cannot be written.
    """
    try:
        _make(base)
        with locked(base):
            for prefix in (_BUILDING, _REMOVING):
                for left in base.glob(f"{prefix}*"):
                    _remove_if_dead(left)
            folder = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=base))
            alive = _lock(folder, fcntl.LOCK_EX)
    except OSError as error:
        raise UserError(f"cannot export to {base}: {error.strerror}") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(alive)


def publish(folder: Path, base: Path) -> Path:
    """Force a finished folder to the disk, rename it to the next version number below `base`, and return it.

    All of it is readable by everybody, whatever the umask, for the server is often somebody else: who comes that far
    is a matter of `base` and the folders above.

    Raises:
        StorageError: the file system leaves something in it unreadable for those who may read `base`.
    """
    paths = [*folder.rglob("*"), folder]
    for path in paths:
        with contextlib.suppress(PermissionError):  # what counts is looked at below
            path.chmod(stat.S_IMODE(path.stat().st_mode) | (0o055 if path.is_dir() else 0o044))
    _check_readable(paths, base)
    for path in paths:
        _force_to_disk(path)
    target = _rename_to_next(folder, base)
    _force_to_disk(base)
    return target


def _check_readable(paths: list[Path], base: Path) -> None:
    allowed = readable(base.stat().st_mode)
    for path in paths:
        mode = path.stat().st_mode
        if (allowed if path.is_dir() else allowed & 0o044) & ~mode:
            raise StorageError(
                f"{path} keeps the mode {stat.S_IMODE(mode):o} and would be unreadable for a server of another user, "
                "so nothing was published: the file system does not take modes"
            )


def remove(base: Path, version: int) -> None:
    """Remove a version: at once for those who list the folder, then its files."""
    left = Path(tempfile.mkdtemp(prefix=_REMOVING, dir=base))
    os.rename(base / str(version), left)
    shutil.rmtree(left, ignore_errors=True)  # the next publisher removes what is left


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait for, and hold, the lock of a folder; it dies with its process."""
    descriptor = _lock(folder, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(folder: Path, how: int) -> int:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, how)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove_if_dead(folder: Path) -> None:
    try:
        descriptor = _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError):  # at work, or just published
        return
    shutil.rmtree(folder, ignore_errors=True)
    os.close(descriptor)


def _make(base: Path) -> None:
    """Make a base path and what is missing above it, open to those who may read the folder that is there already."""
    if base.is_dir():
        return
    _make(base.parent)
    try:
        base.mkdir()
    except FileExistsError:
        if not base.is_dir():
            raise
    else:
        open_like(base.parent, base)


def _rename_to_next(folder: Path, base: Path) -> Path:
    number = max(versions(base), default=0) + 1
    while True:
        target = base / str(number)
        try:
            os.rename(folder, target)  # fails on a file, and on a folder that holds anything: somebody else was first
            return target
        except OSError:
            if not target.exists():
                raise
        number += 1


def _force_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
