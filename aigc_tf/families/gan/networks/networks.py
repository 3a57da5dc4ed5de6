"""What every architecture gives."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Networks(NamedTuple):
    """Two functional Keras models.

    generator: latents float32 [B, latent_dim] -> images float32 [B,H,W,C] in [-1, 1].
    discriminator: images float32 [B,H,W,C] in [-1, 1] -> logits float32 [B,1], higher for real.

    Conditional ones take a list of that and of labels as shares of the classes, float32 [B, num_classes].
    """

    generator: tf.keras.Model
    discriminator: tf.keras.Model
