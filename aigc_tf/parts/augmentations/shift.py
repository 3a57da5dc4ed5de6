"""Shifted along both sides, by whole pixels, which blurs nothing."""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.parts.augmentations.matrices import affine


def matrix(uniform: tf.Tensor, by: float, size: tuple[int, int]) -> tf.Tensor:
    """By as much as the share `by` of either side, to either end, each number of pixels as often as another."""
    right, down = (_pixels(uniform[:, i], round(by * side)) for i, side in enumerate(reversed(size)))
    return affine([[1.0, 0.0, -right], [0.0, 1.0, -down]], right)


def _pixels(uniform: tf.Tensor, most: int) -> tf.Tensor:
    """Whole numbers float32 [B] from -`most` to `most`."""
    return tf.floor(uniform * (2 * most + 1)) - most
