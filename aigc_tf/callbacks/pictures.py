"""Pictures of what the model makes, always from the same seeds so that one sees it learn."""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.atomic_files import write_atomically
from aigc_tf.callbacks.step_callback import StepCallback
from aigc_tf.datasets.dataset import Dataset
from aigc_tf.run_folder import RunFolder

_ROWS, _COLUMNS = 10, 10


class Pictures(StepCallback):
    """Every `every` steps: what the model has to show, ten examples a row (see `GenerativeModel.pictures` and
    `comparisons`).

    The first 100 of `data` are shown once beside them.
    """

    def __init__(self, writer: tf.summary.SummaryWriter, run: RunFolder, every: int, data: Dataset) -> None:
        super().__init__()
        self._writer, self._run, self._every, self._data = writer, run, every, data
        self._modality = data.spec.modality

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        super().on_train_begin(logs)
        self._step = self._drawn = self._first_step
        held_out = self._data.reader("test")(tf.range(min(_ROWS * _COLUMNS, self._data.count("test")), dtype=tf.int64))
        self._pictures = {
            **self.model.pictures(_ROWS * _COLUMNS, _COLUMNS),
            **self.model.comparisons(held_out, _COLUMNS),
        }
        if self._first_step == 0:
            self._show("real", tf.constant(self._data.stored("train", slice(_ROWS * _COLUMNS))))

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
            stored = make()
            self._show(name, stored)
            if name == "samples/averaged":
                file = self._run.sample_file(self._step, self._modality.suffix)
                write_atomically(file, self._modality.sheet(stored.numpy(), _COLUMNS))

    def _show(self, name: str, stored: tf.Tensor) -> None:
        with self._writer.as_default(step=self._step):
            self._modality.graph.summarise(name, stored, _COLUMNS)
