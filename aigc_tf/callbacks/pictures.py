"""Pictures of what the model makes, always from the same seeds so that one sees it learn."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from aigc_tf.atomic_files import write_atomically
from aigc_tf.callbacks.step_callback import StepCallback
from aigc_tf.image_grid import image_grid
from aigc_tf.run_folder import RunFolder

_ROWS, _COLUMNS = 10, 10


class Pictures(StepCallback):
    """Every `every` steps: grids of what the model has to show, ten pictures a row (see `GenerativeModel.pictures`).

    `real`, images uint8 [N,H,W,C], is shown once beside them (the first 100).
    """

    def __init__(self, writer: tf.summary.SummaryWriter, run: RunFolder, every: int, real: np.ndarray) -> None:
        super().__init__()
        self._writer, self._run, self._every, self._real = writer, run, every, real

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        super().on_train_begin(logs)
        self._step = self._drawn = self._first_step
        self._pictures = self.model.pictures(_ROWS * _COLUMNS, _COLUMNS)
        if self._first_step == 0:
            self._show("real", image_grid(self._real[: _ROWS * _COLUMNS], _COLUMNS))

    def on_step(self, step: int, logs: dict[str, float]) -> None:
        self._step = step
        if step % self._every == 0:
            self._draw()

    def finish(self) -> None:
        if self._drawn < self._step:
            self._draw()

    def _draw(self) -> None:
        self._drawn = self._step
        for name, make in self._pictures.items():
            grid = image_grid(make().numpy(), _COLUMNS)
            self._show(name, grid)
            if name == "samples/averaged":
                write_atomically(self._run.sample_file(self._step), tf.io.encode_png(grid).numpy())

    def _show(self, name: str, grid: np.ndarray) -> None:
        with self._writer.as_default(step=self._step):
            tf.summary.image(name, grid[None])
