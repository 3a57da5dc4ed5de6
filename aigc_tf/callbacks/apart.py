"""What the chief does alone while others wait for it."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any

from aigc_tf.callbacks.step_callback import StepCallback


class Apart(StepCallback):
    """Runs the callbacks of one worker alone, in their order, each time in a thread of their own.

    Keras calls callbacks within the strategy's scope. In it a new variable (of a copied network, of a reader of data)
    would begin with the chief's value, which waits for all workers to make one; a scope holds for its thread alone.

    Python raises KeyboardInterrupt in the main thread, which only waits here: so it is raised in the other one, too.
    """

    def __init__(self, callbacks: list[StepCallback]) -> None:
        super().__init__()
        self._callbacks = callbacks

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

    def _each(self, call: Callable[[StepCallback], None]) -> None:
        raised: list[BaseException] = []

        def all_of_them() -> None:
            try:
                for callback in self._callbacks:
                    call(callback)
            except BaseException as error:
                raised.append(error)

        thread = threading.Thread(target=all_of_them, name="chief")
        thread.start()
        try:
            thread.join()
        except KeyboardInterrupt:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident or 0), ctypes.py_object(KeyboardInterrupt)
            )
            thread.join()
            raise
        if raised:
            raise raised[0]
