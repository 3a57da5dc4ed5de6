"""Mirrored, upside down."""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.parts.augmentations.matrices import affine


def matrix(uniform: tf.Tensor, by: float, size: tuple[int, int]) -> tf.Tensor:
    """y becomes -y; `by` means nothing."""
    return affine([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0]], uniform[:, 0])
