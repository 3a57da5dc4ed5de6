"""Pictures of the evidence: grids of images, uint8 [H, W, C], small enough for a page that is sent by mail."""

from __future__ import annotations

import dataclasses

import numpy as np
from PIL import Image

from aigc_tf.image_grid import image_grid
from aigc_tf.metrics import copies
from aigc_tf.metrics.class_coverage import class_counts
from aigc_tf.metrics.evidence import Evidence, MissingEvidence, need
from aigc_tf.report.embedding import as_pillow, spaced

# At most so many pixel values go into one picture: noise, which no PNG makes smaller, still fits the page.
_MOST_VALUES = 320_000
_GRID_SIDE, _ROW_SIDE = 64, 32
IN_ROW = 10  # images shown of each class
_MOST_IN_GRID, _MOST_CLASSES, _MOST_PAIRS = 100, 12, 8


@dataclasses.dataclass(frozen=True)
class Pair:
    """A generated image beside the one of `copies.originals` nearest to it, uint8 [H, W, C], and their distance."""

    picture: np.ndarray
    distance: float


def overview(images: np.ndarray) -> np.ndarray:
    """A square grid of up to 100 of the images uint8 [N, H, W, C], evenly spaced through them and not picked by eye."""
    values_each = shrunk(images[:1], _GRID_SIDE).size
    columns = int(np.sqrt(min(_MOST_IN_GRID, len(images), _MOST_VALUES // values_each)))
    return image_grid(shrunk(images[spaced(len(images), columns**2)], _GRID_SIDE), columns)


def classes(evidence: Evidence) -> dict[int, np.ndarray]:
    """The first generated images, uint8 [0 to 10, h, w, C], that the classifier tells as each class, by its number.

    The first ones, not the surest: those would look too good. Of more than 12 classes the 12 most frequent among the
    real images. Empty where no images or no classes were observed.
    """
    real, generated = evidence.real.probabilities, evidence.generated.probabilities
    images = evidence.generated.images
    if real is None or generated is None or images is None:
        return {}
    shown = np.sort(np.argsort(-class_counts(real), kind="stable")[:_MOST_CLASSES])
    told = generated.argmax(axis=1)
    return {int(number): shrunk(images[told == number][:IN_ROW], _ROW_SIDE) for number in shown}


def closest_pairs(evidence: Evidence) -> list[Pair]:
    """The generated images nearest to those they may copy, the closest one first; empty where that was not observed."""
    try:
        generated, originals = need(evidence.generated, "images", "generated"), copies.originals(evidence)
        found = copies.closest_pairs(evidence, _MOST_PAIRS)
    except MissingEvidence:
        return []
    return [
        Pair(image_grid(shrunk(np.stack([generated[made], originals[seen]]), _GRID_SIDE), 2), float(distance))
        for made, seen, distance in zip(found.generated_rows, found.training_rows, found.distances)
    ]


def shrunk(images: np.ndarray, side: int) -> np.ndarray:
    """Images uint8 [N, H, W, C] of at most `side` pixels either way, uint8 [N, h, w, C]; small ones as they are."""
    height, width, channels = images.shape[1:]
    if max(height, width) <= side or not len(images):
        return images
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = [np.asarray(as_pillow(image).resize(size, Image.Resampling.BOX)) for image in images]
    return np.stack(small).reshape(len(images), size[1], size[0], channels)
