"""Labels of examples, and the form in which networks take them: shares of the classes, so that what lies between two
classes, or in all of them, can be said too.

A label that names no class, such as -1, stands for *any class*. Classes are drawn by `counts`, the number of training
examples of each, so that what is sampled without labels has the proportions of the training data.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from aigc_tf.parts.latents import uniform_from_seeds

STREAM = 1
"""Of what is drawn from a seed; see `uniform_from_seeds`."""


def shares(labels: tf.Tensor, counts: Sequence[int]) -> tf.Tensor:
    """float32 [N, K] for integer labels [N]: 1 at the class of a row; for any class, the share of each in `counts`."""
    mean = tf.constant(np.divide(counts, np.sum(counts)), tf.float32)
    return tf.where(_known(labels, counts)[:, None], tf.one_hot(labels, len(counts)), mean)


def of_seeds(seeds: tf.Tensor, counts: Sequence[int]) -> tf.Tensor:
    """Labels int64 [N] for int64 seeds [N], each drawn from its own seed alone, apart from `latents_from_seeds`."""
    return _at(uniform_from_seeds(seeds, STREAM), counts)


def of_latents(latents: tf.Tensor, counts: Sequence[int]) -> tf.Tensor:
    """Labels int64 [N] for standard normal latents [N, Z], each a function of its own latent, in the same proportions.

    The sum over a latent decides: neighbours have the same class but for those on either side of a border.
    """
    normal = tf.reduce_sum(latents, axis=1) / latents.shape[1] ** 0.5
    return _at(0.5 * (1.0 + tf.math.erf(normal / 2**0.5)), counts)


def told(labels: tf.Tensor, otherwise: tf.Tensor, counts: Sequence[int]) -> tf.Tensor:
    """`labels` int64 [N], with those of `otherwise` [N] in the place of such as name no class."""
    return tf.where(_known(labels, counts), labels, otherwise)


def drawn(seeds: tf.Tensor, labels: tf.Tensor | None, counts: Sequence[int]) -> tf.Tensor:
    """Labels int64 [N] that samples of seeds [N] have: those [N] that are asked for, or such as are drawn from the seed
    where a label, or all (None), name no class."""
    by_chance = of_seeds(seeds, counts)
    return by_chance if labels is None else told(labels, by_chance, counts)


def asked(seeds: tf.Tensor, labels: tf.Tensor | None, counts: Sequence[int]) -> tf.Tensor:
    """What a sampler gives its network for seeds [N] and labels [N]: shares float32 [N, K] of the classes `drawn`."""
    return shares(drawn(seeds, labels, counts), counts)


def in_rows(count: int, columns: int, num_classes: int) -> tuple[tf.Tensor, tf.Tensor | None]:
    """What `count` samples of a picture are made of: seeds int64 from 0 up, and no labels without classes
    (`num_classes` is 0); with them each row of `columns` shows one, labels int64, in their order, and each column one
    seed, until all had their row."""
    if not num_classes:
        return tf.range(count, dtype=tf.int64), None
    rows, places = np.divmod(np.arange(count), columns)
    rounds, classes = np.divmod(rows, num_classes)
    return tf.constant(places + columns * rounds, tf.int64), tf.constant(classes, tf.int64)


def _at(uniform: tf.Tensor, counts: Sequence[int]) -> tf.Tensor:
    """The classes in which numbers float32 [N] in [0, 1] fall where each takes its share of that range."""
    ends = tf.constant(np.cumsum(counts) / np.sum(counts), tf.float32)
    classes = tf.searchsorted(ends, uniform, side="right", out_type=tf.int64)
    return tf.minimum(classes, len(counts) - 1)


def _known(labels: tf.Tensor, counts: Sequence[int]) -> tf.Tensor:
    return (labels >= 0) & (labels < len(counts))
