"""The hinge loss (Lim and Ye 2017, https://arxiv.org/abs/1705.02894; as in SAGAN and BigGAN)."""

import tensorflow as tf

from aigc_tf.parts.losses.adversarial_loss import AdversarialLoss
from aigc_tf.parts.losses.wasserstein import generator_loss


def discriminator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """max(0, 1 - real) + max(0, 1 + fake): examples beyond the margin no longer pull."""
    return tf.nn.relu(1.0 - real_logits) + tf.nn.relu(1.0 + fake_logits)


LOSS = AdversarialLoss(generator_loss, discriminator_loss)
