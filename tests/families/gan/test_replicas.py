"""One step on one and on two replicas, with the same global batch, gives the same weights."""

import numpy as np
import pytest
import tensorflow as tf
from lanes import HERE
from small_gans import (
    BATCH,
    assert_close,
    config,
    created_gan,
    real_images,
    some_change,
    tiny_gan,
    train,
    weights,
)

from aigc_tf.parts.losses import GAN_LOSSES
from aigc_tf.parts.optimizers import OPTIMIZERS
from aigc_tf.parts.penalties import PENALTIES


def assert_same_means(actual: dict[str, float], expected: dict[str, float], rel: float = 1e-3) -> None:
    assert actual.keys() == expected.keys()
    assert actual == pytest.approx(expected, rel=rel, abs=1e-5)


@pytest.mark.parametrize(
    "loss, penalties", [*((loss, ()) for loss in GAN_LOSSES), *(("relativistic", (name,)) for name in PENALTIES)]
)
def test_one_step_and_its_logged_means(loss, penalties):
    """Each loss and each penalty once: one is added to the other."""
    settings = config(loss=loss, penalties=penalties, penalty_weight=0.5, penalty_interval=2)
    one, two = tiny_gan(settings), tiny_gan(settings, replicas=2)
    before = weights(one)
    assert_close(weights(two), before, atol=0)
    train(one, 1), train(two, 1)
    after = weights(one)
    assert_close(weights(two), after)
    for network in ("generator", "discriminator", "ema_generator"):
        assert some_change(before, after, network)
    assert_same_means(two.tracked(), one.tracked())


def test_plain_descent_would_show_a_step_that_is_twice_too_large():
    """So the test above can fail: halved learning rates are seen, which Adam would hide had the gradient changed."""
    full, half = (train(tiny_gan(config(), learning_rate=rate), 1) for rate in (0.1, 0.05))
    with pytest.raises(AssertionError):
        assert_close(weights(half), weights(full))


@pytest.mark.parametrize(
    "network, changes",
    [
        ("lean", {"penalties": ("r1", "r2"), "spectral_norm": True, "conditional": True}),
        ("mlp", {"loss": "relativistic", "penalties": ("wgan_gp",), "critic_steps": 2, "conditional": True}),
    ],
    ids=["lean", "mlp"],
)
def test_compiled_steps_of_a_run(network, changes):
    settings = config(network=network, **changes)
    one, two = (train(created_gan(settings, replicas), 1) for replicas in (1, 2))
    assert_close(weights(two), weights(one), atol=1e-4)
    assert_same_means(two.tracked(), one.tracked())


def test_logged_losses_are_means_over_the_rows():
    gan = train(tiny_gan(config(loss="wasserstein", penalties=("r1",), penalty_interval=1), replicas=2), 1)
    means = gan.tracked()
    adversarial = means["logits/fake"] - means["logits/real"]
    assert means["loss/discriminator_adversarial"] == pytest.approx(adversarial, abs=1e-6)
    assert means["loss/discriminator"] == pytest.approx(adversarial + means["penalty/r1"], abs=1e-6)


def test_logits_of_real_images_are_logged_as_the_discriminator_gives_them():
    gan = tiny_gan(config(), replicas=2)
    expected = tiny_gan(config()).discriminator(real_images(0, BATCH), training=True)
    assert train(gan, 1).tracked()["logits/real"] == pytest.approx(np.mean(expected), abs=1e-5)


@pytest.mark.parametrize("replicas", [1, 2])
def test_each_critic_step_has_real_images_of_its_own(replicas):
    seen = []

    def spy(discriminator, real, fake, uniform):
        seen.extend(row.tobytes() for row in real.numpy())
        return tf.zeros_like(uniform)

    settings = config(critic_steps=3, penalty_interval=1)
    train(tiny_gan(settings, replicas, {"spy": spy}), 1)
    assert len(seen) == 3 * BATCH
    assert set(seen) == {row.tobytes() for row in real_images(0, 3 * BATCH).numpy()}


def test_critic_steps_update_the_discriminator_more_often_than_the_generator():
    gan = train(tiny_gan(config(critic_steps=3), replicas=2), 2)
    assert gan.discriminator_optimizer.iterations.numpy() == 6
    assert gan.generator_optimizer.iterations.numpy() == 2


def test_several_critic_steps_on_both():
    settings = config(critic_steps=3, loss="relativistic", penalties=("r2", "wgan_gp"), penalty_interval=2)
    one, two = (train(tiny_gan(settings, replicas), 2) for replicas in (1, 2))
    assert_close(weights(two), weights(one))
    assert_same_means(two.tracked(), one.tracked())


@pytest.mark.parametrize("optimizer", HERE)
def test_every_optimizer_on_both(optimizer):
    settings = config(optimizer=optimizer)
    gans = []
    for replicas in (1, 2):
        gan = tiny_gan(settings, replicas)
        with gan.distribute_strategy.scope():
            gan.compile({name: OPTIMIZERS[optimizer](1e-3, 0.5, 0.9) for name in gan.trained}, run_eagerly=True)
        before = weights(gan)
        gans.append(train(gan, 2))
        assert some_change(before, weights(gan), "generator ")
        assert some_change(before, weights(gan), "discriminator ")
    assert_close(weights(gans[1]), weights(gans[0]), atol=1e-4)
