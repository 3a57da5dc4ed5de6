"""The logistic distribution over the 256 levels of a file (Kingma et al. 2016, https://arxiv.org/abs/1606.04934).

Each value has a centre and a scale of its own; a level's probability is what the distribution holds between the middles
to its neighbours, the outermost levels taking all beyond. A probability of the very file, so bits per dimension compare
with those of any other model of it. The image that stands for it is the centre, clipped.
"""

import tensorflow as tf

from aigc_tf.families.vae.likelihoods.likelihood import Likelihood, as_they_are, over_values

_HALF = 1.0 / 255.0  # of the way from one level to the next
_NARROWEST = -7.0  # log of the scale: a seventh of a level, where the density is as good as certain
_LEAST = 1e-12


def log_density(given: tf.Tensor, observed: tf.Tensor) -> tf.Tensor:
    """Of the values as levels, -1 + 2 k / 255 for k from 0 to 255."""
    centre, log_scale = tf.split(given, 2, axis=-1)
    inverse = tf.exp(-tf.maximum(log_scale, _NARROWEST))
    above, below = (observed + _HALF - centre) * inverse, (observed - _HALF - centre) * inverse
    # σ(a) - σ(b) = σ(a) σ(-b) (1 - exp(b - a)), which holds its digits in the tails.
    between = (
        -tf.math.softplus(-above)
        - tf.math.softplus(below)
        + tf.math.log(tf.maximum(-tf.math.expm1(-2.0 * _HALF * inverse), _LEAST))
    )
    lowest, highest = -tf.math.softplus(-above), -tf.math.softplus(below)
    edge = 1.0 - _HALF
    return over_values(tf.where(observed < -edge, lowest, tf.where(observed > edge, highest, between)))


def mean(given: tf.Tensor) -> tf.Tensor:
    """The centres, clipped to [-1, 1]."""
    centre, _ = tf.split(given, 2, axis=-1)
    return tf.clip_by_value(centre, -1.0, 1.0)


LIKELIHOOD = Likelihood(2, as_they_are, log_density, mean)
