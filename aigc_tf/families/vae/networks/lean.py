"""The default pair, made for nats per floating-point operation; docs/vae.md tells how it was chosen.

The decoder convolves before it enlarges, and makes four pixels of each of its last, so that nothing is computed at full
resolution.
"""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families.vae.networks.networks import Networks, joined
from aigc_tf.parts.conditioning import label_input, model
from aigc_tf.parts.layers import DepthToSpace

layers = tf.keras.layers

_FINEST_CHANNELS = 32  # at half the resolution; they double as it halves
_MOST_CHANNELS = 256
_HIDDEN = 256


def _sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Sizes from the full image down, each half the one before, until the shorter side is at most 8; at least three."""
    sizes = [(height, width)]
    while len(sizes) < 3 or min(sizes[-1]) > 8:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def _channels(level: int) -> int:
    return min(_FINEST_CHANNELS << level - 1, _MOST_CHANNELS)


def build(spec: DataSpec, latent_dim: int, parameters: int, conditional: bool = False) -> Networks:
    """One stage per halving of the image on both sides; any size, since a stage enlarges to whatever comes next."""
    height, width, image_channels = spec.image_shape
    sizes = _sizes(height, width)
    coarsest = len(sizes) - 1
    rows, columns = sizes[-1]

    labels = label_input(spec, conditional)
    images = x = tf.keras.Input(spec.image_shape, name="image")
    for level in range(1, coarsest + 1):
        x = layers.LeakyReLU(0.2)(layers.Conv2D(_channels(level), 4, 2, padding="same")(x))
    x = layers.LeakyReLU(0.2)(layers.Dense(_HIDDEN)(joined(layers.Flatten()(x), labels)))
    posterior = layers.Dense(2 * latent_dim, dtype="float32", name="posterior")(x)

    latents = tf.keras.Input([latent_dim], name="latent")
    x = layers.LeakyReLU(0.2)(layers.Dense(_HIDDEN)(joined(latents, labels)))
    x = layers.LeakyReLU(0.2)(layers.Dense(rows * columns * _channels(coarsest))(x))
    x = layers.Reshape([rows, columns, _channels(coarsest)])(x)
    for level in reversed(range(1, coarsest)):
        x = layers.Conv2D(_channels(level), 3, padding="same")(x)
        x = layers.LeakyReLU(0.2)(layers.Resizing(*sizes[level], interpolation="bilinear")(x))
    x = layers.Conv2D(4 * image_channels * parameters, 3, padding="same", dtype="float32")(x)
    x = DepthToSpace(2, dtype="float32")(x)  # [B, H, W, C * parameters] or slightly larger
    cropped = [[0, 2 * sizes[1][0] - height], [0, 2 * sizes[1][1] - width]]
    given = layers.Cropping2D(cropped, dtype="float32", name="given")(x)
    return Networks(
        model(images, labels, posterior, "lean_encoder"),
        model(latents, labels, given, "lean_decoder"),
    )
