"""One line that tells how far training is: a bar in a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm

from aigc_tf import terminal
from aigc_tf.callbacks.step_callback import StepCallback
from aigc_tf.checkpoints import Checkpoints

_SECONDS_BETWEEN_LINES = 10.0


class ProgressLine(StepCallback):
    """Shows step, losses (means since the last point of the curves), images/s and the time left.

    Either `last_step` or `limit` (of the seconds in `checkpoints`) is the end counted towards.
    """

    def __init__(
        self, last_step: int | None, limit: float | None, checkpoints: Checkpoints, global_batch_size: int
    ) -> None:
        super().__init__()
        self._last_step, self._limit, self._checkpoints = last_step, limit, checkpoints
        self._global_batch_size = global_batch_size
        self._bar: tqdm | None = None

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        super().on_train_begin(logs)
        self._told = time.monotonic()
        self._timed: tuple[int, float] | None = None
        self._bar = None
        if sys.stderr.isatty() and not terminal.is_hushed():
            shape = "{n_fmt}/{total_fmt} {bar} {postfix}" if self._last_step else "step {n_fmt} {postfix}"
            self._bar = tqdm(total=self._last_step, initial=self._first_step, bar_format=shape, dynamic_ncols=True)

    def on_step(self, step: int, logs: dict[str, float]) -> None:
        now = time.monotonic()
        if self._timed is None:  # the first call also builds the graph: it says nothing about speed
            self._timed = (step, now)
        if self._bar is not None:
            self._bar.set_postfix_str(self._text(step, now, logs), refresh=False)
            self._bar.update(step - self._bar.n)
        elif not terminal.is_hushed() and (now - self._told >= _SECONDS_BETWEEN_LINES or step == self._last_step):
            self._told = now
            total = "" if self._last_step is None else f"/{self._last_step}"
            print(f"step {step}{total}: {self._text(step, now, logs)}", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def _text(self, step: int, now: float, logs: dict[str, float]) -> str:
        losses = [f"{name[5:]} {value:.3f}" for name, value in logs.items() if name.startswith("loss/")]
        return ", ".join([*losses, f"{self._speed(step, now):,.0f} images/s", f"{self._time_left(step, now)} left"])

    def _speed(self, step: int, now: float) -> float:
        first_step, first_time = self._timed or (step, now)
        return (step - first_step) * self._global_batch_size / (now - first_time) if step > first_step else 0.0

    def _time_left(self, step: int, now: float) -> str:
        if self._last_step is None:
            seconds = max(0.0, (self._limit or 0.0) - self._checkpoints.seconds)
        else:
            speed = self._speed(step, now)
            seconds = (self._last_step - step) * self._global_batch_size / speed if speed else 0.0
        return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
