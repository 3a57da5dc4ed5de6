"""Rounding to what a file holds."""

import numpy as np
import pytest

from aigc_tf.metrics.quantise import quantise


def test_every_level_comes_back_from_its_scaled_value():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    scaled = levels.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(quantise(scaled), levels)


def test_values_go_to_the_nearest_level_and_are_clipped():
    images = np.array([-3.0, 0.0, 0.0001, 0.9999, 1.0, 3.0], np.float32).reshape(1, 1, 6, 1)
    np.testing.assert_array_equal(quantise(images).ravel(), [0, 0, 0, 255, 255, 255])


def test_nan_and_integers_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        quantise(np.full((1, 8, 8, 1), np.nan))
    with pytest.raises(ValueError, match="uint8"):
        quantise(np.zeros((1, 8, 8, 1), np.uint8))
