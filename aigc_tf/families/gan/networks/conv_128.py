"""The convolutional pair of a tutorial on 28x28 images of a folder: 128 channels everywhere.

Its generator starts from 7x7 and enlarges by transposed convolutions, each before LeakyReLU and batch normalisation in
that order; a convolution of 7x7 pixels makes the image of them. Other sizes start from a quarter of the image, rounded
up, and crop. The discriminator ends in a logit rather than a sigmoid, since the losses work on logits.
"""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families.gan.networks import conditioning
from aigc_tf.families.gan.networks.networks import Networks
from aigc_tf.parts.conditioning import label_input, model
from aigc_tf.parts.layers import maybe_spectral_norm

layers = tf.keras.layers

_CHANNELS = 128


def build(spec: DataSpec, latent_dim: int, spectral_norm: bool = False, conditional: bool = False) -> Networks:
    """Two transposed 5x5 convolutions up in the generator, two 5x5 convolutions down in the discriminator."""
    height, width, channels = spec.image_shape
    rows, columns = -(-height // 4), -(-width // 4)

    labels = label_input(spec, conditional)
    latents = tf.keras.Input([latent_dim], name="latent")
    x = layers.LeakyReLU(0.01)(layers.Dense(rows * columns * _CHANNELS)(conditioning.joined(latents, labels)))
    x = layers.Reshape([rows, columns, _CHANNELS])(x)  # [B, H/4, W/4, 128]
    for _ in range(2):
        x = layers.Conv2DTranspose(_CHANNELS, 5, 2, padding="same")(x)
        x = conditioning.normalised(layers.LeakyReLU(0.01)(x), labels, momentum=0.8)
    x = layers.Conv2D(channels, 7, padding="same")(x)  # [B, H, W, C] or slightly larger
    x = layers.Cropping2D([[0, 4 * rows - height], [0, 4 * columns - width]])(x)
    fakes = layers.Activation("tanh", dtype="float32", name="image")(x)

    images = x = tf.keras.Input(spec.image_shape, name="image")
    for _ in range(2):
        x = maybe_spectral_norm(layers.Conv2D(_CHANNELS, 5, 2, padding="same"), spectral_norm)(x)
        x = layers.LeakyReLU(0.01)(x)
    x = layers.Flatten()(x)
    logits = conditioning.logit(x, labels, spectral_norm)
    return Networks(
        model(latents, labels, fakes, "conv_128_generator"),
        model(images, labels, logits, "conv_128_discriminator"),
    )
