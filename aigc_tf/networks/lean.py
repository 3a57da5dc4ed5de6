"""The default pair: few channels, strided 4x4 convolutions, made for quality per floating-point operation."""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.datasets.spec import DataSpec
from aigc_tf.networks.layers import batch_norm, maybe_spectral_norm
from aigc_tf.networks.networks import Networks

layers = tf.keras.layers

# Channels at full resolution, and the most that any layer may have. They double as the resolution halves.
_FINEST_CHANNELS = 32
_MOST_CHANNELS = 256


def _num_halvings(height: int, width: int) -> int:
    """How often the image is halved until its shorter side is at most 8 pixels; at least once."""
    halvings = 1
    while min(height, width) > 8 << halvings:
        halvings += 1
    return halvings


def _channels(halvings: int) -> int:
    return min(_FINEST_CHANNELS << halvings, _MOST_CHANNELS)


def build(spec: DataSpec, latent_dim: int, spectral_norm: bool = False) -> Networks:
    """One stride-2 convolution a halving on both sides; sizes that do not divide are rounded up and cropped."""
    height, width, image_channels = spec.image_shape
    halvings = _num_halvings(height, width)
    rows, columns = -(-height // 2**halvings), -(-width // 2**halvings)

    latents = tf.keras.Input([latent_dim], name="latent")
    x = layers.Dense(rows * columns * _channels(halvings), use_bias=False)(latents)
    x = layers.LeakyReLU(0.2)(batch_norm()(x))
    x = layers.Reshape([rows, columns, _channels(halvings)])(x)
    for level in reversed(range(halvings)):
        x = layers.Conv2DTranspose(_channels(level), 4, 2, padding="same", use_bias=False)(x)
        x = layers.LeakyReLU(0.2)(batch_norm()(x))  # [B, about H/2^level, about W/2^level, channels]
    x = layers.Cropping2D([[0, rows * 2**halvings - height], [0, columns * 2**halvings - width]])(x)
    x = layers.Conv2D(image_channels, 3, padding="same")(x)
    fakes = layers.Activation("tanh", dtype="float32", name="image")(x)

    images = x = tf.keras.Input(spec.image_shape, name="image")
    for level in range(halvings + 1):
        x = maybe_spectral_norm(layers.Conv2D(_channels(level), 4, 2, padding="same"), spectral_norm)(x)
        x = layers.LeakyReLU(0.2)(x)
    x = layers.Flatten()(x)
    logits = maybe_spectral_norm(layers.Dense(1, dtype="float32"), spectral_norm)(x)
    return Networks(
        tf.keras.Model(latents, fakes, name="lean_generator"), tf.keras.Model(images, logits, name="lean_discriminator")
    )
