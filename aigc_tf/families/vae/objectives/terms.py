"""What objectives are made of."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Terms(NamedTuple):
    """Of B images, with K latents drawn for each.

    log_likelihood: log p(x | z), float32 [K, B].
    log_ratio: weight times log q(z | x) - log p(z), float32 [K, B].
    divergence: weight times the divergence KL(q(z | x) | p(z)) in closed form, with what is free of it, float32 [B].
    """

    log_likelihood: tf.Tensor
    log_ratio: tf.Tensor
    divergence: tf.Tensor
