"""What all gradient penalties need: the slope of the discriminator at given images."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


def squared_gradient_norm(discriminator: Callable[..., tf.Tensor], images: tf.Tensor) -> tf.Tensor:
    """Squared Euclidean norm of d logit / d image, float32 [B], for images [B,H,W,C].

    Differentiable with respect to the discriminator's weights. Rows must not depend on each other (no batch
    statistics in the discriminator), since the gradient of the sum of logits is read as one gradient a row.
    """
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = discriminator(images, training=True)
    gradient = tf.cast(tape.gradient(logits, images), tf.float32)
    return tf.reduce_sum(tf.square(gradient), axis=[1, 2, 3])
