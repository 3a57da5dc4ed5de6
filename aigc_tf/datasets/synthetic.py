"""Discs, rings, squares and crosses, drawn on the spot: a data set for tests, that needs no file and no network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from aigc_tf.datasets.image_dataset import ImageDataset, Labelled

_SIZE = 16
_SEED = 20240501
_CLASS_NAMES = ("disc", "ring", "square", "cross")


def load(data_dir: Path | None = None) -> ImageDataset:
    """2,000 images to train on and 500 held out, uint8 [N, 16, 16, 1], four classes in turn.

    Bright shapes of random place, size and brightness on black, always the same ones, whole and with smooth edges.

    Args:
        data_dir: ignored; there is no file.
    """
    del data_dir
    images, labels = _draw(2500)
    return ImageDataset.of(
        (images[:2000], labels[:2000]),
        (images[2000:], labels[2000:]),
        class_names=_CLASS_NAMES,
        source="synthetic shapes drawn by aigc_tf",
        licence="CC0-1.0 (made by this project)",
    )


def _draw(count: int) -> Labelled:
    """uint8 [count, 16, 16] and int64 [count]."""
    random = np.random.default_rng(_SEED)
    radius = random.uniform(3.0, 6.5, (count, 1, 1))
    center_x, center_y = (random.uniform(radius, _SIZE - radius) for _ in range(2))
    brightness = random.uniform(128, 255, (count, 1, 1))
    labels = np.arange(count) % len(_CLASS_NAMES)

    pixels = np.arange(_SIZE) + 0.5
    x, y = np.abs(pixels - center_x), np.abs(pixels[:, np.newaxis] - center_y)  # [count, 1, 16], [count, 16, 1]
    distance = np.choose(labels[:, np.newaxis, np.newaxis], _distances(x, y, radius))
    # A pixel is covered by as much as the edge is beyond its centre: one pixel of smooth edge. Only +, -, *, sqrt and
    # comparisons are used, which give the same bits on every machine, and so the same fingerprint.
    coverage = np.clip(0.5 - distance, 0.0, 1.0)
    return np.rint(brightness * coverage).astype(np.uint8), labels


def _distances(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], r: npt.NDArray[np.float64]) -> list[npt.NDArray]:
    """Distance from a pixel to the edge of each shape, negative inside; in the order of the class names."""
    from_center = np.sqrt(x * x + y * y)
    arm = 0.3 * r
    return [
        from_center - r,
        np.abs(from_center - 0.75 * r) - 0.25 * r,
        np.maximum(x, y) - 0.85 * r,
        np.minimum(np.maximum(x - arm, y - r), np.maximum(x - r, y - arm)),
    ]
