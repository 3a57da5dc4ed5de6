"""The Wasserstein loss of Arjovsky et al. 2017 (https://arxiv.org/abs/1701.07875).

It bounds nothing by itself: combine it with the penalty `wgan_gp` or with spectral normalisation.
"""

import tensorflow as tf

from aigc_tf.parts.losses.adversarial_loss import AdversarialLoss, zero_sum


def generator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """-fake."""
    return -fake_logits


def discriminator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """fake - real."""
    return fake_logits - real_logits


LOSS = AdversarialLoss(generator_loss, discriminator_loss, boundary=None, slope_ratio=zero_sum)
