"""How fast training is, from a second of it."""

from __future__ import annotations

import time

from aigc_tf.callbacks.step_callback import StepCallback

_SECONDS = 1.0


class Stopwatch(StepCallback):
    """Ends training a second behind its first step, in which the graph is built, but not before a second one.

    Attributes:
        seconds_a_step: by the clock; 0 before the second call.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds_a_step = 0.0
        self._first: tuple[int, float] | None = None

    def on_step(self, step: int, logs: dict[str, float]) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = (step, now)
            return
        first, begun = self._first
        self.seconds_a_step = (now - begun) / (step - first)
        if now - begun >= _SECONDS:
            self.model.stop_training = True
