"""The pair of Keras' tutorial (https://keras.io/examples/generative/vae): 3x3 convolutions and a dense layer of 16.

Layer for layer the tutorial's for 28x28x1; other sizes start from a quarter of the image, rounded up, and crop. The
decoder ends in logits rather than in a sigmoid, since likelihoods work on those.
"""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families.vae.networks.networks import Networks, joined
from aigc_tf.parts.conditioning import label_input, model

layers = tf.keras.layers


def build(spec: DataSpec, latent_dim: int, parameters: int, conditional: bool = False) -> Networks:
    """32 and 64 channels down, 64 and 32 up."""
    height, width, channels = spec.image_shape
    rows, columns = -(-height // 4), -(-width // 4)

    labels = label_input(spec, conditional)
    images = x = tf.keras.Input(spec.image_shape, name="image")
    for filters in (32, 64):
        x = layers.Conv2D(filters, 3, 2, padding="same", activation="relu")(x)
    x = layers.Dense(16, activation="relu")(joined(layers.Flatten()(x), labels))
    posterior = layers.Dense(2 * latent_dim, dtype="float32", name="posterior")(x)

    latents = tf.keras.Input([latent_dim], name="latent")
    x = layers.Dense(rows * columns * 64, activation="relu")(joined(latents, labels))
    x = layers.Reshape([rows, columns, 64])(x)
    for filters in (64, 32):
        x = layers.Conv2DTranspose(filters, 3, 2, padding="same", activation="relu")(x)
    x = layers.Conv2DTranspose(channels * parameters, 3, padding="same")(x)
    x = layers.Cropping2D([[0, 4 * rows - height], [0, 4 * columns - width]])(x)
    given = layers.Activation("linear", dtype="float32", name="given")(x)
    return Networks(
        model(images, labels, posterior, "keras_encoder"),
        model(latents, labels, given, "keras_decoder"),
    )
