"""Which of several images that show the same stays, and why the others should not be learned from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

from aigc_tf.datasets.doctor import duplicates
from aigc_tf.datasets.doctor.layout import HELD_OUT, Place
from aigc_tf.datasets.doctor.scan import Facts

Kind = Literal["leak", "several classes", "duplicate", "near duplicate"]


@dataclasses.dataclass(frozen=True)
class Departure:
    """Why an image should go.

    Attributes:
        kind: "leak": another split holds it, too. "several classes": nobody knows which of them is right.
        of: row of the image that it repeats, and that stays; of a "several classes" the first of the others.
    """

    kind: Kind
    of: int


@dataclasses.dataclass(frozen=True)
class Repeats:
    """What repeats what among images that can be learned from.

    Attributes:
        departures: by row, the images that should go.
        lookalikes: by row, images that stay although they are almost the same as one (its row) of another class.
    """

    departures: dict[int, Departure]
    lookalikes: dict[int, int]


def repeats(facts: Sequence[Facts], places: Sequence[Place]) -> Repeats:
    """Settle which of the repeated images stay.

    Of those that show the same, one stays: a held-out one before one to train on, the first path otherwise. With
    different classes within one split all go. Of those that show almost the same, the largest of a class in a split
    stays; other classes keep theirs, since little may be all that tells two classes apart, but across splits it is a
    leak whatever the class.
    """
    rows = [row for row, each in enumerate(facts) if each.is_learnable]
    gone: dict[int, Departure] = {}
    lookalikes: dict[int, int] = {}
    for group in duplicates.same([facts[row].digest for row in rows]):
        alike = sorted((rows[index] for index in group), key=lambda row: (_rank(places[row]), row))
        first = alike[0]
        together = [row for row in alike if places[row].split == places[first].split]
        for row in alike[1:]:
            gone[row] = Departure("duplicate" if row in together else "leak", first)
        if len({places[row].label for row in together}) > 1:
            for row in together:
                gone[row] = Departure("several classes", together[1] if row == first else first)

    rows = sorted(
        (row for row in rows if row not in gone), key=lambda row: (_rank(places[row]), -_pixels(facts[row]), row)
    )

    def is_leak(index: int, other: int) -> bool:
        return places[rows[index]].split != places[rows[other]].split

    def goes(index: int, other: int) -> bool:
        return is_leak(index, other) or places[rows[index]].label == places[rows[other]].label

    for index, others in duplicates.almost_same([facts[row].thumbnail for row in rows], goes).items():
        leaks = [other for other in others if is_leak(index, other)]
        nears = [other for other in others if goes(index, other)]
        if leaks:
            gone[rows[index]] = Departure("leak", rows[leaks[0]])
        elif nears:
            gone[rows[index]] = Departure("near duplicate", rows[nears[0]])
        else:
            lookalikes[rows[index]] = rows[others[0]]
    return Repeats(gone, lookalikes)


def _rank(place: Place) -> int:
    return HELD_OUT.index(place.split) if place.split in HELD_OUT else len(HELD_OUT)


def _pixels(facts: Facts) -> int:
    return facts.height * facts.width
