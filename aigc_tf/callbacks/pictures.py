"""Pictures of what the model makes, always from the same seeds so that one sees it learn."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from aigc_tf.atomic_files import write_atomically
from aigc_tf.callbacks.step_callback import StepCallback
from aigc_tf.image_grid import image_grid
from aigc_tf.models.generative_model import latents_from_seeds, to_uint8
from aigc_tf.run_folder import RunFolder

_ROWS, _COLUMNS = 10, 10


class Pictures(StepCallback):
    """Every `every` steps: a 10x10 grid of the averaged generator and of the raw one, and walks between latents.

    `real`, images uint8 [N,H,W,C], is shown once beside them (the first 100).
    """

    def __init__(self, writer: tf.summary.SummaryWriter, run: RunFolder, every: int, real: np.ndarray) -> None:
        super().__init__()
        self._writer, self._run, self._every, self._real = writer, run, every, real

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        super().on_train_begin(logs)
        self._step = self._drawn = self._first_step
        latent_dim = self.model.config.latent_dim
        seeds = tf.range(_ROWS * _COLUMNS, dtype=tf.int64)
        self._latents = latents_from_seeds(seeds, latent_dim)
        ends = latents_from_seeds(tf.range(_ROWS // 2 + 1, dtype=tf.int64), latent_dim)
        self._walk = tf.concat([walk(ends[i], ends[i + 1], _COLUMNS) for i in range(_ROWS // 2)], axis=0)
        self._generators = {
            "samples/averaged": tf.function(lambda latents: to_uint8(self.model.decode(latents))),
            "samples/raw": tf.function(lambda latents: to_uint8(self.model.generator(latents, training=False))),
        }
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
        for name, generate in self._generators.items():
            grid = image_grid(generate(self._latents).numpy(), _COLUMNS)
            self._show(name, grid)
            if name == "samples/averaged":
                write_atomically(self._run.sample_file(self._step), tf.io.encode_png(grid).numpy())
        walks = self._generators["samples/averaged"](self._walk).numpy()
        self._show("samples/interpolation", image_grid(walks, _COLUMNS))

    def _show(self, name: str, grid: np.ndarray) -> None:
        with self._writer.as_default(step=self._step):
            tf.summary.image(name, grid[None])


def walk(start: tf.Tensor, end: tf.Tensor, count: int) -> tf.Tensor:
    """`count` latents float32 [count, Z] along the great circle from `start` [Z] to `end` [Z], both included.

    Straight lines would cut through the middle, where a normal distribution in many dimensions has no mass (White
    2016, https://arxiv.org/abs/1609.04468).
    """
    cosine = tf.reduce_sum(start * end) / (tf.norm(start) * tf.norm(end))
    angle = tf.acos(tf.clip_by_value(cosine, -0.9999, 0.9999))
    share = tf.linspace(0.0, 1.0, count)[:, None]
    return (tf.sin((1 - share) * angle) * start + tf.sin(share * angle) * end) / tf.sin(angle)
