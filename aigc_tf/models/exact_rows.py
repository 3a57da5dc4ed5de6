"""Applies a network to any number of rows so that each row comes out the same, bit for bit, in every company."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

# Kernels of convolutions and matrix products are chosen by the number of rows, and add in another order: the last bit
# of a pixel then depends on the batch, and rounding to 256 levels turns that into another image now and then (1 in 200
# where it was measured). A network that only ever sees this many rows has one kernel. Fewer would waste less on a
# single request, more would be faster on large batches; docs/architecture.md has the figures.
ROWS = 8


def apply(network: Callable[[tf.Tensor], tf.Tensor], inputs: tf.Tensor, output_shape: list[int]) -> tf.Tensor:
    """`network` of float32 inputs [N, ...] as float32 [N, *output_shape], computed in blocks of `ROWS` rows.

    The last block is filled up with zeros, whose outputs are thrown away. Exact for one build of TensorFlow on one
    kind of processor; other instruction sets, or oneDNN switched on or off, add in other orders again.
    """
    count = tf.shape(inputs)[0]
    blocks = -(-count // ROWS)
    filled = tf.pad(inputs, [[0, blocks * ROWS - count], *[[0, 0]] * (inputs.shape.rank - 1)])
    outputs = tf.map_fn(
        network,
        tf.reshape(filled, [blocks, ROWS, *inputs.shape[1:]]),
        fn_output_signature=tf.TensorSpec([ROWS, *output_shape], tf.float32),
    )
    return tf.reshape(outputs, [blocks * ROWS, *output_shape])[:count]
