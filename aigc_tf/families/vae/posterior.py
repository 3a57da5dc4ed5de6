"""What an encoder says of images: a normal distribution of latents for each."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Posterior(NamedTuple):
    """Means and logarithms of variances, both float32 [B, Z]."""

    mean: tf.Tensor
    log_variance: tf.Tensor

    @classmethod
    def of(cls, encoded: tf.Tensor) -> Posterior:
        """From an encoder's output [B, 2 Z]."""
        return cls(*tf.split(encoded, 2, axis=-1))

    @property
    def deviation(self) -> tf.Tensor:
        """Standard deviations [B, Z]."""
        return tf.exp(0.5 * self.log_variance)

    def latents(self, normal: tf.Tensor) -> tf.Tensor:
        """Latents [..., B, Z] from standard normal numbers of that shape."""
        return self.mean + self.deviation * normal

    def divergence(self) -> tf.Tensor:
        """Of each unit from the standard normal prior, in nats: KL(q(z | x) | p(z)), [B, Z]."""
        return 0.5 * (self.mean**2 + tf.exp(self.log_variance) - self.log_variance - 1.0)

    def log_ratio(self, normal: tf.Tensor) -> tf.Tensor:
        """log q(z | x) - log p(z), [..., B], of the latents from these numbers [..., B, Z]."""
        return 0.5 * tf.reduce_sum(self.latents(normal) ** 2 - normal**2 - self.log_variance, axis=-1)
