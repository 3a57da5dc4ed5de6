"""Shows the model what it never trains on, to see whether it learns or memorises."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import tensorflow as tf

from aigc_tf.callbacks.step_callback import StepCallback


class HeldOut(StepCallback):
    """Every `every` steps, runs `test_step` over the first `count` of `batches` of held-out examples (see
    `Workers.distribute`); the figures join the curves."""

    def __init__(self, batches: Any, count: int, every: int) -> None:
        super().__init__()
        self._batches, self._count, self._every = batches, count, every

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
        batches = self._batches
        if isinstance(batches, tf.data.Dataset):
            batches = self.model.distribute_strategy.experimental_distribute_dataset(batches)
        return list(itertools.islice(batches, self._count))
