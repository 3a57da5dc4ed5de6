"""Applies a network to any number of rows so that each row comes out the same, bit for bit, in every company."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def apply(network: Callable[[Any], tf.Tensor], inputs: Any, output_shape: list[int]) -> tf.Tensor:
    """`network` of float32 inputs [N, ...] as float32 [N, *output_shape], computed one row at a time.

    A network of several inputs takes a list of them, and so does this.

    Kernels of convolutions and matrix products choose their way by the number of rows, and many of them add the last
    rows of a batch in another order than the first: the last bits of a pixel then depend on the company, and rounding
    to 256 levels turns that into another image now and then. A network that only ever sees one row does one
    computation, whatever the processor. It is the same from run to run on one kind of processor; other instruction
    sets, or oneDNN switched on or off, add in other orders again.
    """

    def alone(row: Any) -> tf.Tensor:
        return network(tf.nest.map_structure(lambda each: each[tf.newaxis], row))[0]

    return tf.map_fn(alone, inputs, fn_output_signature=tf.TensorSpec(output_shape, tf.float32))
