"""The continuous Bernoulli (Loaiza-Ganem and Cunningham 2019, https://arxiv.org/abs/1907.06845): grey levels in [0, 1].

Its density over numbers x from 0 to 1 is C(λ) λ^x (1-λ)^(1-x): cross-entropy, and what makes a density of it. With the
logit l of λ, C is l / tanh(l/2) and the mean λ / tanh(l/2) - 1/l. A density, not a probability: it can be above 1, and
a bound on its logarithm above 0.
"""

import tensorflow as tf

from aigc_tf.families.vae.likelihoods.likelihood import Likelihood, as_they_are, over_values

_NEAR = 0.1  # below, both formulas divide what vanishes by what vanishes, and a series is more exact


def log_density(logits: tf.Tensor, observed: tf.Tensor) -> tf.Tensor:
    """Of the values as numbers from 0 to 1."""
    x = (observed + 1.0) / 2.0
    return over_values(x * logits - tf.math.softplus(logits) + _log_constant(logits))


def mean(logits: tf.Tensor) -> tf.Tensor:
    """From [0, 1] to [-1, 1]."""
    near = tf.abs(logits) < _NEAR
    far = tf.where(near, 1.0, logits)
    series = logits / 6.0 - logits**3 / 360.0
    return tf.where(near, series, 2.0 * (tf.sigmoid(far) / tf.tanh(far / 2.0) - 1.0 / far) - 1.0)


def _log_constant(logits: tf.Tensor) -> tf.Tensor:
    near = tf.abs(logits) < _NEAR
    far = tf.where(near, 1.0, tf.abs(logits))  # also where it is not taken, its gradient must be finite
    series = 2.0 * (1.0 + logits**2 / 12.0 - logits**4 / 720.0)
    return tf.math.log(tf.where(near, series, far / tf.tanh(far / 2.0)))


LIKELIHOOD = Likelihood(1, as_they_are, log_density, mean)
