"""Writes checkpoints while training."""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.callbacks.step_callback import StepCallback
from aigc_tf.checkpoints import Checkpoints


class CheckpointSaver(StepCallback):
    """Saves every `every` steps, and when the budget is spent.

    Curves are flushed first: what was written before a checkpoint then survives our being killed right behind it.
    """

    def __init__(self, checkpoints: Checkpoints, every: int, writer: tf.summary.SummaryWriter) -> None:
        super().__init__()
        self._checkpoints, self._every, self._writer = checkpoints, every, writer

    def on_step(self, step: int, logs: dict[str, float]) -> None:
        if step % self._every == 0:
            self._save()

    def finish(self) -> None:
        self._save()

    def _save(self) -> None:
        self._writer.flush()
        self._checkpoints.save()
