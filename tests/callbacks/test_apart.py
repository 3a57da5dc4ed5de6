"""What the chief does in a thread of its own ends as it would without one."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from aigc_tf.callbacks.apart import Apart
from aigc_tf.callbacks.step_callback import StepCallback


class Told(StepCallback):
    """Keeps the names of the threads in which it was called."""

    def __init__(self, does=lambda: None) -> None:
        super().__init__()
        self.does, self.threads, self.closed = does, [], False

    def on_step(self, step, logs):
        self.threads.append(threading.current_thread())
        self.does()

    def close(self):
        self.closed = True


def test_callbacks_are_called_in_their_order_beside_the_main_thread():
    order: list[int] = []
    first, second = Told(lambda: order.append(1)), Told(lambda: order.append(2))
    Apart([first, second]).on_step(1, {})
    assert order == [1, 2]
    assert first.threads == second.threads and first.threads != [threading.main_thread()]


def test_what_they_raise_is_raised():
    def fail():
        raise OSError("the disk is full")

    after = Told()
    with pytest.raises(OSError, match="the disk is full"):
        Apart([Told(fail), after]).on_step(1, {})
    assert not after.threads


def test_ctrl_c_breaks_off_what_takes_long():
    """It comes while a minute of work has just begun."""
    begun = threading.Event()

    def work():
        begun.set()
        until = time.monotonic() + 60
        while time.monotonic() < until:
            time.sleep(0.01)

    def press():
        begun.wait()
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    worker, after = Told(work), Told()
    apart = Apart([worker, after])
    try:
        threading.Thread(target=press).start()
        since = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            apart.on_step(1, {})
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - since < 30
    assert not after.threads
    apart.close()
    assert worker.closed and after.closed
