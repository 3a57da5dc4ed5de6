"""What the chief does alone while others wait for it."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any

from aigc_tf.callbacks.step_callback import StepCallback

_LONGEST_CALL = 60  # seconds of work that Python cannot break off, since TensorFlow does it


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
        done = threading.Event()

        def all_of_them() -> None:
            try:
                for callback in self._callbacks:
                    call(callback)
            except BaseException as error:
                raised.append(error)
            finally:
                done.set()

        thread = threading.Thread(target=all_of_them, name="chief")
        try:
            thread.start()
            # Not `join`, which takes the thread for ended once it was interrupted; and again and again, since a signal
            # that comes right before a wait is handled behind it.
            while not done.wait(1.0):
                pass
        except KeyboardInterrupt:
            if thread.ident is not None and not done.is_set():
                ident = ctypes.c_ulong(thread.ident)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(KeyboardInterrupt))
                done.wait(_LONGEST_CALL)
            raise
        if raised:
            raise raised[0]
