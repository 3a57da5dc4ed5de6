"""The importance-weighted bound (Burda et al. 2016, https://arxiv.org/abs/1509.00519): tighter the more latents."""

import math

import tensorflow as tf

from aigc_tf.families.vae.objectives.terms import Terms


def objective(terms: Terms) -> tf.Tensor:
    """Minus the log of the mean over the latents of p(x | z) p(z) / q(z | x)."""
    weights = terms.log_likelihood - terms.log_ratio  # [K, B]
    return math.log(weights.shape[0]) - tf.reduce_logsumexp(weights, axis=0)
