"""Affine maps of the plane, as all moves give them."""

from __future__ import annotations

import tensorflow as tf


def affine(rows: list[list[float | tf.Tensor]], like: tf.Tensor) -> tf.Tensor:
    """float32 [B, 2, 3] of two rows of three numbers or tensors [B], for as many rows as `like` [B] has."""
    return tf.stack([tf.stack([tf.zeros_like(like) + entry for entry in row], axis=-1) for row in rows], axis=-2)


def after(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """The map that is `first` and then `second`, both float32 [B, 2, 3].

    Written out: a matrix product may add in another order for another number of rows.
    """
    linear = [
        second[:, :, 0] * first[:, 0, i : i + 1] + second[:, :, 1] * first[:, 1, i : i + 1] for i in range(3)
    ]  # each [B, 2]
    linear[2] += second[:, :, 2]
    return tf.stack(linear, axis=-1)
