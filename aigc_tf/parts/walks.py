"""Walks from one latent to the next, and from class to class."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from aigc_tf.parts.great_circle import between
from aigc_tf.parts.latents import latents_from_seeds

Shown = tuple[tf.Tensor, tf.Tensor | None]
"""Latents float32 [N, Z], and shares of the classes float32 [N, K], None without labels."""


def interpolations(walks: int, columns: int, latent_dim: int, num_classes: int) -> Shown:
    """A row of `columns` for each of so many walks from one latent to the next along the great circle; with classes
    each is within one, and behind it comes a row in which the latent stays and the class turns into the next."""
    ends = latents_from_seeds(tf.range(walks + 1, dtype=tf.int64), latent_dim)
    share = np.linspace(0.0, 1.0, columns, dtype=np.float32)[:, None]
    rows = [tf.constant(between(ends[i].numpy(), ends[i + 1].numpy(), share)) for i in range(walks)]
    if not num_classes:
        return tf.concat(rows, axis=0), None
    latents, classes = [], []
    for i, row in enumerate(rows):
        here, there = tf.unstack(tf.one_hot([i % num_classes, (i + 1) % num_classes], num_classes))
        latents += [row, tf.repeat(ends[i + 1 : i + 2], columns, axis=0)]
        classes += [tf.repeat(here[None], columns, axis=0), (1 - share) * here + share * there]
    return tf.concat(latents, axis=0), tf.concat(classes, axis=0)


def ends(seeds: np.ndarray, width: int) -> np.ndarray:
    """Where walks begin and end: the standard normal vectors float32 [N, width] of int64 seeds [N]."""
    return latents_from_seeds(tf.constant(seeds, tf.int64), width).numpy()


def around(ends: np.ndarray, steps: int) -> np.ndarray:
    """From each of `ends` float32 [E, N, Z] to the next along great circles, and from the last to the first again, in
    so many steps each: float32 [E * steps, N, Z], the first of which are the first ends."""
    shares = np.arange(steps, dtype=np.float32)[:, None, None] / steps
    legs = [between(ends[i], ends[(i + 1) % len(ends)], shares) for i in range(len(ends))]
    return np.concatenate(legs).astype(np.float32)
