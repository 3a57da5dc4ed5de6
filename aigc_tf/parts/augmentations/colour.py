"""Brightness, contrast and, of images with colours, saturation."""

from __future__ import annotations

import tensorflow as tf


def change(images: tf.Tensor, uniform: tf.Tensor, by: float) -> tf.Tensor:
    """Brighter or darker by as much as `by` (of [-1, 1]), with 1 - `by` to 1 + `by` times the contrast, and 1 - 2 `by`
    to 1 + 2 `by` times the saturation, as in DiffAugment for 0.5. Transparency, a fourth channel, stays."""
    signed = tf.reshape(by * (2.0 * uniform - 1.0), [-1, 3, 1, 1, 1])
    colours = images[..., :3]
    if colours.shape[-1] == 3:
        grey = tf.reduce_mean(colours, axis=-1, keepdims=True)
        colours = grey + (1.0 + 2.0 * signed[:, 2]) * (colours - grey)
    middle = tf.reduce_mean(colours, axis=[1, 2, 3], keepdims=True)
    colours = middle + (1.0 + signed[:, 1]) * (colours - middle) + signed[:, 0]
    return tf.concat([colours, images[..., 3:]], axis=-1)
