"""What the chief does alone while others wait for it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aigc_tf.callbacks.step_callback import StepCallback


class Apart(StepCallback):
    """Runs the callbacks of one worker alone, in their order, in a thread of their own.

    Keras calls callbacks within the strategy's scope. In it a new variable (of a copied network, of a reader of data)
    would begin with the chief's value, which waits for all workers to make one; a scope holds for its thread alone.
    """

    def __init__(self, callbacks: list[StepCallback]) -> None:
        super().__init__()
        self._callbacks = callbacks
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="chief")

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        for each in self._callbacks:
            each.set_model(model)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        super().on_train_begin(logs)
        self._each(lambda callback: callback.on_train_begin(logs))

    def on_step(self, step: int, logs: dict[str, float]) -> None:
        self._each(lambda callback: callback.on_step(step, logs))

    def finish(self) -> None:
        self._each(lambda callback: callback.finish())

    def close(self) -> None:
        self._each(lambda callback: callback.close())
        self._thread.shutdown()

    def _each(self, call: Callable[[StepCallback], None]) -> None:
        def all_of_them() -> None:
            for callback in self._callbacks:
                call(callback)

        self._thread.submit(all_of_them).result()
