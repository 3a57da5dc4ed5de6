"""The gradient penalty of WGAN-GP (Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028)."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from aigc_tf.parts.penalties.gradients import squared_gradient_norm


def penalty(discriminator: Callable[..., tf.Tensor], real: tf.Tensor, fake: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """(|grad D(x)| - 1)^2 at x = a random point between each pair of real and fake; the paper's weight is 10."""
    mix = tf.reshape(uniform, [-1, 1, 1, 1])
    squared_norm = squared_gradient_norm(discriminator, real + mix * (fake - real))
    # The square root has an infinite slope at 0, where a dead discriminator would put NaN into the weights.
    return tf.square(tf.sqrt(squared_norm + 1e-12) - 1.0)
