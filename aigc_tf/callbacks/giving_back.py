"""Gives memory back that training does not need."""

from __future__ import annotations

from aigc_tf import memory
from aigc_tf.callbacks.step_callback import StepCallback


class GivingBack(StepCallback):
    """Behind the first call, which made the graph of a step, and every `every` steps, of which the first pictures and
    the first checkpoint have left something, too."""

    def __init__(self, every: int) -> None:
        super().__init__()
        self._every = every

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        super().on_train_begin(logs)
        self._given = False

    def on_step(self, step: int, logs: dict[str, float]) -> None:
        if not self._given or step % self._every == 0:
            self._given = True
            memory.give_back()
