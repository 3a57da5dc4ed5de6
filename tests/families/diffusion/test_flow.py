"""What is learned, how it is followed and how likely an image is called, held against a mixture known exactly."""

import dataclasses
import math

import mixtures
import numpy as np
import pytest
import tensorflow as tf
from mixtures import COUNTS, DATA_STD, MEANS, SHAPE, SIZE, STDS
from small_diffusions import SPEC, config, created

from aigc_tf.families.diffusion import flow, likelihood, sampling
from aigc_tf.families.diffusion.config import DiffusionConfig
from aigc_tf.families.diffusion.samplers import SAMPLERS

START = tf.random.stateless_normal([8, *SHAPE], [7, 7])
TIMES = tf.constant([0.0, 0.2, 0.5, 0.9, 0.99])


def states_at(times: tf.Tensor) -> tf.Tensor:
    content, _ = mixtures.draw(len(times), seed=1)
    return flow.between(content, tf.random.stateless_normal(content.shape, [1, 2]), times)


def exact(state: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
    """The velocity of the whole mixture, of states [B, H, W, C]."""
    rows = tf.shape(state)[0]
    times, flat = tf.fill([rows], time), tf.reshape(state, [-1, SIZE])
    return tf.reshape(mixtures.velocity(flat, times, mixtures.shares(1)), tf.shape(state))


# What is learned


def test_the_velocity_is_that_of_the_score():
    """v = (x + (1 - t) ∇ log p) / t, with the gradient of the exact density."""
    times, states = TIMES[1:], states_at(TIMES[1:])
    flat = tf.reshape(states, [-1, SIZE])
    with tf.GradientTape() as tape:
        tape.watch(flat)
        density = mixtures.log_density(flat, times, mixtures.shares(len(times)))
    score = tape.gradient(density, flat)
    expected = (flat + (1 - times[:, None]) * score) / times[:, None]
    told = flow.velocity(mixtures.network, states, times, None, DATA_STD)
    np.testing.assert_allclose(tf.reshape(told, [-1, SIZE]), expected, atol=2e-3)


def test_at_first_there_is_noise_and_the_velocity_leads_to_the_mean():
    states = states_at(TIMES[:1])
    mean = np.average(MEANS, axis=0, weights=COUNTS).reshape(SHAPE)
    told = flow.velocity(mixtures.network, states, TIMES[:1], None, DATA_STD)
    np.testing.assert_allclose(told[0], mean - states[0], atol=1e-4)


def test_what_a_step_learns_from_is_this_velocity_on_the_mean():
    """What the lesson says beyond the exact velocity has a mean of 0, whatever is known of the state and its time."""
    rows = 20_000
    model = created(config(), spec=dataclasses.replace(SPEC, shape=SHAPE))
    content, _ = mixtures.draw(rows, seed=11)
    noise = tf.random.stateless_normal(content.shape, [11, 1])
    evenly = flow.spread_evenly(tf.random.stateless_uniform([rows], [11, 2]))
    states, times, velocities = model._lesson(content, noise, evenly, None)
    flat, told = tf.reshape(states, [-1, SIZE]), tf.reshape(velocities, [-1, SIZE])
    known = mixtures.velocity(flat, times, mixtures.shares(1))
    for of_state in (1.0, flat, known, times[:, None]):
        products = tf.reduce_mean((told - known) * of_state, axis=1).numpy()
        assert abs(products.mean()) < 4 * products.std() / math.sqrt(rows)
        wrong = tf.reduce_mean((-told - known) * of_state, axis=1).numpy()
        assert abs(wrong.mean()) > 8 * wrong.std() / math.sqrt(rows)


@pytest.mark.parametrize("time", [0.0, 0.3, 0.7, 0.98])
def test_of_normal_content_nothing_is_left_to_learn_but_unit_noise(time):
    random = np.random.default_rng(0)
    content = tf.constant(DATA_STD * random.standard_normal((20_000, 1)), tf.float32)
    noise = tf.constant(random.standard_normal((20_000, 1)), tf.float32)
    times = tf.fill([20_000], time)
    states = flow.between(content, noise, times)
    scale = flow.Scales(*(each[:, None] for each in flow.scales(times, DATA_STD)))
    wanted = (content - noise - scale.known * states) / scale.learned
    assert np.std(scale.given * states) == pytest.approx(1, abs=0.03)
    assert np.std(wanted) == pytest.approx(1, abs=0.03)
    assert np.mean(wanted * states) == pytest.approx(0, abs=0.03)


def test_trained_times_have_a_normal_logit_and_a_batch_has_all_of_them():
    evenly = flow.spread_evenly(tf.random.stateless_uniform([4_000], [3, 4]))
    assert (np.floor(evenly.numpy() * 4_000) == np.arange(4_000)).all()
    times = flow.trained_times(evenly, 0.6, 1.5).numpy().astype(np.float64)
    logit = np.log(times / (1 - times))
    assert np.mean(logit) == pytest.approx(math.log(0.6 / 0.4), abs=0.01) and np.std(logit) == pytest.approx(
        1.5, abs=0.02
    )
    ends = flow.trained_times(flow.spread_evenly(tf.zeros([2])), 0.5, 1.0).numpy()
    assert (ends > 0).all() and (ends < 1).all()


def test_features_tell_times_apart():
    told = flow.features(tf.linspace(0.0, 1.0, 201)).numpy()
    assert told.shape == (201, flow.NUM_FEATURES) and np.abs(told).max() <= 1
    apart = np.linalg.norm(told[:, None] - told, axis=-1)
    assert apart[~np.eye(201, dtype=bool)].min() > 0.2


# How it is followed


def followed(sampler: str, start: tf.Tensor, times: np.ndarray) -> np.ndarray:
    """Where the exact velocity leads; a graph, which makes a thousand steps in the time of ten without one."""
    return tf.function(lambda: sampling.integrate(sampler, exact, start, times))().numpy()


@pytest.fixture(scope="module")
def finest() -> np.ndarray:
    """Where the exact velocity leads START by 0.9, where the field still bends."""
    return followed("heun", START, np.linspace(0, 0.9, 501))


def test_samplers_converge_with_their_orders(finest):
    """Errors fall as the steps do, to that power."""
    for sampler, order in {"euler": 1, "heun": 2, "multistep": 2}.items():
        ends = [followed(sampler, START, np.linspace(0, 0.9, steps + 1)) for steps in (40, 80)]
        rough, fine = (np.sqrt(np.mean((end - finest) ** 2)) for end in ends)
        assert np.log2(rough / fine) == pytest.approx(order, abs=0.25), sampler
    assert len(SAMPLERS) == 3


@pytest.mark.parametrize("sampler", ["heun", "multistep"])
def test_steps_may_have_any_lengths(sampler, finest):
    uneven = 0.9 * np.linspace(0, 1, 81) ** 1.5
    np.testing.assert_allclose(followed(sampler, START, uneven), finest, atol=0.02)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_one_step_ends_in_the_mean(sampler):
    mean = np.average(MEANS, axis=0, weights=COUNTS).reshape(SHAPE)
    np.testing.assert_allclose(sampling.integrate(sampler, exact, START, [0.0, 1.0]), [mean] * 8, atol=1e-4)


def nearest(made: np.ndarray) -> np.ndarray:
    return np.argmin(((made.reshape(-1, 1, SIZE) - MEANS.numpy()) ** 2).sum(2), axis=1)


@pytest.mark.parametrize("sampler, steps", {"euler": 150, "heun": 40, "multistep": 80}.items())
def test_samples_are_those_of_the_mixture(sampler, steps):
    made = followed(sampler, tf.random.stateless_normal([2_000, *SHAPE], [8, 8]), sampling.even_times(steps))
    labels = nearest(made)
    assert np.mean(labels == 1) == pytest.approx(0.75, abs=0.04)
    for label in range(2):
        rows = made[labels == label].reshape(-1, SIZE)
        np.testing.assert_allclose(rows.mean(0), MEANS[label], atol=0.03)
        assert rows.std(0).mean() == pytest.approx(float(STDS[label]), rel=0.1)


def test_guidance_leads_from_any_class_to_one_and_beyond():
    settings = DiffusionConfig(sampling_steps=12, data_std=DATA_STD, conditional=True)
    led = dataclasses.replace(settings, guidance=3.0)
    draw, draw_led = (sampling.sampler(mixtures.network, SHAPE, each, COUNTS) for each in (settings, led))
    seeds = tf.range(60, dtype=tf.int64)
    steered = tf.function(lambda guidance: draw(seeds, tf.zeros_like(seeds), tf.fill([60], guidance)))
    assert 5 < np.sum(nearest(steered(tf.constant(0.0)).numpy()) == 0) < 26  # a quarter of them
    usual = tf.function(lambda: draw(seeds, tf.zeros_like(seeds)))().numpy()
    assert (nearest(usual) == 0).all()
    np.testing.assert_allclose(usual.reshape(60, SIZE).mean(0), MEANS[0], atol=0.03)
    np.testing.assert_allclose(steered(tf.constant(1.0)), usual, atol=1e-4)
    further = tf.function(lambda: draw_led(seeds, tf.zeros_like(seeds)))().numpy()
    np.testing.assert_allclose(steered(tf.constant(3.0)), further, atol=1e-4)
    assert np.abs(further - usual).max() > 0.01


# How likely it calls an image


def test_the_density_is_the_exact_one():
    """On the mean over directions, whatever the way that Hutchinson's estimator errs with each."""
    content, _ = mixtures.draw(4, seed=5)
    end = tf.fill([4], 0.95)
    states = flow.between(content, tf.random.stateless_normal(content.shape, [5, 5]), end)
    expected = mixtures.log_density(tf.reshape(states, [-1, SIZE]), end, mixtures.shares(4)).numpy()
    many = tf.repeat(states, 100, axis=0)
    direction = tf.sign(tf.random.stateless_normal(many.shape, [6, 6]))
    tell = tf.function(lambda: likelihood.log_density(exact, many, direction, end=0.05, steps=60))
    told = tell().numpy().reshape(4, 100)
    error = told.std(1) / 10
    assert (error < 1.5).all() and (np.abs(told.mean(1) - expected) < 4 * error + 0.3).all(), (told, expected)


def test_what_is_rounded_is_rounded_to_some_level():
    for place in (-1.003, -0.5001, 0.3333, 1.0):
        levels = tf.range(256)
        content = tf.cast(levels, tf.float32) * 2 / 255 - 1
        noise = (place * (1 - likelihood.END) - (1 - likelihood.END) * content) / likelihood.END
        nearby = tf.abs(noise) < 12
        shape = [-1, 1, 1, 1]
        stored, noise = tf.cast(tf.reshape(levels[nearby], shape), tf.uint8), tf.reshape(noise[nearby], shape)
        probability = tf.exp(likelihood._rounding(stored, noise))
        assert np.sum(probability) == pytest.approx(1, abs=1e-4)


def test_bits_of_smooth_content_are_those_of_its_density():
    """Where the density hardly changes from a level to the next, it says how probable a level is."""
    content, labels = mixtures.draw(32, seed=9)
    stored = tf.cast(tf.round((content + 1) * 127.5), tf.uint8)
    rounded = tf.reshape(tf.cast(stored, tf.float32) / 127.5 - 1, [-1, SIZE])
    density = mixtures.log_density(rounded, tf.ones([32]), mixtures.shares(32)).numpy()
    expected = -density / SIZE / math.log(2) - math.log2(2 / 255)
    tell = tf.function(lambda stored: likelihood.bits_per_dimension(exact, stored))
    found = tell(stored).numpy()
    assert np.mean(found - expected) == pytest.approx(0.0, abs=0.05)
    np.testing.assert_array_equal(tell(stored[::-1])[::-1], found)
