"""Relativistic pairing, RpGAN (Jolicoeur-Martineau 2018, https://arxiv.org/abs/1807.00734; as in R3GAN,
https://arxiv.org/abs/2501.05441): each fake is compared with the real image in the same row of the batch."""

import tensorflow as tf

from aigc_tf.parts.losses.adversarial_loss import AdversarialLoss


def generator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """softplus(real - fake)."""
    return tf.nn.softplus(real_logits - fake_logits)


def discriminator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """softplus(fake - real)."""
    return tf.nn.softplus(fake_logits - real_logits)


LOSS = AdversarialLoss(generator_loss, discriminator_loss, boundary=None)
