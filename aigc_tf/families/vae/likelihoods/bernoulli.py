"""Black or white: each value is a coin, and an image is a throw of coins with its grey levels as chances.

The throw is made anew each time that an image is seen: dynamic binarisation (Salakhutdinov and Murray 2008; Burda et
al. 2016, https://arxiv.org/abs/1509.00519). A density over the two values; its mean is a grey level.
"""

import tensorflow as tf

from aigc_tf.families.vae.likelihoods.likelihood import Likelihood, over_values


def observe(images: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """-1 or 1 for each value: 1 where the uniform number is below the grey level as a number from 0 to 1."""
    return tf.where(uniform < (images + 1.0) / 2.0, 1.0, -1.0)


def log_density(logits: tf.Tensor, observed: tf.Tensor) -> tf.Tensor:
    """log σ(± logit), summed: of white values log σ(logit), of black ones log(1 - σ(logit))."""
    return over_values(-tf.math.softplus(-observed * logits))


def mean(logits: tf.Tensor) -> tf.Tensor:
    """Chances of white, from [0, 1] to [-1, 1]."""
    return tf.tanh(logits / 2.0)


LIKELIHOOD = Likelihood(1, observe, log_density, mean)
