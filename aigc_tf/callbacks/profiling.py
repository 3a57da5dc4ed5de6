"""A profile of some training steps for TensorBoard, where somebody asks for one."""

from __future__ import annotations

import logging
from pathlib import Path

import tensorflow as tf

from aigc_tf.callbacks.step_callback import StepCallback

_logger = logging.getLogger("aigc_tf")
_WARM_UP = 20
"""Steps that are not looked at: in the first ones the graph is built, and memory is asked for."""


class Profiling(StepCallback):
    """Records which operations run when, on which thread, for `count` steps or a few more; see TensorFlow's profiler
    (https://www.tensorflow.org/guide/profiler). Where training ends before, what there is by then."""

    def __init__(self, count: int, folder: Path) -> None:
        super().__init__()
        self._count, self._folder = count, folder
        self._begun: int | None = None
        self._done = False

    def on_step(self, step: int, logs: dict[str, float]) -> None:
        if self._begun is None and step >= self._first_step + _WARM_UP:
            self._begun = step
            tf.profiler.experimental.start(str(self._folder))
        elif self._begun is not None and step >= self._begun + self._count:
            self.close()

    def close(self) -> None:
        if self._begun is None:
            _logger.warning("there is no profile: training ended within the first %d steps", _WARM_UP)
        elif not self._done:
            self._done = True
            tf.profiler.experimental.stop()
