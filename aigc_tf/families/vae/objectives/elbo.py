"""The evidence lower bound (Kingma and Welling 2014), its divergence in closed form."""

import tensorflow as tf

from aigc_tf.families.vae.objectives.terms import Terms


def objective(terms: Terms) -> tf.Tensor:
    """The divergence minus the mean log-likelihood over the latents."""
    return terms.divergence - tf.reduce_mean(terms.log_likelihood, axis=0)
