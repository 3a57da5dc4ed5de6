"""Histograms of the weights in TensorBoard."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorboard.plugins.histogram import metadata

from aigc_tf.callbacks.step_callback import StepCallback

_BUCKETS = 30
_METADATA = metadata.create_summary_metadata(display_name=None, description=None)


class Histograms(StepCallback):
    """Every `every` steps, the distribution of each trainable weight of the networks, and what else the model has."""

    def __init__(self, writer: tf.summary.SummaryWriter, every: int) -> None:
        super().__init__()
        self._writer, self._every = writer, every

    def on_step(self, step: int, logs: dict[str, float]) -> None:
        if step % self._every:
            return
        with self._writer.as_default(step=step):
            for name, network in self.model.networks.items():
                for weight in network.trainable_variables:
                    tag = f"{name}/{weight.name.partition(':')[0]}"
                    tf.summary.write(tag, buckets(weight.numpy()), metadata=_METADATA)
            for name, values in self.model.distributions().items():
                tf.summary.write(name, buckets(values), metadata=_METADATA)


def buckets(values: np.ndarray) -> np.ndarray:
    """float64 [30, 3] for numbers of any shape: left and right edge of each bucket, and how many lie in it.

    Numbers that are not finite are left out. (`tf.summary.histogram` counts by a matrix of as many columns as buckets,
    which takes five times as long.)
    """
    finite = values[np.isfinite(values)].astype(np.float64)
    if len(finite) == 0 or finite.min() == finite.max():  # then NumPy would choose a range, which may round to nothing
        rows = np.full([_BUCKETS, 3], finite[0] if len(finite) else 0.0)
        rows[:, 2] = [0] * (_BUCKETS - 1) + [len(finite)]
        return rows
    counts, edges = np.histogram(finite, _BUCKETS)
    return np.stack([edges[:-1], edges[1:], counts], axis=1)
