"""Ways through what a model makes of vectors: between seeds, between classes, along principal directions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aigc_tf.exploring import classes
from aigc_tf.exploring.decoder import Decoder
from aigc_tf.image_grid import image_grid
from aigc_tf.parts import walks
from aigc_tf.report.exploration import Picture, Section, magnified
from aigc_tf.report.pictures import shrunk

_WALKS, _ENDS, _STEPS = 12, 4, 12
_MOST_CLASSES, _CLASS_STEPS, _CLASS_ROWS = 12, 6, 6
_MOST_DIRECTIONS, _FARTHEST, _PLACES, _DIRECTION_ROWS = 8, 3.0, 9, 3
_SIDE = 64  # pixels; the pages of dozens of larger images could not be sent to anybody


def walk(decoder: Decoder, seed: int, chosen: Sequence[int]) -> Section:
    """From what one seed makes to what another makes, and on, along great circles."""
    labels = classes.in_turn(decoder.promised, _WALKS, chosen)
    seeds = seed + np.arange(_ENDS * _WALKS)
    of_ends = None if labels is None else np.tile(labels, _ENDS)
    ends = decoder.vectors_of(seeds, of_ends).reshape(_ENDS, _WALKS, -1)
    path = walks.around(ends, _STEPS)  # [F, W, Z]
    made = _made(decoder, path, labels)
    row = made[: _STEPS + 1 : 2, : _WALKS // 2].swapaxes(0, 1)  # the first leg of some
    last = seeds[-1]
    picture = Picture(
        "walk",
        "From seed to seed",
        _grid(row.reshape(-1, *row.shape[2:]), row.shape[1]),
        "Each row is the first part of a walk, from one seed on the left to the next on the right.",
        [_grid(frame, _WALKS // 2) for frame in made],
        f"{_WALKS} walks through {_ENDS} of the seeds {seed} to {last} each, in even steps and back to the first.",
    )
    within = "" if labels is None else " Each walk stays within one class."
    told = f"Between two seeds a model shows whether it learned shapes or single images by heart.{within}"
    return Section("walks", "Walks", told, [picture])


def between_classes(decoder: Decoder, seed: int, chosen: Sequence[int]) -> Section | None:
    """The same vectors in one class after the other, of those `chosen` or of all; None where there are not several."""
    every = chosen or range(decoder.promised.num_classes)
    shown = np.array(every, np.int64)[:_MOST_CLASSES]
    if len(shown) < 2:
        return None
    vectors = walks.ends(seed + np.arange(_CLASS_ROWS), decoder.width)
    told = "A vector stays, and with it what all classes share (slant, weight, place); the class changes."
    title, morph = "From class to class", decoder.named("morph")
    if morph is None:
        rows = np.repeat(vectors, len(shown), axis=0)
        still = decoder.make(rows, np.tile(shown, _CLASS_ROWS))
        told += " What lies between two classes this model cannot be asked for: it was exported before that came."
        picture = Picture("classes", "The classes", _grid(_small(still), len(shown)), "Each column is a class.")
        return Section("classes", title, told, [picture])
    steps = np.arange(len(shown) * _CLASS_STEPS)
    here, passed = np.divmod(steps, _CLASS_STEPS)
    label, toward, share = (
        np.repeat(values, _CLASS_ROWS) for values in (shown[here], np.roll(shown, -1)[here], passed / _CLASS_STEPS)
    )
    made = _small(decoder.subject.decode(np.tile(vectors, (len(steps), 1)), morph, label, toward=toward, share=share))
    made = made.reshape(len(steps), _CLASS_ROWS, *made.shape[1:])
    halves = made[:: _CLASS_STEPS // 2].swapaxes(0, 1)
    picture = Picture(
        "classes",
        title,
        _grid(halves.reshape(-1, *halves.shape[2:]), halves.shape[1]),
        "Each row is a vector, every second column half of one class and half of the next.",
        [_grid(frame, _CLASS_ROWS // 2) for frame in made],
        f"{_CLASS_ROWS} vectors through {len(shown)} classes and back to the first.",
    )
    return Section("classes", title, told, [picture])


def along_directions(decoder: Decoder, seed: int, chosen: Sequence[int]) -> Section:
    """From low to high along the directions that the contract names."""
    title, found = "Principal directions", decoder.directions[:_MOST_DIRECTIONS]
    if not len(found):
        told = "The export names no directions: it was made before they came, or its first layer is no dense one."
        return Section("directions", title, told)
    labels = classes.in_turn(decoder.promised, _DIRECTION_ROWS, chosen)
    vectors = decoder.vectors_of(seed + np.arange(_DIRECTION_ROWS), labels)
    places = np.linspace(-_FARTHEST, _FARTHEST, _PLACES, dtype=np.float32)
    pictures = []
    for number, direction in enumerate(found, 1):
        along = vectors + places[:, None, None] * direction  # [P, R, Z]
        made = _made(decoder, along, labels)
        rows = made.swapaxes(0, 1)
        pictures.append(
            Picture(
                f"direction-{number}",
                f"Direction {number}",
                _grid(rows.reshape(-1, *rows.shape[2:]), _PLACES),
                f"Each row is a seed, from {-_FARTHEST:g} on the left to {_FARTHEST:g} on the right.",
            )
        )
    told = (
        "The directions that the first layer answers most strongly to, the strongest first: the eigenvectors of its "
        "weights' AᵀA (SeFa, Shen and Zhou 2021), which need no samples. In the middle stands the seed itself; vectors "
        "are standard normal along each of them."
    )
    return Section("directions", title, told, pictures)


def _made(decoder: Decoder, vectors: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    """Stored content [F, N, ...] of vectors [F, N, Z], each N with the same labels [N]."""
    frames, count, width = vectors.shape
    made = _small(decoder.make(vectors.reshape(-1, width), None if labels is None else np.tile(labels, frames)))
    return made.reshape(frames, count, *made.shape[1:])


def _small(stored: np.ndarray) -> np.ndarray:
    return shrunk(stored, _SIDE)


def _grid(stored: np.ndarray, columns: int) -> np.ndarray:
    return magnified(image_grid(stored, columns), max(stored.shape[1:3]))
