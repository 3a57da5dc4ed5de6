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
    parts = [name.split("/") for name in names]
    splits = splits_among({*folders, *(each[0] for each in parts if len(each) > 1)})
    found = []
    for each in parts:
        split = each[0].lower() if len(each) > 1 and each[0].lower() in splits else ""
        below = each[1:] if split else each
        found.append(Place(split, below[0] if len(below) > 1 and (split or not splits) else ""))
    if len({place.label for place in found} - {""}) < 2:
        found = [Place(place.split, "") for place in found]
    return found
