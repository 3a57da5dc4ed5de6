"""Ends training early, cleanly: by the clock, or because somebody asked for it; all workers at the same step."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from aigc_tf.callbacks.step_callback import StepCallback
from aigc_tf.checkpoints import Checkpoints
from aigc_tf.errors import CollapsedError, FaultError
from aigc_tf.workers import Workers


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


class Meeting(StepCallback):
    """Where several workers train: behind all other callbacks of a step they agree whether it was the last.

    It was where any of them was sent a signal, or where one of its callbacks ended training. Raises FaultError where
    one of them had to give up.
    """

    def __init__(self, workers: Workers, stop: GracefulStop) -> None:
        super().__init__()
        self._workers, self._stop = workers, stop
        self._agreed: str | None = None
        self._others_wait = False

    @property
    def signal_name(self) -> str | None:
        """The signal that ended training, None where none did; one that comes behind the last meeting is too late."""
        return self._stop.signal_name if self._workers.alone else self._agreed

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._others_wait = True  # or will do so, once the step is made

    def on_step(self, step: int, logs: dict[str, float]) -> None:
        self._others_wait = False
        if self._workers.alone:
            return
        signal_name = self._stop.signal_name
        number = 0 if signal_name is None else signal.Signals[signal_name].value
        table = self._workers.meet([number, bool(self.model.stop_training), False])
        for index, (_, _, gives_up) in enumerate(table):
            if gives_up:
                self._workers.hear_out()
                name = self._workers.cluster.name(index)
                raise FaultError(f"{name} gave up at step {step}; what it says there tells why")
        number = max(row[0] for row in table)
        self._agreed = signal.Signals(number).name if number else None
        self.model.stop_training = number > 0 or any(row[1] for row in table)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Within it the others, who wait at the meeting, are told of what ends one worker alone."""
        try:
            yield
        except (CollapsedError, OSError):
            if self._others_wait:
                self._workers.meet([0, True, True])
                self._workers.hear_out()
            raise
