"""Ends training early, cleanly: by the clock, or because somebody asked for it."""

from __future__ import annotations

import signal
import time
from types import FrameType
from typing import Any

from aigc_tf.callbacks.step_callback import StepCallback
from aigc_tf.checkpoints import Checkpoints


class Clock(StepCallback):
    """Counts the seconds trained, in `checkpoints`, which keep them; stops at `limit`, if there is one."""

    def __init__(self, checkpoints: Checkpoints, limit: float | None) -> None:
        super().__init__()
        self._checkpoints, self._limit = checkpoints, limit

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        super().on_train_begin(logs)
        self._origin = time.monotonic() - self._checkpoints.seconds

    def on_step(self, step: int, logs: dict[str, float]) -> None:
        self._checkpoints.seconds = time.monotonic() - self._origin
        if self._limit is not None and self._checkpoints.seconds >= self._limit:
            self.model.stop_training = True


class GracefulStop(StepCallback):
    """On SIGINT (Ctrl-C), SIGTERM or SIGHUP (a dropped connection), lets the step end and training stop.

    A second Ctrl-C breaks off at once. A SIGHUP that is ignored (`nohup`) stays so.

    Attributes:
        signal_name: the signal that came, None while none did.
    """

    def __init__(self) -> None:
        super().__init__()
        self.signal_name: str | None = None
        self._previous: dict[int, Any] = {}

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        super().on_train_begin(logs)
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        self._previous = {number: signal.signal(number, self._ask) for number in numbers}

    def on_step(self, step: int, logs: dict[str, float]) -> None:
        if self.signal_name is not None:
            self.model.stop_training = True

    def close(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.signal_name is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal_name = signal.Signals(number).name
