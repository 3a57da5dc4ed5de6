"""Enlarged or made smaller about the middle."""

from __future__ import annotations

import math

import tensorflow as tf

from aigc_tf.parts.augmentations.matrices import affine


def matrix(uniform: tf.Tensor, by: float, size: tuple[int, int]) -> tf.Tensor:
    """At most 1 + `by` times as large or as small, either as often as the other."""
    scale = tf.exp((2.0 * uniform[:, 0] - 1.0) * math.log1p(by))
    return affine([[1.0 / scale, 0.0, 0.0], [0.0, 1.0 / scale, 0.0]], scale)
