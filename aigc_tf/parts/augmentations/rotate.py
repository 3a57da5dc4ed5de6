"""Turned about the middle."""

from __future__ import annotations

import math

import tensorflow as tf

from aigc_tf.parts.augmentations.matrices import affine


def matrix(uniform: tf.Tensor, by: float, size: tuple[int, int]) -> tf.Tensor:
    """By as much as `by` degrees, to either side."""
    angle = (2.0 * uniform[:, 0] - 1.0) * (by * math.pi / 180.0)
    cos, sin = tf.cos(angle), tf.sin(angle)
    return affine([[cos, -sin, 0.0], [sin, cos, 0.0]], angle)
