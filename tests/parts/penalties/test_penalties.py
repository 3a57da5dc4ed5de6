"""Every gradient penalty against closed forms: critics whose slope is known at every point."""

import numpy as np
import pytest
import tensorflow as tf

from aigc_tf.parts.penalties import PENALTIES

SHAPE = [3, 4, 2]  # H, W, C
BATCH = 5


def images(seed: int) -> tf.Tensor:
    return tf.random.stateless_uniform([BATCH, *SHAPE], [seed, 0], -1.0, 1.0)


REAL, FAKE = images(1), images(2)
UNIFORM = tf.constant([0.0, 0.25, 0.5, 0.75, 0.999])


def squared(x: tf.Tensor) -> np.ndarray:
    """Squared norm of each row, in double precision."""
    return np.sum(np.square(np.asarray(x, np.float64)), axis=(-3, -2, -1))


class LinearCritic:
    """D(x) = w . x, whose slope is w everywhere."""

    def __init__(self, weight: tf.Tensor):
        self.weight = tf.Variable(weight)

    def __call__(self, images, training):
        return tf.reshape(tf.einsum("bhwc,hwc->b", images, self.weight), [-1, 1])


class QuadraticCritic:
    """D(x) = a |x|^2 / 2, whose slope at x is a x."""

    def __init__(self, factor: float):
        self.factor = tf.Variable(factor)

    def __call__(self, images, training):
        return self.factor * tf.reduce_sum(tf.square(images), axis=[1, 2, 3])[:, tf.newaxis] / 2.0


# The value of a penalty, and its derivative with respect to w, for a linear critic with |w| = norm.
OF_LINEAR_CRITIC = {
    "r1": (lambda norm: norm**2 / 2, lambda w, norm: w),
    "r2": (lambda norm: norm**2 / 2, lambda w, norm: w),
    "wgan_gp": (lambda norm: (norm - 1) ** 2, lambda w, norm: 2 * (norm - 1) * w / norm),
}
# Where a penalty looks at the slope.
PLACES = {
    "r1": lambda: REAL,
    "r2": lambda: FAKE,
    "wgan_gp": lambda: REAL + tf.reshape(UNIFORM, [-1, 1, 1, 1]) * (FAKE - REAL),
}


def test_every_penalty_has_a_closed_form():
    without = set(PENALTIES) - set(OF_LINEAR_CRITIC) | set(PENALTIES) - set(PLACES)
    assert not without, f"add the closed forms for: {', '.join(sorted(without))}"


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("name", PENALTIES)
def test_linear_critic(name, scale):
    weight = scale * tf.random.stateless_normal(SHAPE, [3, 0])
    values = PENALTIES[name](LinearCritic(weight), REAL, FAKE, UNIFORM)
    assert values.shape == [BATCH] and values.dtype == tf.float32
    value_of_norm, _ = OF_LINEAR_CRITIC[name]
    np.testing.assert_allclose(values, np.full(BATCH, value_of_norm(np.sqrt(squared(weight)))), rtol=1e-4)


@pytest.mark.parametrize("name", PENALTIES)
def test_quadratic_critic_shows_where_the_slope_is_taken(name):
    values = PENALTIES[name](QuadraticCritic(3.0), REAL, FAKE, UNIFORM)
    value_of_norm, _ = OF_LINEAR_CRITIC[name]
    np.testing.assert_allclose(values, value_of_norm(3.0 * np.sqrt(squared(PLACES[name]()))), rtol=1e-4)


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("name", PENALTIES)
def test_gradient_for_the_weights_of_a_linear_critic(name, scale):
    weight = scale * tf.random.stateless_normal(SHAPE, [3, 0])
    critic = LinearCritic(weight)
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(PENALTIES[name](critic, REAL, FAKE, UNIFORM))
    _, derivative = OF_LINEAR_CRITIC[name]
    expected = derivative(np.asarray(weight, np.float64), np.sqrt(squared(weight)))
    np.testing.assert_allclose(tape.gradient(value, critic.weight), expected, rtol=1e-3, atol=1e-6 * scale)


def test_gradient_of_r1_for_a_quadratic_critic():
    critic = QuadraticCritic(3.0)
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(PENALTIES["r1"](critic, REAL, FAKE, UNIFORM))
    assert float(tape.gradient(value, critic.factor)) == pytest.approx(3.0 * squared(REAL).mean(), rel=1e-5)


@pytest.mark.parametrize("name", PENALTIES)
def test_a_dead_critic_gives_no_nan(name):
    critic = LinearCritic(tf.zeros(SHAPE))
    with tf.GradientTape() as tape:
        values = PENALTIES[name](critic, REAL, FAKE, UNIFORM)
    value_of_norm, _ = OF_LINEAR_CRITIC[name]
    np.testing.assert_allclose(values, np.full(BATCH, value_of_norm(0.0)), atol=1e-5)
    np.testing.assert_array_equal(tape.gradient(values, critic.weight), np.zeros(SHAPE))


@pytest.mark.parametrize("name", PENALTIES)
def test_one_row_depends_on_that_row_alone(name):
    critic = QuadraticCritic(0.7)
    together = PENALTIES[name](critic, REAL, FAKE, UNIFORM)
    second = PENALTIES[name](critic, REAL[1:2], FAKE[1:2], UNIFORM[1:2])
    np.testing.assert_allclose(together[1:2], second, rtol=1e-6)


@pytest.mark.parametrize("name", PENALTIES)
def test_the_critic_is_seen_as_it_trains(name):
    """Dropout and the like must be on, as in the loss that the penalty joins."""
    modes = []

    def critic(images, training):
        modes.append(training)
        return tf.reduce_sum(images, axis=[1, 2, 3])[:, tf.newaxis]

    PENALTIES[name](critic, REAL, FAKE, UNIFORM)
    assert modes == [True]
