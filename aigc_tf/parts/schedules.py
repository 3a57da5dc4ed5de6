"""Schedules: functions of the images seen alone, so that a run can always be prolonged."""

from __future__ import annotations

import tensorflow as tf


def falling(images_seen: tf.Tensor, hold: float) -> tf.Tensor:
    """float32 scalar in (0, 1] for an integer scalar: 1 up to `hold` images, then falling with the square root of the
    images seen; 1 throughout where `hold` is 0."""
    if not hold:
        return tf.constant(1.0)
    return tf.sqrt(hold / tf.maximum(tf.cast(images_seen, tf.float32), hold))
