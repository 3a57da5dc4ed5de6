"""Applies a function to any number of rows in blocks, where a row need not have the same last bits in every company."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

_ROWS = 32  # of a block: enough for convolutions to be quick, and few enough for large images to fit into memory
_AT_ONCE = 2


def apply(function: Callable[[Any], tf.Tensor], inputs: Any, output_shape: list[int]) -> tf.Tensor:
    """`function` of inputs [N, ...], one or a list of them, as float32 [N, *output_shape].

    `exact_rows.apply` gives the same but for rounding, and each row its own bits, for several times the work.
    """
    count = tf.shape(tf.nest.flatten(inputs)[0])[0]
    blocks = (count + _ROWS - 1) // _ROWS
    made = tf.TensorArray(tf.float32, blocks, infer_shape=False, element_shape=[None, *output_shape])

    def add(i: tf.Tensor, made: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        rows = tf.nest.map_structure(lambda each: each[i * _ROWS : (i + 1) * _ROWS], inputs)
        return i + 1, made.write(i, function(rows))

    _, made = tf.while_loop(lambda i, _: i < blocks, add, (tf.constant(0), made), parallel_iterations=_AT_ONCE)
    return tf.ensure_shape(made.concat(), [None, *output_shape])
