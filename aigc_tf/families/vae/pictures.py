"""What a VAE shows of itself while it trains."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

_FARTHEST = 2.5  # standard deviations of the prior


def traversals(told: tf.Tensor, rows: int, columns: int, num_classes: int) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Latents [rows * columns, Z], and shares of the classes: in each row one unit goes from low to high while all
    others are 0; those that tell most, by `told` float32 [Z], from the top. With classes row i is of class i."""
    units = tf.one_hot(tf.math.top_k(told, rows).indices, told.shape[0])  # [rows, Z]
    places = tf.linspace(-_FARTHEST, _FARTHEST, columns)
    latents = tf.reshape(units[:, None] * places[:, None], [rows * columns, told.shape[0]])
    if not num_classes:
        return latents, None
    return latents, tf.one_hot(np.repeat(np.arange(rows) % num_classes, columns), num_classes)


def in_turns(first: tf.Tensor, second: tf.Tensor, columns: int) -> tf.Tensor:
    """A row of `columns` of `first` [N, ...], below it that row of `second`, and so on: [2 N, ...]."""
    shape = [-1, columns, *first.shape[1:]]
    return tf.reshape(tf.stack([tf.reshape(first, shape), tf.reshape(second, shape)], axis=1), [-1, *first.shape[1:]])
