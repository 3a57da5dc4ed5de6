"""Least squares GAN with targets 1 for real and 0 for fake, and the factor 1/2 (Mao et al. 2017,
https://arxiv.org/abs/1611.04076)."""

import tensorflow as tf

from aigc_tf.parts.losses.adversarial_loss import AdversarialLoss


def generator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """(fake - 1)^2 / 2."""
    return 0.5 * tf.square(fake_logits - 1.0)


def discriminator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """((real - 1)^2 + fake^2) / 2."""
    return 0.5 * (tf.square(real_logits - 1.0) + tf.square(fake_logits))


LOSS = AdversarialLoss(generator_loss, discriminator_loss, boundary=0.5)
