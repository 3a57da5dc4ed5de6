"""The non-saturating loss of Goodfellow et al. 2014, section 3 (https://arxiv.org/abs/1406.2661).

Written with softplus on logits: -log sigmoid(x) = softplus(-x), which neither overflows nor loses the gradient.
"""

import tensorflow as tf

from aigc_tf.parts.losses.adversarial_loss import AdversarialLoss


def generator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """-log D(fake): strong gradients also while the discriminator wins."""
    return tf.nn.softplus(-fake_logits)


def discriminator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """-log D(real) - log(1 - D(fake)), the cross-entropy of real against fake."""
    return tf.nn.softplus(-real_logits) + tf.nn.softplus(fake_logits)


def slope_ratio(fake_logits: tf.Tensor) -> tf.Tensor:
    """-sigmoid(-x) / sigmoid(x) = -exp(-x). Below -60 it stays what it is there, since it would overflow; slopes are
    then too small, but a fake that far off is not to be expected."""
    return -tf.exp(-tf.maximum(fake_logits, -60.0))


LOSS = AdversarialLoss(generator_loss, discriminator_loss, slope_ratio=slope_ratio)
