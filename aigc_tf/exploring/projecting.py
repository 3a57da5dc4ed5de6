"""The vector of a given image: what a model makes of it is as near to the image as it can come."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from aigc_tf.atomic_files import write_atomically
from aigc_tf.exploring import classes
from aigc_tf.exploring.decoder import Decoder
from aigc_tf.image_grid import image_grid
from aigc_tf.parts import walks
from aigc_tf.report.exploration import magnified

STEPS = 300
UNIT = "root of the mean squared difference of all values, black 0 and white 1"
_TRIED, _STARTS = 256, 8
_RATE, _FIRST, _SECOND, _NOTHING = 0.1, 0.9, 0.999, 1e-8  # Adam's


@dataclasses.dataclass(frozen=True)
class Found:
    """What was found.

    Attributes:
        vector: float32 [Z].
        label: the class that goes with it; None for a model that takes none.
        distance: between the image and what is made of the vector, in UNIT.
        typical: the median distance of what random vectors give.
        start: where the search began: "seed 17", or "what the model encodes".
        stored: what is made of the vector, as it is stored [...].
    """

    vector: np.ndarray
    label: int | None
    distance: float
    typical: float
    start: str
    stored: np.ndarray


def project(
    decoder: Decoder, numbers: np.ndarray, seed: int, chosen: Sequence[int], progress: Callable[[int], object]
) -> Found:
    """The best of several descents by Adam on vectors, from the nearest of random ones and of what the model encodes.

    Args:
        numbers: the image float32 [...] as numbers in [0, 1].
        seed: which random vectors are tried; all else follows from it.
        chosen: classes to try; none for all.
        progress: is called with 1 after each of STEPS.
    """
    vectors, labels, names = _candidates(decoder, numbers, seed, chosen)
    made = decoder.subject.modality.from_stored(decoder.make(vectors, labels))
    distances = np.sqrt(np.square(made - numbers).mean(axis=tuple(range(1, made.ndim))))
    best = np.argsort(distances, kind="stable")[:_STARTS]
    told = None if labels is None else labels[best]
    ends, reached = _descend(decoder, numbers, vectors[best], told, progress)
    row = int(reached.argmin())
    label = None if told is None else int(told[row])
    (stored,) = decoder.make(ends[row : row + 1], None if label is None else np.array([label]))
    typical = float(np.median(distances[:_TRIED]))
    return Found(ends[row], label, float(reached[row]), typical, names[best[row]], stored)


def write(folder: Path, decoder: Decoder, image: Path, numbers: np.ndarray, seed: int, found: Found) -> list[Path]:
    """Write what was found into `folder`: the image as the model makes it; the given one, the found one and half their
    difference on grey, beside each other; the vector and the distance as JSON. Returns these files, the last of which
    is that JSON. Raises OSError where the disk does not take them."""
    subject, modality, promised = decoder.subject, decoder.subject.modality, decoder.promised
    given = modality.to_stored(numbers[np.newaxis])[0]
    apart = modality.to_stored(0.5 + (modality.from_stored(found.stored) - numbers) / 2)
    if apart.shape[-1] == 4:
        apart[..., 3] = 255
    beside = magnified(image_grid(np.stack([given, found.stored, apart]), 3), max(given.shape[:2]))
    told = {
        "image": str(image),
        "model": subject.describe(),
        "signature": decoder.name,
        decoder.vector: [float(number) for number in found.vector],
        **({} if found.label is None else {"label": found.label}),
        **({"class": promised.class_names[found.label]} if found.label is not None and promised.class_names else {}),
        "distance": found.distance,
        "distance_of_random_vectors": found.typical,
        "unit": UNIT,
        "started_from": found.start,
        "seed": seed,
        "origin": promised.origin,
    }
    pictures = {"found": found.stored, "comparison": beside}
    files: dict[str, bytes | str] = {}
    for name, stored in pictures.items():
        (file,) = modality.graph.encode(tf.constant(stored[np.newaxis]), promised.origin).numpy()
        files[f"{name}{modality.suffix}"] = file
    files["projection.json"] = json.dumps(told, indent=2) + "\n"
    for name, content in files.items():
        write_atomically(folder / name, content, shared=True)
    return [folder / name for name in files]


def _candidates(
    decoder: Decoder, numbers: np.ndarray, seed: int, chosen: Sequence[int]
) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    """Vectors [T, Z] to begin with, labels [T], and where each comes from: random ones, of all classes in turn, then
    what the model encodes the image as, in each class."""
    seeds = seed + np.arange(_TRIED)
    vectors, labels = walks.ends(seeds, decoder.width), classes.in_turn(decoder.promised, _TRIED, chosen)
    names, encode = [f"seed {each}" for each in seeds], decoder.named("encode")
    if encode is None:
        return vectors, labels, names
    rows = 1 if labels is None else len(np.unique(labels))
    each = classes.in_turn(decoder.promised, rows, chosen)
    stored = decoder.subject.modality.to_stored(np.repeat(numbers[np.newaxis], rows, axis=0))
    vectors = np.concatenate([vectors, decoder.encoded(stored, encode, each)])
    labels = None if labels is None or each is None else np.concatenate([labels, each])
    return vectors, labels, [*names, *["what the model encodes"] * rows]


def _descend(
    decoder: Decoder,
    numbers: np.ndarray,
    starts: np.ndarray,
    labels: np.ndarray | None,
    progress: Callable[[int], object],
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest vectors [S, Z] on each way down from `starts`, and their distances [S].

    Outside of a graph: of a loop in a SavedModel TensorFlow 2.15 takes gradients there alone.
    """
    vectors, first, second = starts.copy(), np.zeros_like(starts), np.zeros_like(starts)
    nearest, reached = starts.copy(), np.full(len(starts), np.inf)
    for step in range(1, STEPS + 1):
        given = tf.constant(vectors)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(given)
            made = decoder.numbers(given, labels)
            squares = tf.reduce_mean(tf.square(made - numbers), axis=list(range(1, made.shape.rank)))  # [S]
        distances, slope = np.sqrt(squares.numpy()), tape.gradient(squares, given).numpy()
        nearer = distances < reached
        nearest[nearer], reached[nearer] = vectors[nearer], distances[nearer]
        first = _FIRST * first + (1 - _FIRST) * slope
        second = _SECOND * second + (1 - _SECOND) * slope**2
        rate = _RATE * 0.5 * (1 + math.cos(math.pi * step / STEPS))
        scaled = np.sqrt(second / (1 - _SECOND**step)) + _NOTHING
        vectors = (vectors - rate * first / (1 - _FIRST**step) / scaled).astype(np.float32)
        progress(1)
    return nearest, reached
