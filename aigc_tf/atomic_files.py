"""Files that readers never see half written."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from aigc_tf.paths import LONGEST_NAME


def write_atomically(path: Path, content: str | bytes | memoryview, *, shared: bool = False) -> None:
    """Write a whole file or none, all of its content at once; see `written_atomically`."""
    with written_atomically(path, shared=shared) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def written_atomically(path: Path, *, shared: bool = False) -> Iterator[IO[bytes]]:
    """A file to write to, piece by piece, that is there when the block ends, or not at all: readers, and a kill at any
    moment, see the old content or the new.

    A link stays one, what it names is replaced; a device or a pipe is written to as it is. Writers of one file wait for
    each other. A file that is replaced hands on its mode, its owner and its group, as far as the system lets us.

    Args:
        path: the file; folders above it are made.
        shared: a new file is readable by those who may read the folder, whatever the umask.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    path.parent.mkdir(parents=True, exist_ok=True)  # archives and git lose empty folders
    with _part(path) as descriptor:
        with open(descriptor, "wb", closefd=False) as file:
            yield file
        os.fsync(descriptor)
        if path.exists():
            _hand_on(path, descriptor)
        elif shared:
            open_like(path.parent, descriptor)
        os.replace(_part_name(path), path)


def open_like(above: Path, made: Path | int) -> None:
    """Let those read `made`, a file (or its descriptor) or a folder that we made, who may read the folder `above`.

    Nothing is taken away. Where `made` has another group than `above` and may not get that one, its group stays out.
    """
    status, folder = os.stat(made), above.stat()
    if status.st_gid != folder.st_gid:
        with contextlib.suppress(PermissionError):
            os.chown(made, -1, folder.st_gid)
    same_group = os.stat(made).st_gid == folder.st_gid
    bits = readable(folder.st_mode) & (0o055 if same_group else 0o005)
    os.chmod(made, stat.S_IMODE(status.st_mode) | (bits if stat.S_ISDIR(status.st_mode) else bits & 0o044))


def readable(mode: int) -> int:
    """What a folder of this mode lets its group and others do, of listing it and of entering it."""
    return mode & 0o055


def _part_name(path: Path) -> Path:
    """The same for all writers of a file, who lock it; a name that would get too long is told by its hash."""
    name = f".{path.name}.part"
    if len(os.fsencode(name)) > LONGEST_NAME:
        name = f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()}.part"
    return path.with_name(name)


@contextlib.contextmanager
def _part(path: Path) -> Iterator[int]:
    """Descriptor of an empty file beside `path`, which is ours while we hold it and gone if it was not renamed.

    Its lock dies with its process, so what a killed writer left is taken over by the next.
    """
    part = _part_name(path)
    while True:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _names(part, descriptor):
                break
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the writer before us has renamed it meanwhile
    try:
        os.ftruncate(descriptor, 0)
        yield descriptor
    finally:
        if _names(part, descriptor):
            os.unlink(part)
        os.close(descriptor)


def _names(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _hand_on(path: Path, descriptor: int) -> None:
    status = path.stat()
    for owner in (status.st_uid, -1):  # only root gives files away; the group alone may still be ours to give
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, owner, status.st_gid)
            break
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
