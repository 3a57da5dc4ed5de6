"""Which split and which class an image belongs to, by the folders that it lies in.

Splits: where the folder holds `train` and one or more of `test`, `val`, `valid` and `validation` (in any case of
letters), these are splits, and what lies outside of them belongs to none. Otherwise there are no splits.

Classes: the first folder below the split (below the folder itself, where there are no splits) is the image's class,
however much deeper it lies. A single such folder is no class: there is nothing to tell it from.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

TRAIN = "train"
HELD_OUT = ("test", "val", "valid", "validation")  # the first keeps an image that lies in several of them


@dataclasses.dataclass(frozen=True)
class Place:
    """Where an image belongs.

    Attributes:
        split: "train" or one of HELD_OUT; "" where there are no splits, or it lies outside of them.
        label: its class; "" where there are no classes, or it has none.
    """

    split: str
    label: str


def splits_among(folders: Iterable[str]) -> set[str]:
    """The splits, in lower case, that folders directly in the data's folder make; empty where these are no splits."""
    splits = {TRAIN, *HELD_OUT} & {name.lower() for name in folders}
    return splits if TRAIN in splits and len(splits) > 1 else set()


def places(names: Sequence[str], folders: Iterable[str] = ()) -> list[Place]:
    """The place of each image, by its path relative to the folder; `folders` lie directly in it, with images or not."""
    splits = splits_among({*folders, *(name.partition("/")[0] for name in names if "/" in name)})
    of_folder: dict[str, Place] = {}  # of as many as there are folders: a million images share them
    found = []
    for name in names:
        folder = name.rpartition("/")[0]
        if folder not in of_folder:
            of_folder[folder] = _place(folder, splits)
        found.append(of_folder[folder])
    if len({place.label for place in of_folder.values()} - {""}) < 2:
        without = {place: Place(place.split, "") for place in of_folder.values()}
        found = [without[place] for place in found]
    return found


def _place(folder: str, splits: set[str]) -> Place:
    parts = folder.split("/") if folder else []
    split = parts[0].lower() if parts and parts[0].lower() in splits else ""
    below = parts[1:] if split else parts
    return Place(split, below[0] if below and (split or not splits) else "")
