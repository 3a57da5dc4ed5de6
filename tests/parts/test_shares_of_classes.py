"""Labels as shares of the classes, and classes drawn where no label names one."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from aigc_tf.parts import labels
from aigc_tf.parts.latents import latents_from_seeds

COUNTS = (100, 0, 300, 600)
MANY = tf.range(-1000, 3000, dtype=tf.int64)


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    return tf.function(lambda: labels.of_seeds(MANY, COUNTS))().numpy()


@pytest.fixture(scope="module")
def latents() -> tf.Tensor:
    return tf.function(lambda: latents_from_seeds(MANY, 16))()


def assert_in_proportion(drawn: np.ndarray) -> None:
    """Fails for one draw in ten thousand that follows the counts."""
    found = np.bincount(drawn, minlength=len(COUNTS))
    assert found[1] == 0
    expected = np.array(COUNTS) / sum(COUNTS) * len(drawn)
    assert stats.chisquare(np.delete(found, 1), np.delete(expected, 1)).pvalue > 1e-4


def test_a_label_is_all_of_its_class():
    shares = labels.shares(tf.constant([2, 0], tf.int32), COUNTS)
    np.testing.assert_array_equal(shares, [[0, 0, 1, 0], [1, 0, 0, 0]])


@pytest.mark.parametrize("label", [-1, 4, -(2**62), 2**62])
def test_any_class_is_the_mean_over_the_training_examples(label):
    np.testing.assert_allclose(labels.shares(tf.constant([label], tf.int64), COUNTS), [[0.1, 0, 0.3, 0.6]], rtol=1e-6)


def test_labels_of_seeds_follow_the_counts(drawn):
    assert_in_proportion(drawn)


def test_a_label_is_drawn_from_its_own_seed_alone(drawn):
    backwards = tf.function(lambda: labels.of_seeds(MANY[::-1][:50], COUNTS))()
    np.testing.assert_array_equal(backwards, drawn[::-1][:50])


def test_labels_are_drawn_apart_from_latents(drawn, latents):
    """The means of a latent's numbers over a class would be off by a tenth or more, were the two of one stream."""
    for label in (0, 2, 3):
        of_class = latents.numpy()[drawn == label]
        assert np.abs(of_class.mean(axis=0)).max() * len(of_class) ** 0.5 < 4.5


def test_labels_of_latents_follow_the_counts_and_stay_between_neighbours(latents):
    found = labels.of_latents(latents, COUNTS).numpy()
    assert_in_proportion(found)
    assert (labels.of_latents(latents + 1e-4, COUNTS).numpy() == found).mean() > 0.995


def test_wild_latents_have_a_class():
    wild = tf.constant([[1e30, 1.0], [-1e30, 1.0], [np.nan, 1.0], [np.inf, 1.0]])
    found = labels.of_latents(wild, COUNTS).numpy()
    assert found[0] == found[3] == 3 and found[1] == 0
    assert ((found >= 0) & (found < 4)).all()


def test_only_labels_that_name_no_class_are_replaced():
    given, otherwise = tf.constant([-1, 0, 3, 4], tf.int64), tf.constant([2, 2, 2, 2], tf.int64)
    np.testing.assert_array_equal(labels.told(given, otherwise, COUNTS), [2, 0, 3, 2])
