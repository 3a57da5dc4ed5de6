"""Ways between latents."""

from __future__ import annotations

import tensorflow as tf


def walk(start: tf.Tensor, end: tf.Tensor, count: int) -> tf.Tensor:
    """`count` latents float32 [count, Z] along the great circle from `start` [Z] to `end` [Z], both included.

    Straight lines would cut through the middle, where a normal distribution in many dimensions has no mass (White
    2016, https://arxiv.org/abs/1609.04468).
    """
    cosine = tf.reduce_sum(start * end) / (tf.norm(start) * tf.norm(end))
    angle = tf.acos(tf.clip_by_value(cosine, -0.9999, 0.9999))
    share = tf.linspace(0.0, 1.0, count)[:, None]
    return (tf.sin((1 - share) * angle) * start + tf.sin(share * angle) * end) / tf.sin(angle)
