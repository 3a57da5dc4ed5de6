"""What a GAN shows of itself while it trains."""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.parts import labels
from aigc_tf.parts.latents import latents_from_seeds
from aigc_tf.parts.walks import Shown


def samples(count: int, columns: int, latent_dim: int, num_classes: int) -> Shown:
    """Of `count` samples; see `labels.in_rows`."""
    seeds, told = labels.in_rows(count, columns, num_classes)
    # Eagerly each of them would go through Python, half a second for 64.
    latents = tf.function(latents_from_seeds, autograph=False)(seeds, latent_dim)
    return latents, None if told is None else tf.one_hot(told, num_classes)
