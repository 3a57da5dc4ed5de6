"""Finds the image files of a folder; nothing is opened, and no link leads anywhere else."""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePath

from aigc_tf.datasets.image_reader import SUFFIXES


@dataclasses.dataclass(frozen=True)
class ImageFiles:
    """What lies in a folder, by paths relative to it with `/` between their parts, each list in the order of the parts.

    Attributes:
        images: files whose names end in one of image_reader.SUFFIXES, links to files among them, broken ones too.
        others: all other files.
        linked_folders: links to folders, which are not entered.
        no_files: pipes, sockets and devices, and links to them, whatever they are called.
        closed: folders that cannot be listed, with the reason.
        links_out: those of `images` that are links to files outside of the folder.
        folders: names of the folders directly in it, whatever these hold.
    """

    images: tuple[str, ...]
    others: tuple[str, ...]
    linked_folders: tuple[str, ...]
    no_files: tuple[str, ...]
    closed: dict[str, str]
    links_out: frozenset[str]
    folders: tuple[str, ...] = ()


def find(folder: Path) -> ImageFiles:
    """What lies in `folder` and in the folders below it; those that cannot be listed are told in `closed`."""
    kinds = ("images", "others", "linked_folders", "no_files", "folders")
    found: dict[str, list[str]] = {kind: [] for kind in kinds}
    closed: dict[str, str] = {}
    links_out: set[str] = set()
    inside = os.path.join(os.path.realpath(folder), "")
    waiting = [""]
    while waiting:
        place = waiting.pop()
        try:
            entries = list(_entries(folder / place))
        except OSError as error:
            if not isinstance(error, FileNotFoundError) or not place:  # else somebody took it away meanwhile
                closed[place or "."] = error.strerror or str(error)
            continue
        for entry in entries:
            name = f"{place}/{entry.name}" if place else entry.name
            kind = _kind(entry)
            if kind == "folder":
                waiting.append(name)
                if not place:
                    found["folders"].append(name)
                continue
            if kind == "file":
                is_image = PurePath(name).suffix.lower() in SUFFIXES
                kind = "images" if is_image else "others"
                if is_image and entry.is_symlink() and not os.path.realpath(entry.path).startswith(inside):
                    links_out.add(name)
            found[kind].append(name)
    in_order = {kind: tuple(sorted(names, key=_parts)) for kind, names in found.items()}
    return ImageFiles(**in_order, closed=closed, links_out=frozenset(links_out))


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from entries


def _parts(name: str) -> str:
    """Puts names in the order of their parts, as lists of these would, in a fraction of the memory."""
    return name.replace("/", "\0")


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    if entry.is_file(follow_symlinks=False):
        return "file"
    if not entry.is_symlink():
        return "no_files"
    try:
        mode = entry.stat().st_mode
    except OSError:  # it leads nowhere, or in a circle: whoever reads it will say so
        return "file"
    if stat.S_ISDIR(mode):
        return "linked_folders"
    return "file" if stat.S_ISREG(mode) else "no_files"
