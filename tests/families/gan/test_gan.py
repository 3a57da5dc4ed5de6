"""What a GAN does in a step beside its gradients, and what it promises to callbacks, checkpoints and exports."""

import numpy as np
import pytest
import small_gans
import tensorflow as tf
from lanes import HERE
from small_gans import (
    BATCH,
    SHAPE,
    assert_same,
    config,
    created_gan,
    real_images,
    some_change,
    tiny_gan,
    train,
    weights,
)

from aigc_tf.families import signatures
from aigc_tf.parts import moving_average
from aigc_tf.parts.latents import latents_from_seeds
from aigc_tf.parts.losses import GAN_LOSSES, ONE_STAGE
from aigc_tf.parts.optimizers import OPTIMIZERS

SEEDS = tf.constant([3, 1, 4, 1, -5, 2**62], tf.int64)


# Lazy penalties


def losses_of_each_update(gan, steps):
    """(penalised loss, adversarial loss, penalty or None) of each training step."""
    rows = []
    for _ in range(steps):
        gan.reset_trackers()
        means = train(gan, 1).tracked()
        rows.append((means["loss/discriminator"], means["loss/discriminator_adversarial"], means.get("penalty/one")))
    return rows


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_lazy_penalty_comes_every_interval_and_that_much_heavier(replicas):
    gan = tiny_gan(
        config(penalty_weight=0.5, penalty_interval=4),
        replicas,
        {"one": lambda d, real, fake, uniform: uniform * 0 + 1.0},
    )
    for step, (total, adversarial, penalty) in enumerate(losses_of_each_update(gan, 6)):
        due = step % 4 == 0
        assert total - adversarial == pytest.approx(0.5 * 4 if due else 0.0, abs=1e-5)
        assert penalty == (1.0 if due else None)  # logged as it is, and only where it was computed


def test_penalties_add_up():
    one = {name: lambda d, real, fake, uniform: uniform * 0 + 1.0 for name in ("one", "two")}
    gan = tiny_gan(config(penalty_weight=3.0, penalty_interval=1), penalties=one)
    ((total, adversarial, _),) = losses_of_each_update(gan, 1)
    assert total - adversarial == pytest.approx(6.0, abs=1e-5)


def test_the_interval_counts_discriminator_updates():
    """With 3 critic steps and an interval of 2: updates 0 and 2 of the first step, 4 of the second."""
    calls = []

    def penalty(discriminator, real, fake, uniform):
        calls.append(int(gan.step.numpy()))
        return tf.zeros_like(uniform)

    gan = tiny_gan(config(critic_steps=3, penalty_interval=2), penalties={"one": penalty})
    train(gan, 2)
    assert calls == [0, 0, 1]


def test_penalties_draw_anew_at_each_update():
    drawn = []

    def penalty(discriminator, real, fake, uniform):
        drawn.append(uniform.numpy())
        return tf.zeros_like(uniform)

    train(tiny_gan(config(critic_steps=2, penalty_interval=1), penalties={"one": penalty}), 2)
    assert len(np.unique(drawn)) == 4 * BATCH
    assert np.min(drawn) >= 0 and np.max(drawn) < 1


# One stage or two


def pull_on_the_generator(gan, latents) -> list[np.ndarray]:
    """Gradient of the generator's loss by its weights, with the discriminator as it is."""
    with tf.GradientTape() as tape:
        logits = tf.squeeze(gan.discriminator(gan.generator(latents, training=True), training=True), -1)
        loss = tf.reduce_mean(gan.loss_functions.generator(tf.zeros_like(logits), logits))
    return [gradient.numpy() for gradient in tape.gradient(loss, gan.generator.trainable_variables)]


@pytest.mark.parametrize("loss", ONE_STAGE)
@pytest.mark.parametrize("stages", ["one", "two"])
def test_the_generator_learns_from_the_discriminator_as_it_was_or_as_it_became(loss, stages, monkeypatch):
    """Under plain gradient descent at a rate of 0.1 a step gives its gradient away; a penalty at the fakes does not
    reach the generator. Without spectral normalisation, which is another one at each pass."""
    monkeypatch.setattr(small_gans, "SpectralNorm", lambda layer: layer)
    changes = {"loss": loss, "stages": stages, "penalties": ("r2",), "penalty_interval": 1}
    gan = tiny_gan(config(**changes), learning_rate=0.1)
    latents = gan._latents(tf.constant(0, tf.int64))
    before, pull_before = gan.generator.get_weights(), pull_on_the_generator(gan, latents)
    trainable = [variable.numpy() for variable in gan.generator.trainable_variables]
    train(gan, 1)
    taken = [(old - new.numpy()) / 0.1 for old, new in zip(trainable, gan.generator.trainable_variables)]
    gan.generator.set_weights(before)
    pull_after = pull_on_the_generator(gan, latents)
    expected, other = (pull_before, pull_after) if stages == "one" else (pull_after, pull_before)
    for step, right in zip(taken, expected):
        np.testing.assert_allclose(step, right, rtol=1e-3, atol=1e-6)
    assert not all(np.allclose(step, wrong, rtol=1e-3, atol=1e-6) for step, wrong in zip(taken, other))


def test_fewest_is_one_stage_where_the_loss_allows_it_and_auto_two_with_labels():
    assert config(conditional=True).family.one_stage and not config(conditional=True, stages="auto").family.one_stage
    assert not config(conditional=True, loss="hinge").family.one_stage
    for loss in GAN_LOSSES:
        states = {}
        for stages in ("fewest", "one" if loss in ONE_STAGE else "two"):
            states[stages] = weights(train(tiny_gan(config(loss=loss, stages=stages)), 2))
        assert_same(*states.values())


# Moving average


def test_after_the_half_life_an_old_weight_counts_half():
    keep = moving_average.decay(10, tf.constant(10**9), half_life=500.0, ramp_up=0.05)
    assert float(keep) ** (500 / 10) == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize("images_seen, half_life", [(100, 5.0), (2_000, 100.0), (10_000, 500.0), (10**7, 500.0)])
def test_the_ramp_up_shortens_the_half_life_while_training_is_young(images_seen, half_life):
    keep = moving_average.decay(10, tf.constant(images_seen, tf.int64), half_life=500.0, ramp_up=0.05)
    assert float(keep) == pytest.approx(0.5 ** (10 / half_life), rel=1e-5)


def test_without_ramp_up_the_half_life_holds_from_the_start():
    keep = moving_average.decay(10, tf.constant(1), half_life=500.0, ramp_up=0.0)
    assert float(keep) == pytest.approx(0.5 ** (10 / 500), rel=1e-6)


@pytest.mark.parametrize("ramp_up", [0.0, 0.05])
def test_a_half_life_of_zero_keeps_nothing(ramp_up):
    assert float(moving_average.decay(10, tf.constant(1000), half_life=0.0, ramp_up=ramp_up)) == 0.0


@pytest.mark.parametrize("replicas", [1, 2])
def test_the_average_follows_its_formula_through_training(replicas):
    """For statistics of batch normalisation as well as for weights."""
    gan = tiny_gan(config(ema_half_life=20.0, ema_ramp_up=1.5), replicas)
    expected = gan.generator.get_weights()
    for step in range(4):
        train(gan, 1)
        keep = 0.5 ** (BATCH / min(20.0, 1.5 * (step + 1) * BATCH))
        new = gan.generator.get_weights()
        expected = [keep * old + (1 - keep) * value for old, value in zip(expected, new)]
    for average, value, current in zip(gan.ema_generator.get_weights(), expected, new):
        np.testing.assert_allclose(average, value, atol=1e-6)
        assert not np.array_equal(average, current)


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_half_life_of_zero_copies_the_generator(replicas):
    gan = train(tiny_gan(config(ema_half_life=0.0), replicas), 2)
    for average, current in zip(gan.ema_generator.variables, gan.generator.variables):
        np.testing.assert_array_equal(average.numpy(), current.numpy())


# Sampling and signatures


@pytest.fixture(scope="module")
def trained():
    return train(tiny_gan(config(ema_half_life=50.0, ema_ramp_up=0.0)), 2)


def test_samples_are_images_in_range(trained):
    images = trained.sample(SEEDS)
    assert images.shape == [6, *SHAPE] and images.dtype == tf.float32
    assert -1.0 <= np.min(images) < np.max(images) <= 1.0


def test_a_row_depends_on_its_own_seed_alone(trained):
    images = trained.sample(SEEDS).numpy()
    np.testing.assert_array_equal(images[1], images[3])  # the same seed, elsewhere in the batch
    others = trained.sample(tf.constant([3, 7, 8, 9, 10, 11], tf.int64)).numpy()
    np.testing.assert_array_equal(others[0], images[0])
    np.testing.assert_allclose(trained.sample(SEEDS[:1])[0], images[0], atol=1e-6)
    assert len({row.tobytes() for row in images}) == 5


def test_all_64_bits_of_a_seed_count():
    seeds = [1, 1 + 2**32, 1 - 2**63, -1]
    latents = latents_from_seeds(tf.constant(seeds, tf.int64), 4)
    assert len({row.tobytes() for row in latents.numpy()}) == len(seeds)


def test_latents_are_standard_normal():
    latents = tf.function(latents_from_seeds)(tf.range(4000, dtype=tf.int64), 8).numpy()
    np.testing.assert_allclose(latents.mean(axis=0), np.zeros(8), atol=0.08)
    np.testing.assert_allclose(np.cov(latents.T), np.eye(8), atol=0.12)


def test_truncation_scales_the_latents(trained):
    images = trained.sample(SEEDS, truncation=0.0).numpy()
    np.testing.assert_array_equal(images, np.repeat(images[:1], 6, axis=0))
    half = trained.decoder()(0.5 * latents_from_seeds(SEEDS, 5))
    np.testing.assert_array_equal(trained.sample(SEEDS, truncation=0.5), half)


def test_samples_come_from_the_average_not_from_the_generator(trained):
    latents = latents_from_seeds(SEEDS, 5)
    np.testing.assert_allclose(trained.sample(SEEDS), trained.ema_generator(latents, training=False), atol=1e-6)
    assert np.abs(trained.sample(SEEDS) - trained.generator(latents, training=False)).max() > 1e-4


def test_both_views_can_be_sampled_and_neither_is_overwritten(trained):
    averaged, fingerprint = trained.sample(SEEDS), trained.fingerprint()
    latents = latents_from_seeds(SEEDS, 5)
    raw = trained.sample(SEEDS, weights="raw")
    np.testing.assert_allclose(raw, trained.generator(latents, training=False), atol=1e-6)
    assert trained.fingerprint("raw") != fingerprint == trained.fingerprint()
    np.testing.assert_array_equal(trained.sample(SEEDS), averaged)


def test_signatures_have_the_names_and_types_of_the_contract(trained):
    def types(specs):
        return {spec.name: (spec.dtype.name, tuple(spec.shape)) for spec in specs}

    functions = {name: function.get_concrete_function() for name, function in signatures.build(trained)[1].items()}
    inputs = {name: types(function.structured_input_signature[0]) for name, function in functions.items()}
    outputs = {
        name: {key: (spec.dtype.name, spec.shape.rank) for key, spec in function.structured_outputs.items()}
        for name, function in functions.items()
    }
    assert inputs == {
        "serving_default": {"seed": ("int64", (None,))},
        "truncated": {"seed": ("int64", (None,)), "truncation": ("float32", (None,))},
        "sample": {"seed": ("int64", (None,))},
        "latent": {"seed": ("int64", (None,))},
        "decode": {"latent": ("float32", (None, 5))},
        "discriminate": {"image": ("float32", (None, *SHAPE))},
        "contract": {"seed": ("int64", (None,))},
    }
    assert outputs == {
        "serving_default": {"image_bytes": ("string", 1)},
        "truncated": {"image_bytes": ("string", 1)},
        "sample": {"image": ("float32", 4)},
        "latent": {"latent": ("float32", 2)},
        "decode": {"image": ("float32", 4)},
        "discriminate": {"logit": ("float32", 1)},
        "contract": {"contract": ("string", 1)},
    }


def test_signatures_agree_with_each_other(trained):
    _, served = signatures.build(trained)
    expected = trained.sample(SEEDS)
    images = served["sample"](SEEDS)["image"]
    np.testing.assert_allclose(images, (expected + 1) / 2, atol=1e-6)
    np.testing.assert_allclose(served["decode"](latents_from_seeds(SEEDS, 5))["image"], images, atol=1e-6)
    np.testing.assert_array_equal(served["latent"](SEEDS)["latent"], latents_from_seeds(SEEDS, 5))
    pngs = served["serving_default"](SEEDS)["image_bytes"]
    decoded = np.stack([tf.io.decode_png(png) for png in pngs])
    np.testing.assert_allclose(decoded, images * 255, atol=0.51)
    logits = served["discriminate"](images)["logit"]
    np.testing.assert_allclose(logits, trained.discriminator(expected)[:, 0], atol=1e-5)


# Steps as a pure function of (config, step)


def restore(gan, path):
    with gan.distribute_strategy.scope():  # where the optimizers of Addons make their slots
        tf.train.Checkpoint(model=gan).restore(path).assert_existing_objects_matched()


@pytest.mark.parametrize("changes", [{}, {"network": "dcgan"}, {"conditional": True}], ids=str)
def test_a_run_from_a_checkpoint_goes_on_bit_for_bit(changes, tmp_path):
    settings = config(penalties=("wgan_gp",), penalty_interval=2, spectral_norm=True, **changes)
    unbroken = train(created_gan(settings), 3)

    stopped = train(created_gan(settings), 1)
    path = tf.train.Checkpoint(model=stopped).save(str(tmp_path / "step"))
    resumed = created_gan(settings)
    for variable in resumed.generator.trainable_variables:
        variable.assign(tf.zeros_like(variable))  # so that what the checkpoint misses is seen
    restore(resumed, path)
    assert_same(weights(train(resumed, 2)), weights(unbroken))


@pytest.mark.parametrize("optimizer", HERE)
def test_every_optimizer_goes_on_bit_for_bit(optimizer, tmp_path):
    def fresh():
        gan = tiny_gan(config())
        gan.compile({name: OPTIMIZERS[optimizer](1e-3, 0.5, 0.9) for name in gan.trained}, run_eagerly=True)
        return gan

    unbroken = train(fresh(), 3)
    stopped = train(fresh(), 2)
    path = tf.train.Checkpoint(model=stopped).save(str(tmp_path / "step"))
    resumed = fresh()
    restore(resumed, path)
    assert_same(weights(train(resumed, 1)), weights(unbroken))


@pytest.mark.parametrize("replicas", [1, 2])
def test_two_fresh_models_take_the_same_steps_bit_for_bit(replicas):
    settings = config(penalties=("wgan_gp",), critic_steps=2)
    first, second = (train(tiny_gan(settings, replicas), 3) for _ in range(2))
    assert_same(weights(second), weights(first))


def test_another_seed_gives_other_weights_and_other_noise():
    first, second = tiny_gan(config(seed=1)), tiny_gan(config(seed=2))
    assert some_change(weights(first), weights(second), "generator")
    second.generator.set_weights(first.generator.get_weights())
    second.discriminator.set_weights(first.discriminator.get_weights())
    train(first, 1), train(second, 1)
    assert some_change(weights(first), weights(second), "generator")


# Keras


def test_no_optimizer_is_invented():
    gan = train(created_gan(config(optimizer="adamw", network="mlp"), eager=True), 2)
    assert gan.optimizer is gan.generator_optimizer
    assert isinstance(gan.optimizer, tf.keras.optimizers.AdamW)
    assert gan.optimizer.iterations.numpy() == 2
    others = [module for module in gan.submodules if isinstance(module, tf.keras.optimizers.RMSprop)]
    assert others == []


def test_learning_rates_and_betas_reach_their_network():
    settings = config(
        network="mlp", generator_learning_rate=0.5, discriminator_learning_rate=0.25, beta_1=0.125, beta_2=0.75
    )
    gan = created_gan(settings)
    rates = [float(opt.learning_rate.numpy()) for opt in (gan.generator_optimizer, gan.discriminator_optimizer)]
    assert rates == [0.5, 0.25]
    assert (gan.optimizer.beta_1, gan.optimizer.beta_2) == (0.125, 0.75)


def test_default_learning_rates_fall_as_images_get_larger():
    both = config().family.learning_rates
    for side, rate in ((8, 2e-3), (28, 2e-3), (32, 2e-3), (48, 4e-3 / 3), (64, 1e-3), (256, 1e-3)):
        assert both((side, side, 3)) == {"generator": pytest.approx(rate), "discriminator": pytest.approx(rate)}
    assert both((32, 128, 1)) == both((64, 64, 1))
    assert config(generator_learning_rate=0.5).family.learning_rates((64, 64, 3)) == {
        **both((64, 64, 3)),
        "generator": 0.5,
    }


def test_a_generator_step_leaves_the_discriminator_alone():
    gan = tiny_gan(config(penalties=("r1",)))
    gan.compile(
        {"generator": tf.keras.optimizers.SGD(0.1), "discriminator": tf.keras.optimizers.SGD(0.0)}, run_eagerly=True
    )
    before = [weight.numpy() for weight in gan.discriminator.trainable_variables]
    generator = weights(gan)
    train(gan, 3)
    for old, new in zip(before, gan.discriminator.trainable_variables):
        np.testing.assert_array_equal(new.numpy(), old)
    assert some_change(generator, weights(gan), "generator ")


def test_a_discriminator_step_leaves_the_generator_alone():
    gan = tiny_gan(config(penalties=("wgan_gp",)))
    gan.compile(
        {"generator": tf.keras.optimizers.SGD(0.0), "discriminator": tf.keras.optimizers.SGD(0.1)}, run_eagerly=True
    )
    before = [weight.numpy() for weight in gan.generator.trainable_variables]
    discriminator = weights(gan)
    train(gan, 3)
    for old, new in zip(before, gan.generator.trainable_variables):
        np.testing.assert_array_equal(new.numpy(), old)
    assert some_change(discriminator, weights(gan), "discriminator ")


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_test_step_changes_no_weight_and_measures_held_out_images(replicas):
    gan = train(tiny_gan(config(), replicas), 1)
    before = weights(gan)
    images = real_images(9, 2 * BATCH)
    gan.evaluate(tf.data.Dataset.from_tensor_slices({"image": images}).batch(BATCH), verbose=0)
    for name, value in weights(gan).items():
        if "held_out" not in name:
            np.testing.assert_array_equal(value, before[name], err_msg=name)
    logits = gan.discriminator(images)
    assert gan.tracked()["logits/held_out"] == pytest.approx(np.mean(logits), abs=1e-5)
    assert gan.tracked()["accuracy/held_out"] == pytest.approx(np.mean(logits > 0))


def test_trackers_outlive_an_epoch_and_start_anew_when_told():
    gan = train(train(tiny_gan(config()), 1), 1)
    assert gan.trackers["loss/generator"].count.numpy() == 2 * BATCH
    gan.reset_trackers()
    assert gan.tracked() == {}


@pytest.mark.parametrize("replicas", [1, 2])
def test_learning_rates_hold_and_then_fall_with_the_square_root_of_the_images_seen(replicas):
    gan = tiny_gan(config(learning_rate_hold=2.0 * BATCH), replicas)
    rates = []
    for _ in range(9):
        train(gan, 1)
        rates.append(float(gan.generator_optimizer.learning_rate.numpy()))
        assert float(gan.discriminator_optimizer.learning_rate.numpy()) == rates[-1]
    assert rates == pytest.approx([0.1 * min(1.0, (2 / max(step, 1)) ** 0.5) for step in range(9)], rel=1e-6)
    gan.learning_rate_scale.assign(0.5)
    assert float(train(gan, 1).generator_optimizer.learning_rate.numpy()) == pytest.approx(0.05 * (2 / 9) ** 0.5)


def penalty_weights(gan: tf.keras.Model, steps: int) -> list[float]:
    """What each of the next steps multiplied its penalty by."""
    weights = []
    for _ in range(steps):
        gan.reset_trackers()
        seen = train(gan, 1).tracked()
        weights.append((seen["loss/discriminator"] - seen["loss/discriminator_adversarial"]) / seen["penalty/r1"])
    return weights


def test_the_weight_of_a_penalty_rises_as_the_learning_rates_fall():
    gan = tiny_gan(config(penalties=("r1",), penalty_weight=3.0, penalty_interval=1, learning_rate_hold=2.0 * BATCH))
    expected = [3.0 * max(1.0, (step / 2) ** 0.5) for step in range(9)]
    assert penalty_weights(gan, 9) == pytest.approx(expected, rel=1e-3)


def test_a_hold_of_zero_keeps_learning_rates_and_penalties():
    gan = tiny_gan(config(penalties=("r1",), penalty_weight=3.0, penalty_interval=1, learning_rate_hold=0.0))
    assert penalty_weights(gan, 5) == pytest.approx([3.0] * 5, rel=1e-3)
    assert float(gan.generator_optimizer.learning_rate.numpy()) == pytest.approx(0.1, rel=1e-7)
