"""A part of the image, at any place in it, enlarged to the whole."""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.parts.augmentations.matrices import affine


def matrix(uniform: tf.Tensor, by: float, size: tuple[int, int]) -> tf.Tensor:
    """Without as much as the share `by` of either side, the same share of both; nothing beyond the image is shown."""
    (height, width), away = size, by * uniform[:, 0]
    right, down = ((uniform[:, 1 + i] - 0.5) * away * side for i, side in enumerate((width, height)))
    return affine([[1.0 - away, 0.0, right], [0.0, 1.0 - away, down]], away)
