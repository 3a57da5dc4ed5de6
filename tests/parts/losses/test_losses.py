"""Every adversarial loss against golden values, and at logits where a careless formula overflows."""

import numpy as np
import pytest
import tensorflow as tf

from aigc_tf.parts.losses import GAN_LOSSES, ONE_STAGE

REAL = [-5.0, 1.4, 12.5, 2.7]
FAKE = [10.0, 4.4, -5.5, 3.6]
# Means over the four pairs above: (generator, discriminator). The logits, and what the losses make of them that TF-GAN
# has too, are those of its tests (https://github.com/tensorflow/gan).
GOLDEN = {
    "least_squares": (17.69625, 41.73375),
    "wasserstein": (-3.125, 0.225),
    "hinge": (-3.125, 6.75),
    "non_saturating": (1.38582, 5.83387),
    "minimax": (-4.51082, 5.83387),
    "relativistic": (4.59744, 4.82244),
}


def softplus(x):
    """log(1 + exp(x)) in double precision, for logits that do not overflow."""
    return np.log1p(np.exp(np.asarray(x, np.float64)))


def test_every_loss_has_golden_values():
    without = set(GAN_LOSSES) - set(GOLDEN)
    assert not without, f"add golden values, computed by hand or from the paper, for: {', '.join(sorted(without))}"


@pytest.mark.parametrize("name", GAN_LOSSES)
def test_golden_values(name):
    loss = GAN_LOSSES[name]
    values = [float(tf.reduce_mean(side(tf.constant(REAL), tf.constant(FAKE)))) for side in loss[:2]]
    assert values == pytest.approx(GOLDEN[name], abs=1e-5)


def test_golden_values_of_the_saturating_game_follow_its_formula():
    real, fake = np.array(REAL), np.array(FAKE)
    generator = np.mean(np.log(1.0 - 1.0 / (1.0 + np.exp(-fake))))
    discriminator = np.mean(softplus(-real) + softplus(fake))
    assert GOLDEN["minimax"] == pytest.approx((generator, discriminator), abs=1e-5)


@pytest.mark.parametrize("name", GAN_LOSSES)
def test_at_the_boundary_real_and_fake_pull_as_much(name):
    """Gradients of the discriminator's loss; where only differences count, they do so everywhere."""
    loss = GAN_LOSSES[name]
    logits = tf.constant([-1.0, 0.0, 0.5, 2.0])
    real, fake = tf.identity(logits), tf.identity(logits)
    with tf.GradientTape() as tape:
        tape.watch((real, fake))
        total = loss.discriminator(real, fake)
    of_real, of_fake = tape.gradient(total, [real, fake])
    balanced = tf.abs(of_real + of_fake) < 1e-6
    if loss.boundary is None:
        assert balanced.numpy().all()
    else:
        assert balanced.numpy()[logits.numpy() == loss.boundary].all()


@pytest.mark.parametrize("side", ["generator", "discriminator"])
@pytest.mark.parametrize("name", GAN_LOSSES)
def test_one_value_a_row_that_depends_on_that_row_alone(name, side):
    function = getattr(GAN_LOSSES[name], side)
    together = function(tf.constant(REAL), tf.constant(FAKE))
    one_by_one = [function(tf.constant([real]), tf.constant([fake])) for real, fake in zip(REAL, FAKE)]
    assert together.shape == [4] and together.dtype == tf.float32
    np.testing.assert_allclose(together, tf.concat(one_by_one, 0), rtol=1e-6)


@pytest.mark.parametrize("side", ["generator", "discriminator"])
@pytest.mark.parametrize("name", GAN_LOSSES)
def test_finite_with_finite_gradients_at_huge_logits(name, side):
    real, fake = (tf.constant(logits) for logits in ([1e4, 1e4, -1e4, -1e4, 0.0], [1e4, -1e4, 1e4, -1e4, 0.0]))
    with tf.GradientTape() as tape:
        tape.watch([real, fake])
        values = getattr(GAN_LOSSES[name], side)(real, fake)
    gradients = tape.gradient(values, [real, fake], unconnected_gradients="zero")
    assert np.isfinite(values).all()
    assert np.isfinite(gradients).all()


@pytest.mark.parametrize("name", GAN_LOSSES)
def test_each_side_pulls_its_way(name):
    """The generator wants higher logits for fakes, the discriminator lower ones, and higher ones for real images."""
    real, fake = tf.constant([0.1]), tf.constant([0.2])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([real, fake])
        generator, discriminator = (side(real, fake) for side in GAN_LOSSES[name][:2])
    assert tape.gradient(generator, fake) < 0
    assert tape.gradient(discriminator, fake) > 0
    assert tape.gradient(discriminator, real) < 0


def test_least_squares_pulls_fakes_to_zero_and_reals_to_one():
    targets = tf.constant([1.0]), tf.constant([0.0])
    assert GAN_LOSSES["least_squares"].discriminator(*targets).numpy() == [0.0]
    assert GAN_LOSSES["least_squares"].generator(targets[0], tf.constant([1.0])).numpy() == [0.0]


def test_only_the_relativistic_generator_looks_at_real_images():
    real, fake = tf.constant(REAL), tf.constant(FAKE)
    looks = {
        name
        for name, loss in GAN_LOSSES.items()
        if not np.allclose(loss.generator(real, fake), loss.generator(-real, fake))
    }
    assert looks == {"relativistic"}


def test_hinge_lets_go_beyond_the_margin():
    real, fake = tf.constant([1.5]), tf.constant([-1.5])
    with tf.GradientTape() as tape:
        tape.watch([real, fake])
        values = GAN_LOSSES["hinge"].discriminator(real, fake)
    assert [g.numpy() for g in tape.gradient(values, [real, fake])] == [[0.0], [0.0]]


def test_those_for_one_stage_are_those_with_a_ratio():
    assert set(ONE_STAGE) == {name for name, loss in GAN_LOSSES.items() if loss.slope_ratio is not None}


@pytest.mark.parametrize("name", ONE_STAGE)
def test_the_ratio_makes_the_slope_of_one_side_that_of_the_other(name):
    loss = GAN_LOSSES[name]
    real, fake = tf.zeros([7]), tf.constant([-59.0, -5.5, -1.0, 0.0, 1.0, 4.4, 30.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(fake)
        generator, discriminator = (side(real, fake) for side in loss[:2])
    slopes = tape.gradient(discriminator, fake) * loss.slope_ratio(fake)
    np.testing.assert_allclose(slopes, tape.gradient(generator, fake), rtol=1e-5)


@pytest.mark.parametrize("name", ONE_STAGE)
def test_no_logit_makes_a_slope_of_one_stage_infinite(name):
    loss = GAN_LOSSES[name]
    fake = tf.constant([-1e4, -100.0, 100.0, 1e4])
    with tf.GradientTape() as tape:
        tape.watch(fake)
        values = loss.discriminator(tf.zeros([4]), fake)
    assert np.isfinite(tape.gradient(values, fake) * loss.slope_ratio(fake)).all()
