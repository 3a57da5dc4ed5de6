"""What comes between images, real and generated alike, and the discriminator; and nothing of it in samples."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from small_gans import (
    BATCH,
    LABELLED,
    SHAPE,
    assert_close,
    assert_same,
    config,
    created_gan,
    real_images,
    some_change,
    tiny_gan,
    weights,
)
from small_gans import train as steps

from aigc_tf.families.gan import augmentation
from aigc_tf.families.gan.model import GAN
from aigc_tf.parts.augmentations import CHANGES, MOVES, applying
from aigc_tf.parts.penalties import PENALTIES

WAYS = ("diff", "ada")
OF_EACH_BOUNDARY = ("non_saturating", "least_squares", "relativistic")


def half_way(gan: GAN) -> GAN:
    """With a probability that adaptive augmentation gets to after many steps."""
    if gan.adaptive is not None:
        gan.adaptive.probability.assign(0.5)
    return gan


def operations(augment: str) -> list[str]:
    """Names of what a step computes, in its graph."""
    gan = created_gan(config(network="mlp", augment=augment))
    step = tf.function(lambda data: gan.distribute_strategy.run(gan.train_step, (data,)), autograph=False)
    graph = step.get_concrete_function({"image": real_images(0, BATCH)}).graph
    return [operation.name for operation in graph.get_operations()]


def test_without_it_a_step_computes_nothing_of_it():
    assert not [name for name in operations("none") if "augmentations" in name]
    assert [name for name in operations("diff") if "augmentations" in name]
    assert not [name for name in weights(created_gan(config(network="mlp"))) if "augment" in name]


def test_the_ways_are_made_of_what_there_is():
    for way in WAYS:
        chosen = augmentation.chosen(way, 0.5)
        assert chosen.keys() <= {*MOVES, *CHANGES}
        assert not [name for name in chosen if name.startswith("flip")]


@pytest.mark.parametrize("loss, augment", [("hinge", "diff"), *((loss, "ada") for loss in OF_EACH_BOUNDARY)])
def test_a_step_of_both_networks_on_one_and_on_two_replicas(loss, augment):
    """With penalties, and several critic steps, where images are always augmented."""
    often = {"penalties": tuple(PENALTIES), "penalty_weight": 0.1, "penalty_interval": 1, "critic_steps": 2}
    settings = config(loss=loss, augment=augment, **(often if augment == "diff" else {}))
    one, two = half_way(tiny_gan(settings)), half_way(tiny_gan(settings, replicas=2))
    before = weights(one)
    steps(one, 1), steps(two, 1)
    after = weights(one)
    for part in ("generator ", "discriminator ", "ema_generator "):
        assert some_change(before, after, part)
    assert all(np.isfinite(value).all() for value in after.values())
    assert_close(weights(two), after)
    if augment == "ada":
        assert one.adaptive.probability.numpy() == two.adaptive.probability.numpy() != 0.5
        assert one.adaptive.signs.numpy() == two.adaptive.signs.numpy()


@pytest.mark.parametrize("spec_shape", [(8, 12, 4), (16, 9, 3)], ids=str)
def test_labels_colours_transparency_and_mixed_precision(spec_shape):
    spec = dataclasses.replace(LABELLED, shape=spec_shape)
    settings = config(augment="ada", conditional=True, mixed_precision=True, penalties=("r1",), penalty_interval=1)
    gan = half_way(created_gan(settings, eager=True, spec=spec))
    before = weights(gan)
    steps(gan, 1)
    assert all(np.isfinite(value).all() for value in weights(gan).values())
    assert some_change(before, weights(gan), "generator ") and some_change(before, weights(gan), "discriminator ")


def test_penalties_and_losses_meet_the_augmented_images_of_which_each_has_draws_of_its_own():
    seen = []

    def spy(discriminator, real, fake, uniform):
        seen.append((real.numpy(), fake.numpy()))
        return tf.zeros_like(uniform)

    gan = tiny_gan(config(augment="diff", penalty_interval=1), penalties={"spy": spy})
    fake = gan.generator(gan._latents(tf.constant(0, tf.int64)), training=True)
    steps(gan, 1)
    (real_seen, fake_seen), real = seen[0], real_images(0, BATCH)
    chosen = augmentation.chosen("diff", 1.0)
    for images, stream, expected in ((real, 2, real_seen), (fake, 3, fake_seen)):
        seed = tf.random.experimental.stateless_fold_in([0, stream], tf.constant(0, tf.int64))
        augmented = applying.apply(images, chosen, applying.draw([BATCH], seed))
        np.testing.assert_allclose(augmented, expected, atol=1e-5)
        assert np.abs(augmented - images).max() > 0.1


def test_the_probability_follows_the_signs():
    settings = config(augment="ada", augment_target=0.5, augment_images=40.0).family
    adaptive = augmentation.Adaptive(settings, global_batch_size=4)
    remembered = 4 / 500

    def follow(*real: float, boundary: float | None = 0.0) -> float:
        fake = tf.constant([0.5, 0.5, 0.5, 0.5])
        with tf.distribute.get_strategy().scope():
            shown = adaptive.follow(tf.constant(real), fake, boundary)
        return float(shown["augmentation/real_signs"])

    assert follow(1.0, 2.0, -1.0, 3.0) == 0.5
    assert float(adaptive.signs) == pytest.approx(0.5 * remembered)
    assert float(adaptive.probability) == 0.0  # it would fall
    adaptive.signs.assign(0.9)
    follow(1.0, 1.0, 1.0, 1.0)
    assert float(adaptive.signs) == pytest.approx(0.9 + 0.1 * remembered)
    assert float(adaptive.probability) == pytest.approx(0.1)
    for _ in range(20):
        follow(1.0, 1.0, 1.0, 1.0)
    assert float(adaptive.probability) == pytest.approx(0.8)  # and no further
    adaptive.signs.assign(0.3)
    follow(-1.0, -1.0, -1.0, -1.0)
    assert float(adaptive.probability) == pytest.approx(0.7)
    assert follow(1.0, 0.4, 0.4, 0.4, boundary=0.5) == -0.5
    assert follow(1.0, 1.0, 0.6, 0.4, boundary=None) == 0.5  # held against fakes


def test_a_checkpoint_holds_the_probability(tmp_path):
    """So a run that goes on equals, bit for bit, one that was never stopped."""
    settings = config(augment="ada", augment_target=0.0, augment_images=40.0)
    whole = steps(half_way(tiny_gan(settings)), 3)
    first = steps(half_way(tiny_gan(settings)), 2)
    kept = tf.train.Checkpoint(model=first).save(str(tmp_path / "kept"))
    rest = tiny_gan(settings)
    tf.train.Checkpoint(model=rest).restore(kept).assert_existing_objects_matched()
    steps(rest, 1)
    assert_same(weights(rest), weights(whole))
    assert rest.adaptive.signs.numpy() == whole.adaptive.signs.numpy() != 0.0
    assert rest.adaptive.probability.numpy() == whole.adaptive.probability.numpy() != first.adaptive.probability.numpy()
    assert rest.tracked()["augmentation/probability"] == whole.tracked()["augmentation/probability"] > 0.0


def bars(rows: int) -> np.ndarray:
    """Images [rows, 8, 9, 1] that are all alike but for a little noise: a bar a third from the left, dark above."""
    image = np.full(SHAPE, -0.6, np.float32)
    image[4:, 3] = 0.6
    return image + np.random.default_rng(0).normal(0.0, 0.02, (rows, *SHAPE)).astype(np.float32)


def distances(augment: str, augmented_data: bool) -> np.ndarray:
    """How far pixels of samples [64] are from the bar in the mean, after a short training on bars."""
    widths = {"generator_widths": (64,), "discriminator_widths": (64,)}
    gan = half_way(created_gan(config(network="mlp", augment=augment, global_batch_size=16, **widths)))
    images = tf.constant(bars(16 * 400))
    if augmented_data:
        draws = applying.draw([len(images)], tf.constant([0, 9], tf.int64))
        images = applying.apply(images, augmentation.chosen("diff", 1.0), draws)
    gan.fit(tf.data.Dataset.from_tensor_slices({"image": images}).batch(16), verbose=0)
    return np.abs(gan.sample(tf.range(64, dtype=tf.int64)) - bars(1)).mean((1, 2, 3))


@pytest.mark.parametrize("augment", WAYS)
def test_augmentations_do_not_leak_into_samples(augment):
    """Of a bar that is cut out, shifted and darkened, the generator learns the bar: 0.1 was measured, where images
    with the augmentations that the discriminator sees are 0.4 away from it."""
    assert np.median(distances(augment, augmented_data=False)) < 0.15


def test_augmented_data_would_show_in_samples():
    """So the test above can fail: the same augmentations of real images alone are learned."""
    assert np.median(distances("none", augmented_data=True)) > 0.25
