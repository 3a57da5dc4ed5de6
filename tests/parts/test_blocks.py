"""Rows in blocks: all of them, in their order, however many, and never many at a time."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from aigc_tf.parts import blocks


@pytest.mark.parametrize("count", [0, 1, 32, 33, 100])
def test_any_number_of_rows_comes_out_as_it_went_in(count):
    sizes = []

    def twice_and_more(rows):
        sizes.append(rows[0].shape[0])
        return 2.0 * rows[0] + rows[1][:, None]

    @tf.function(input_signature=[tf.TensorSpec([None, 3]), tf.TensorSpec([None])])
    def in_graph(content, shifts):
        return blocks.apply(lambda rows: 2.0 * rows[0] + rows[1][:, None], [content, shifts], [3])

    content = np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32)
    shifts = np.arange(count, dtype=np.float32)
    expected = 2 * content + shifts[:, None]
    assert np.array_equal(in_graph(content, shifts), expected)
    if count:
        eager = blocks.apply(twice_and_more, [tf.constant(content), tf.constant(shifts)], [3])
        assert np.array_equal(eager, expected)
        assert sum(sizes) == count and max(sizes) <= 32
