"""What every architecture gives, and how it takes labels."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

layers = tf.keras.layers


class Networks(NamedTuple):
    """Two functional Keras models.

    encoder: images float32 [B, H, W, C] in [-1, 1] -> float32 [B, 2 * latent_dim]: the means of the latents, and behind
        them the logarithms of their variances.
    decoder: latents float32 [B, latent_dim] -> float32 [B, H, W, C * parameters], what a likelihood takes.

    Conditional ones take a list of that and of labels as shares of the classes, float32 [B, num_classes].
    """

    encoder: tf.keras.Model
    decoder: tf.keras.Model


def joined(x: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
    """x [B, D] with the shares of the classes behind it: the dense layer that follows gives each class an offset."""
    return x if labels is None else layers.Concatenate()([x, labels])
