"""Histograms of the weights in TensorBoard."""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.callbacks.step_callback import StepCallback


class Histograms(StepCallback):
    """Every `every` steps, the distribution of each trainable weight of both networks."""

    def __init__(self, writer: tf.summary.SummaryWriter, every: int) -> None:
        super().__init__()
        self._writer, self._every = writer, every

    def on_step(self, step: int, logs: dict[str, float]) -> None:
        if step % self._every:
            return
        with self._writer.as_default(step=step):
            for name, network in self.model.networks.items():
                for weight in network.trainable_variables:
                    tf.summary.histogram(f"{name}/{weight.name.partition(':')[0]}", weight)
