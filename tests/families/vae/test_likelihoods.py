"""Every likelihood is a distribution: its sum or integral is 1, and the image that stands for it its mean."""

import numpy as np
import pytest
import tensorflow as tf

from aigc_tf.families.vae.likelihoods import LIKELIHOODS

LOGITS = [-30.0, -4.0, -0.3, -0.0999, -1e-4, 0.0, 1e-3, 0.0999, 0.101, 2.0, 12.0]


def densities(name: str, given: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Densities [len(given), len(values)] of single values in [-1, 1], for what a decoder gives [..., parameters]."""
    pairs = [
        np.broadcast_to(given[:, None], (len(given), len(values), given.shape[-1])).reshape(-1, 1, 1, given.shape[-1])
    ]
    observed = np.broadcast_to(values, (len(given), len(values))).reshape(-1, 1, 1, 1)
    log = LIKELIHOODS[name].log_density(tf.constant(pairs[0], tf.float32), tf.constant(observed, tf.float32))
    return np.exp(log.numpy().astype(np.float64)).reshape(len(given), len(values))


def means(name: str, given: np.ndarray) -> np.ndarray:
    return LIKELIHOODS[name].mean(tf.constant(given.reshape(-1, 1, 1, given.shape[-1]), tf.float32)).numpy().reshape(-1)


def test_black_and_white_share_all_probability():
    given = np.array(LOGITS)[:, None]
    both = densities("bernoulli", given, np.array([-1.0, 1.0]))
    np.testing.assert_allclose(both.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(both @ [-1, 1], means("bernoulli", given), atol=1e-6)


def test_an_image_is_made_black_and_white_by_its_grey_levels():
    images = tf.constant(np.tile([-1.0, -0.5, 0.0, 1.0], 20_000).reshape(-1, 1, 1, 4), tf.float32)
    uniform = tf.random.stateless_uniform(images.shape, [0, 1])
    observed = LIKELIHOODS["bernoulli"].observe(images, uniform).numpy()
    assert set(np.unique(observed)) == {-1.0, 1.0}
    shares = observed.mean(axis=(0, 1, 2))
    np.testing.assert_allclose(shares, [-1.0, -0.5, 0.0, 1.0], atol=0.02)
    assert shares[0] == -1 and shares[3] == 1


def test_the_continuous_bernoulli_integrates_to_one():
    """By Simpson's rule over numbers from 0 to 1."""
    from scipy.integrate import simpson

    given, numbers = np.array(LOGITS)[:, None], np.linspace(0, 1, 4001)
    found = densities("continuous_bernoulli", given, 2 * numbers - 1)
    np.testing.assert_allclose(simpson(found, x=numbers, axis=1), 1, atol=2e-5)
    expected = simpson(found * numbers, x=numbers, axis=1)
    np.testing.assert_allclose((means("continuous_bernoulli", given) + 1) / 2, expected, atol=2e-5)


def test_the_gradient_of_the_continuous_bernoulli_is_the_mean_s_distance():
    """d/dl log p(x) = x - mean: of any exponential family, so also where a series takes over."""
    logits = tf.constant(np.array(LOGITS).reshape(-1, 1, 1, 1), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total = tf.reduce_sum(LIKELIHOODS["continuous_bernoulli"].log_density(logits, tf.zeros_like(logits)))
    expected = 0.5 - (LIKELIHOODS["continuous_bernoulli"].mean(logits) + 1) / 2
    np.testing.assert_allclose(tape.gradient(total, logits), expected, atol=2e-5)


@pytest.mark.parametrize("log_scale", [-12.0, -7.0, -4.5, -2.0, 0.0, 3.0])
def test_the_levels_of_a_file_share_all_probability(log_scale):
    centres = np.array([-1.7, -1.0, -0.501, 0.0, 0.3, 1.0, 2.5])
    given = np.stack([centres, np.full(len(centres), log_scale)], axis=1)
    levels = -1 + 2 * np.arange(256) / 255
    found = densities("discretised_logistic", given, levels)
    np.testing.assert_allclose(found.sum(1), 1, atol=2e-4)
    np.testing.assert_array_equal(means("discretised_logistic", given), np.clip(centres, -1, 1).astype(np.float32))
    if log_scale == -4.5:  # of a level's width: the mean is near the centre where both lie within
        np.testing.assert_allclose((found @ levels)[2:5], centres[2:5], atol=1e-3)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_gradients_are_finite_far_out(name):
    likelihood = LIKELIHOODS[name]
    given = tf.constant(np.random.default_rng(0).normal(0, 30, (50, 3, 3, likelihood.parameters)), tf.float32)
    observed = likelihood.observe(tf.zeros([50, 3, 3, 1]) - 1.0, tf.fill([50, 3, 3, 1], 0.5))
    with tf.GradientTape() as tape:
        tape.watch(given)
        total = tf.reduce_sum(likelihood.log_density(given, observed))
    assert np.isfinite(total) and np.isfinite(tape.gradient(total, given)).all()
