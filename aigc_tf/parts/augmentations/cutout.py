"""A rectangle of middle grey over a part of the image (DeVries and Taylor 2017, https://arxiv.org/abs/1708.04552)."""

from __future__ import annotations

import tensorflow as tf


def change(images: tf.Tensor, uniform: tf.Tensor, by: float) -> tf.Tensor:
    """It has the share `by` of either side, and its middle lies anywhere in the image."""
    inside: tf.Tensor | None = None
    for axis, side in enumerate(images.shape[1:3]):
        length = max(1, round(by * side))
        first = tf.floor(uniform[:, axis] * side) - length // 2  # [B]
        places = tf.range(side, dtype=tf.float32) - first[:, None]  # [B, side]
        within = tf.logical_and(places >= 0.0, places < length)
        within = tf.reshape(within, [-1, *(side if i == axis else 1 for i in range(2)), 1])
        inside = within if inside is None else tf.logical_and(inside, within)
    return tf.where(inside, tf.zeros_like(images), images)
