"""One update of weights by the gradient of a loss, which may be scaled."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from aigc_tf.parts import loss_scaling


def minimise(
    tape: tf.GradientTape, loss: tf.Tensor, variables: list[tf.Variable], optimizer: Any
) -> tuple[tf.Tensor, float | tf.Tensor]:
    """Update `variables` for a loss float32 scalar, whose gradient is summed over replicas. Returns the norm of the
    gradient, float32 scalar, and whether it counts, 1 or 0.

    With a scale for losses, a gradient that is not finite changes no weight, and its norm counts only where the scale
    had come down to 1: then training has diverged.
    """
    scale = loss_scaling.scale(optimizer)
    if scale is None:
        gradients = _summed(tape.gradient(loss, variables))
        optimizer.apply_gradients(zip(gradients, variables), experimental_aggregate_gradients=False)
        return tf.linalg.global_norm(gradients), 1.0
    with tape:
        scaled = optimizer.get_scaled_loss(loss)
    gradients = optimizer.get_unscaled_gradients(_summed(tape.gradient(scaled, variables)))
    optimizer.apply_gradients(zip(gradients, variables), experimental_aggregate_gradients=False)
    norm = tf.linalg.global_norm(gradients)
    counts = tf.math.is_finite(norm) | (scale <= 1.0)
    return tf.where(counts, norm, 0.0), tf.cast(counts, tf.float32)


def _summed(gradients: list[tf.Tensor]) -> list[tf.Tensor]:
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients)
