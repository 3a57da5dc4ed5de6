"""A mean that replicas share."""

from __future__ import annotations

import tensorflow as tf


class GlobalMean(tf.keras.metrics.Metric):
    """The mean of all values of all replicas.

    Keras' own mean keeps a sum on each replica; a checkpoint holds their total, and a restored one is split anew, which
    rounds differently from then on. Here the sums are taken over replicas first, so that all hold the same.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        first = tf.VariableAggregation.ONLY_FIRST_REPLICA
        self.total = self.add_weight("total", initializer="zeros", aggregation=first)
        self.count = self.add_weight("count", initializer="zeros", aggregation=first)

    def update_state(self, values: tf.Tensor, sample_weight: float | tf.Tensor = 1.0) -> None:
        """Add `values` (float, any shape), each with the same weight."""
        values = tf.cast(values, tf.float32)
        sums = [tf.reduce_sum(values) * sample_weight, tf.cast(tf.size(values), tf.float32) * sample_weight]
        total, count = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, sums)
        self.total.assign_add(total)
        self.count.assign_add(count)

    def reset_state(self) -> None:
        """Forget all values. (Keras' own is for eager code only.)"""
        self.total.assign(0.0)
        self.count.assign(0.0)

    def result(self) -> tf.Tensor:
        """The mean, 0 of nothing."""
        return tf.math.divide_no_nan(self.total, self.count)
