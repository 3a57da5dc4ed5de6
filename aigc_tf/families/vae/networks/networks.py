"""What every architecture gives, and how it takes labels."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from aigc_tf.datasets.spec import DataSpec

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


def label_input(spec: DataSpec, conditional: bool) -> tf.Tensor | None:
    """The second input of a conditional network, None for an unconditional one."""
    return tf.keras.Input([spec.num_classes], name="label") if conditional else None


def joined(x: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
    """x [B, D] with the shares of the classes behind it: the dense layer that follows gives each class an offset."""
    return x if labels is None else layers.Concatenate()([x, labels])


def model(inputs: tf.Tensor, labels: tf.Tensor | None, outputs: tf.Tensor, name: str) -> tf.keras.Model:
    """The network from these inputs, and labels beside them, to `outputs`."""
    return tf.keras.Model(inputs if labels is None else [inputs, labels], outputs, name=name)
