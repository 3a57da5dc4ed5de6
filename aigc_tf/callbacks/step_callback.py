"""The base of our callbacks: they count training steps from the beginning of the run, not from its last start."""

from __future__ import annotations

import tensorflow as tf


class StepCallback(tf.keras.callbacks.Callback):
    """Calls `on_step(step, logs)` behind each call of the compiled step; `step` counts from the beginning of the run.

    A call makes several steps (`session.steps_per_call`), but never passes one at which a callback has something to do.
    """

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self._first_step = int(self.model.step.numpy())

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.on_step(self._first_step + batch + 1, logs or {})

    def on_step(self, step: int, logs: dict[str, float]) -> None:
        """Behind each call; `logs` holds what the last `train_step` returned."""

    def finish(self) -> None:
        """Once, when the budget is spent; not where training was interrupted, since a resumed run goes on there.

        May write records but change no state, so that a run that is prolonged later equals one that was longer at once.
        """

    def close(self) -> None:
        """Always, at last: also where training raised."""
