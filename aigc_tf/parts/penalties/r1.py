"""R1: half the squared gradient norm at real images (Mescheder et al. 2018, https://arxiv.org/abs/1801.04406)."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from aigc_tf.parts.penalties.gradients import squared_gradient_norm


def penalty(discriminator: Callable[..., tf.Tensor], real: tf.Tensor, fake: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """|grad D(real)|^2 / 2, so that the weight is the gamma of the paper."""
    return 0.5 * squared_gradient_norm(discriminator, real)
