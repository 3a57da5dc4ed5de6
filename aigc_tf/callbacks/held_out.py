"""Shows the model what it never trains on, to see whether it learns or memorises."""

from __future__ import annotations

import functools
from typing import Any

import tensorflow as tf

from aigc_tf.callbacks.step_callback import StepCallback


class HeldOut(StepCallback):
    """Every `every` steps, runs `test_step` over `batches` (a few held-out ones); the figures join the curves."""

    def __init__(self, batches: tf.data.Dataset, every: int) -> None:
        super().__init__()
        self._batches, self._every = batches, every

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        super().on_train_begin(logs)
        strategy = self.model.distribute_strategy
        # Keras' evaluate would set itself up anew each time, which takes longer than the batches.
        # Like `train_step`, it is plain TensorFlow: converting Python's own loops in it takes time for nothing.
        self._test = tf.function(lambda batch: strategy.run(self.model.test_step, (batch,)), autograph=False)

    def on_step(self, step: int, logs: dict[str, float]) -> None:
        if step % self._every == 0:
            for batch in self._distributed:
                self._test(batch)

    @functools.cached_property
    def _distributed(self) -> list[Any]:
        """Kept: to begin with the data set anew takes longer than the model with its batches."""
        return list(self.model.distribute_strategy.experimental_distribute_dataset(self._batches))
