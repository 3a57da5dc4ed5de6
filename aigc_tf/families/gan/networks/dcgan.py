"""The convolutional pair of TensorFlow's DCGAN tutorial (https://www.tensorflow.org/tutorials/generative/dcgan).

Layer for layer the tutorial's for 28x28x1; other sizes start from a quarter of the image, rounded up, and crop.
"""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families.gan.networks import conditioning
from aigc_tf.families.gan.networks.networks import Networks
from aigc_tf.parts.conditioning import label_input, model
from aigc_tf.parts.layers import StatelessDropout, batch_norm, maybe_spectral_norm

layers = tf.keras.layers


def build(spec: DataSpec, latent_dim: int, spectral_norm: bool = False, conditional: bool = False) -> Networks:
    """5x5 convolutions, 256-128-64 up in the generator, 64-128 down in the discriminator."""
    height, width, channels = spec.image_shape
    rows, columns = -(-height // 4), -(-width // 4)

    labels = label_input(spec, conditional)
    latents = tf.keras.Input([latent_dim], name="latent")
    x = layers.Dense(rows * columns * 256, use_bias=False)(conditioning.joined(latents, labels))
    x = layers.LeakyReLU(0.3)(batch_norm()(x))
    x = layers.Reshape([rows, columns, 256])(x)  # [B, H/4, W/4, 256]
    for filters, strides in ((128, 1), (64, 2)):
        x = layers.Conv2DTranspose(filters, 5, strides, padding="same", use_bias=False)(x)
        x = layers.LeakyReLU(0.3)(conditioning.normalised(x, labels))
    x = layers.Conv2DTranspose(channels, 5, 2, padding="same", use_bias=False)(x)  # [B, H, W, C] or slightly larger
    x = layers.Cropping2D([[0, 4 * rows - height], [0, 4 * columns - width]])(x)
    fakes = layers.Activation("tanh", dtype="float32", name="image")(x)

    images = x = tf.keras.Input(spec.image_shape, name="image")
    for filters in (64, 128):
        x = maybe_spectral_norm(layers.Conv2D(filters, 5, 2, padding="same"), spectral_norm)(x)
        x = StatelessDropout(0.3)(layers.LeakyReLU(0.3)(x))
    x = layers.Flatten()(x)
    logits = conditioning.logit(x, labels, spectral_norm)
    return Networks(
        model(latents, labels, fakes, "dcgan_generator"),
        model(images, labels, logits, "dcgan_discriminator"),
    )
