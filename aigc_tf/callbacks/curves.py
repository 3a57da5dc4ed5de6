"""The curves of a run: the same numbers to TensorBoard and to metrics.jsonl."""

from __future__ import annotations

import json
import time
from pathlib import Path

import tensorflow as tf
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.scalar.summary_v2 import scalar_pb

from aigc_tf.callbacks.step_callback import StepCallback


class Curves(StepCallback):
    """Every `every` steps, writes the means since the last point, the learning rates and the speed."""

    def __init__(
        self, writer: tf.summary.SummaryWriter, metrics_file: Path, every: int, global_batch_size: int
    ) -> None:
        super().__init__()
        self._writer, self._file, self._every = writer, metrics_file, every
        self._global_batch_size = global_batch_size

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        super().on_train_begin(logs)
        self._step = self._written = self._timed_step = self._first_step
        self._timed_at: float | None = None

    def on_step(self, step: int, logs: dict[str, float]) -> None:
        self._step = step
        if self._timed_at is None:  # the first call also builds the graph
            self._timed_step, self._timed_at = step, time.monotonic()
        if step % self._every == 0:
            self._write()

    def finish(self) -> None:
        if self._written < self._step:
            self._write()

    def _write(self) -> None:
        now = time.monotonic()
        values = self.model.tracked()
        for name, optimizer in self.model.optimizers.items():
            values[f"learning_rate/{name}"] = float(optimizer.learning_rate.numpy())
        for name, scale in self.model.loss_scales.items():
            values[f"loss_scale/{name}"] = float(scale.numpy())
        if self._timed_at is not None and self._step > self._timed_step:
            images = (self._step - self._timed_step) * self._global_batch_size
            values["speed/images_per_second"] = images / (now - self._timed_at)
        self._written, self._timed_step, self._timed_at = self._step, self._step, now
        point = Summary()  # one event for all: `tf.summary.scalar` takes a fifth of a millisecond for each
        for name, value in values.items():
            point.MergeFrom(scalar_pb(name, value))
        with self._writer.as_default(step=self._step):
            tf.summary.experimental.write_raw_pb(point.SerializeToString())
        with open(self._file, "a") as file:
            file.write(json.dumps({"step": self._step, **values}) + "\n")


class FreshMeans(StepCallback):
    """Begins the means of the curves anew behind each of their points."""

    def __init__(self, every: int) -> None:
        super().__init__()
        self._every = every

    def on_step(self, step: int, logs: dict[str, float]) -> None:
        if step % self._every == 0:
            self.model.reset_trackers()
