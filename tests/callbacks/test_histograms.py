"""Histograms against TensorBoard's own, and where that one fails."""

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.plugins.histogram.summary_v2 import histogram_pb

from aigc_tf.callbacks.histograms import buckets


def test_they_are_those_of_tensorboard():
    values = np.random.default_rng(0).normal(3, 2, (40, 50)).astype(np.float32)
    expected = tf.make_ndarray(histogram_pb("weight", values).value[0].tensor)
    found = buckets(values)
    assert found[:, :2] == pytest.approx(expected[:, :2])
    # A number on an edge may fall to either side, for the two divide in another order.
    assert found[:, 2].sum() == 2000 and np.abs(found[:, 2] - expected[:, 2]).sum() <= 2


def test_numbers_that_are_not_finite_are_left_out():
    found = buckets(np.array([1.0, np.nan, 2.0, np.inf, 2.0, -np.inf], np.float32))
    assert found[0].tolist() == pytest.approx([1, 1 + 1 / 30, 1])
    assert found[-1].tolist() == pytest.approx([2 - 1 / 30, 2, 2])
    assert found[:, 2].sum() == 3
    assert buckets(np.array([np.nan])).shape == (30, 3) and buckets(np.array([np.nan]))[:, 2].sum() == 0


@pytest.mark.parametrize("value", [0.0, 3.0, -3e38, 1e-45])
def test_equal_numbers_are_all_counted(value):
    found = buckets(np.full([7], value, np.float32))
    assert found[:, 2].sum() == 7 and np.isfinite(found).all()
    (row,) = found[found[:, 2] > 0]
    assert row[0] <= np.float32(value) <= row[1]


def test_the_largest_range_is_divided():
    found = buckets(np.array([-3e38, 3e38], np.float32))
    assert found[[0, -1], 2].tolist() == [1, 1] and np.isfinite(found).all()
