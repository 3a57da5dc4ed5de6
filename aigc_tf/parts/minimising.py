"""One update of weights by the gradient of a loss, which may be scaled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from aigc_tf.parts import loss_scaling


class Update(NamedTuple):
    """What an update found: the norm of the gradient, float32 scalar, and whether it counts, 1 or 0; and the gradient
    by each of the tensors that were asked for, as this replica has it."""

    norm: tf.Tensor
    counts: float | tf.Tensor
    slopes: list[tf.Tensor]


def minimise(
    tape: tf.GradientTape,
    loss: tf.Tensor,
    variables: list[tf.Variable],
    optimizer: Any,
    tensors: Sequence[tf.Tensor] = (),
) -> Update:
    """Update `variables` for a loss float32 scalar, whose gradient by them is summed over replicas. The same backward
    pass gives the gradient by `tensors`, which the tape watches.

    With a scale for losses, a gradient that is not finite changes no weight, and its norm counts only where the scale
    had come down to 1: then training has diverged.
    """
    scale = loss_scaling.scale(optimizer)
    if scale is not None:
        with tape:
            loss = optimizer.get_scaled_loss(loss)
    gradients, slopes = tape.gradient(loss, (variables, list(tensors)))
    gradients = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients)
    if scale is not None:
        gradients, slopes = map(optimizer.get_unscaled_gradients, (gradients, slopes))
    optimizer.apply_gradients(zip(gradients, variables), experimental_aggregate_gradients=False)
    norm = tf.linalg.global_norm(gradients)
    if scale is None:
        return Update(norm, 1.0, slopes)
    counts = tf.math.is_finite(norm) | (scale <= 1.0)
    return Update(tf.where(counts, norm, 0.0), tf.cast(counts, tf.float32), slopes)
