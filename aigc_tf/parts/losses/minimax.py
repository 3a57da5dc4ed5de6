"""The original minimax game of Goodfellow et al. 2014, equation 1 (https://arxiv.org/abs/1406.2661).

Its generator loss saturates where the discriminator is sure; kept for teaching and comparison.
"""

import tensorflow as tf

from aigc_tf.parts.losses.adversarial_loss import AdversarialLoss, zero_sum
from aigc_tf.parts.losses.non_saturating import discriminator_loss


def generator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """log(1 - D(fake)); at most 0, unbounded below."""
    return -tf.nn.softplus(fake_logits)


LOSS = AdversarialLoss(generator_loss, discriminator_loss, slope_ratio=zero_sum)
