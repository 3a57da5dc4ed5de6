"""The default pair, made for quality per floating-point operation; docs/recipe.md tells how it was chosen.

The generator convolves before it enlarges, so that each convolution runs on a quarter of the pixels, and enlarges by
bilinear interpolation, which is nearly free and leaves no chequerboard.
"""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families.gan.networks import conditioning
from aigc_tf.families.gan.networks.networks import Networks
from aigc_tf.parts.conditioning import label_input, model
from aigc_tf.parts.layers import batch_norm, maybe_spectral_norm

layers = tf.keras.layers

# Channels at full resolution, and the most that any layer may have. They double as the resolution halves.
_FINEST_CHANNELS = 32
_MOST_CHANNELS = 256


def _sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Sizes from the full image down, each half the one before, until the shorter side is at most 8; at least two."""
    sizes = [(height, width)]
    while len(sizes) < 2 or min(sizes[-1]) > 8:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def _channels(level: int) -> int:
    return min(_FINEST_CHANNELS << level, _MOST_CHANNELS)


def build(spec: DataSpec, latent_dim: int, spectral_norm: bool = False, conditional: bool = False) -> Networks:
    """One stage per halving of the image on both sides; any size, since a stage enlarges to whatever comes next."""
    *image_shape, image_channels = spec.image_shape
    sizes = _sizes(*image_shape)
    coarsest = len(sizes) - 1
    rows, columns = sizes[-1]

    labels = label_input(spec, conditional)
    latents = tf.keras.Input([latent_dim], name="latent")
    x = layers.Dense(rows * columns * _channels(coarsest), use_bias=False)(conditioning.joined(latents, labels))
    x = layers.ReLU()(batch_norm()(x))
    x = layers.Reshape([rows, columns, _channels(coarsest)])(x)
    for level in reversed(range(coarsest)):
        x = layers.Conv2D(_channels(level), 3, padding="same", use_bias=False)(x)
        enlarge = layers.Resizing(*sizes[level], interpolation="bilinear")
        # Scales and shifts by class cost a quarter on a quarter of the pixels.
        x = batch_norm()(enlarge(x)) if labels is None else enlarge(conditioning.normalised(x, labels))
        x = layers.ReLU()(x)  # [B, *sizes[level], channels]
    x = layers.Conv2D(image_channels, 3, padding="same")(x)
    fakes = layers.Activation("tanh", dtype="float32", name="image")(x)

    images = x = tf.keras.Input(spec.image_shape, name="image")
    for level in range(len(sizes)):
        x = maybe_spectral_norm(layers.Conv2D(_channels(level), 4, 2, padding="same"), spectral_norm)(x)
        x = layers.LeakyReLU(0.2)(x)
    # One layer that sees the whole image: strokes that are right one by one need not make a digit.
    x = maybe_spectral_norm(layers.Dense(_channels(coarsest)), spectral_norm)(layers.Flatten()(x))
    x = layers.LeakyReLU(0.2)(x)
    logits = conditioning.logit(x, labels, spectral_norm)
    return Networks(
        model(latents, labels, fakes, "lean_generator"),
        model(images, labels, logits, "lean_discriminator"),
    )
