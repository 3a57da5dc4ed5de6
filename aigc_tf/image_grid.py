"""Puts many images into one for the eye."""

from __future__ import annotations

import numpy as np


def image_grid(images: np.ndarray, columns: int, gap: int = 2) -> np.ndarray:
    """Images uint8 [N,H,W,C] as one image uint8 [rows*H + gaps, columns*W + gaps, C], row by row on mid-grey."""
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    grid = np.full([rows * (height + gap) + gap, columns * (width + gap) + gap, channels], 128, np.uint8)
    for index, image in enumerate(images):
        top = gap + index // columns * (height + gap)
        left = gap + index % columns * (width + gap)
        grid[top : top + height, left : left + width] = image
    return grid
