"""Small images, and those that a data set holds."""

from __future__ import annotations

import numpy as np
from PIL import Image

from aigc_tf.datasets.dataset import Dataset


def picture(number: int, size: tuple[int, int] = (12, 10), channels: int = 3) -> Image.Image:
    """Image `number`, unlike all others; `size` is (height, width)."""
    shape = size if channels == 1 else (*size, channels)
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, shape, np.uint8))


def held(data: Dataset) -> dict[str, set[bytes]]:
    """The different images of both splits."""
    return {split: {row.tobytes() for row in data.stored(split)} for split in ("train", "test")}
