"""What a diffusion model shows of itself while it trains."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def samples(count: int, columns: int, num_classes: int) -> dict[str, tf.Tensor]:
    """What a sampler takes for `count` samples: seeds from 0 up; with classes (`num_classes` is not 0) each row of
    `columns` shows one, in label order, and each column one seed, until all had their row."""
    rows, places = np.divmod(np.arange(count), columns)
    if not num_classes:
        return {"seed": tf.range(count, dtype=tf.int64)}
    rounds, classes = np.divmod(rows, num_classes)
    return {"seed": tf.constant(places + columns * rounds, tf.int64), "label": tf.constant(classes, tf.int64)}
