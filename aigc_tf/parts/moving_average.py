"""The exponential moving average of weights (Yazici et al. 2018, https://arxiv.org/abs/1806.04498)."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def decay(batch_size: int, images_seen: tf.Tensor, half_life: float, ramp_up: float) -> tf.Tensor:
    """Share of the old average that one update of `batch_size` images keeps, float32 scalar in [0, 1).

    After `half_life` images an old weight counts half. While training is young, the half-life is at most
    `ramp_up * images_seen`, so that the first, random weights are forgotten (as in StyleGAN2,
    https://arxiv.org/abs/1912.04958); `ramp_up` 0 turns this off, `half_life` 0 the averaging.
    """
    half_life = tf.constant(half_life, tf.float32)
    if ramp_up > 0:
        half_life = tf.minimum(half_life, ramp_up * tf.cast(images_seen, tf.float32))
    return tf.where(half_life > 0, 0.5 ** (batch_size / tf.maximum(half_life, 1e-8)), 0.0)


def update(average: tf.keras.Model, model: tf.keras.Model, keep: tf.Tensor) -> None:
    """Move the weights of `average` towards those of `model`, from inside a training step.

    Mirrored weights may only be written where all replicas meet, hence the merge call; statistics of batch
    normalisation lie on each replica and are written there. What is frozen, in both alike, stays as it is.
    """

    def move(strategy: tf.distribute.Strategy, keep: Any) -> None:
        for old, new in zip(average.trainable_variables, model.trainable_variables):
            strategy.extended.update(old, lambda old, new, keep: old.assign(new + keep * (old - new)), (new, keep))

    tf.distribute.get_replica_context().merge_call(move, args=(keep,))
    for old, new in zip(average.non_trainable_variables, model.non_trainable_variables):
        if not new.trainable:  # else it is a weight of a frozen layer
            old.assign(new + keep * (old - new))
