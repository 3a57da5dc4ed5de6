"""The dense pairs of the tutorials: 256-512 in the generator and 1024-512 in the discriminator, or other widths.

Two things differ from the usual text, which trains badly as written: the discriminator ends in a logit rather than
a sigmoid, since the losses work on logits, and hidden layers use LeakyReLU, so that no unit dies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf

from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families.gan.networks import conditioning
from aigc_tf.families.gan.networks.networks import Networks
from aigc_tf.parts.conditioning import label_input, model
from aigc_tf.parts.layers import maybe_spectral_norm

layers = tf.keras.layers


def build(
    spec: DataSpec,
    latent_dim: int,
    spectral_norm: bool = False,
    conditional: bool = False,
    generator_widths: Sequence[int] = (256, 512),
    discriminator_widths: Sequence[int] = (1024, 512),
) -> Networks:
    """Dense networks for any image shape; the image is handled as one vector of H*W*C values.

    The widths are the units of the hidden layers, from first to last.
    """
    labels = label_input(spec, conditional)
    latents = tf.keras.Input([latent_dim], name="latent")
    x = conditioning.joined(latents, labels)
    for units in generator_widths:
        x = layers.LeakyReLU(0.2)(layers.Dense(units)(x))
    x = layers.Dense(math.prod(spec.image_shape))(x)
    x = layers.Reshape(spec.image_shape)(x)
    fakes = layers.Activation("tanh", dtype="float32", name="image")(x)

    images = tf.keras.Input(spec.image_shape, name="image")
    x = layers.Flatten()(images)
    for units in discriminator_widths:
        x = layers.LeakyReLU(0.2)(maybe_spectral_norm(layers.Dense(units), spectral_norm)(x))
    logits = conditioning.logit(x, labels, spectral_norm)
    return Networks(
        model(latents, labels, fakes, "mlp_generator"),
        model(images, labels, logits, "mlp_discriminator"),
    )
