"""A GAN that takes labels: it obeys them, and says in its signatures, pictures and refusals what they mean."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from small_gans import BATCH, LABELLED, SHAPE, SPEC, config, created_gan, real_images, real_labels, train

from aigc_tf.errors import UserError
from aigc_tf.families import signatures
from aigc_tf.families.gan import pictures
from aigc_tf.parts import labels, walks
from aigc_tf.parts.latents import latents_from_seeds

SEEDS = tf.range(12, dtype=tf.int64)
COUNTS = LABELLED.class_counts


def told(*values: int) -> tf.Tensor:
    return tf.constant(values, tf.int64)


def everywhere(label: int, like: tf.Tensor = SEEDS) -> tf.Tensor:
    return tf.fill(tf.shape(like), tf.constant(label, tf.int64))


def differ(*networks: tf.keras.Model) -> None:
    """Move their weights, so that labels make a difference: some begin as if there were none."""
    for network in networks:
        for i, weight in enumerate(network.trainable_weights):
            weight.assign_add(tf.random.stateless_normal(weight.shape, [5, i], 0.0, 0.2))


@pytest.fixture(scope="module")
def gan():
    """A step old, with gains, offsets and embeddings that differ widely between classes."""
    gan = train(created_gan(config(conditional=True), eager=True), 1)
    differ(gan.ema_generator, gan.discriminator)
    return gan


@pytest.fixture(scope="module")
def served(gan):
    return signatures.build(gan)


# Signatures


def test_the_contract_tells_of_labels(served):
    promised, functions = served
    for name, signature in promised.signatures.items():
        assert ("label" in signature.inputs) == (name != "contract")
        assert list(signature.inputs) == [spec.name for spec in functions[name].input_signature]
    label = promised.signatures["serving_default"].inputs["label"]
    assert (label.minimum, label.maximum, label.default, label.beyond) == (0, 2, -1, "default")
    assert promised.class_names == ("a", "b", "c")


def test_a_label_out_of_range_is_any_class_and_fails_no_stranger(served):
    files = served[1]["serving_default"]
    usual = files(SEEDS, everywhere(-1))["image_bytes"]
    some = tf.where(SEEDS % 2 == 0, SEEDS % 3, tf.constant(2**62, tf.int64))
    mixed = files(SEEDS, some)["image_bytes"].numpy()
    np.testing.assert_array_equal(mixed[1::2], usual[1::2])
    for label in (-2, 3, -(2**63)):
        np.testing.assert_array_equal(files(SEEDS[:2], everywhere(label, SEEDS[:2]))["image_bytes"], usual[:2])


def test_any_class_is_drawn_from_the_seed_by_the_training_frequencies(gan, served):
    drawn = labels.of_seeds(SEEDS, COUNTS)
    assert len(np.unique(drawn)) == 3
    sample = served[1]["sample"]
    usual = sample(SEEDS, everywhere(-1))["image"]
    np.testing.assert_array_equal(usual, sample(SEEDS, drawn)["image"])
    assert not np.array_equal(usual, sample(SEEDS, everywhere(0))["image"])
    np.testing.assert_array_equal(gan.sample(SEEDS[:3]), gan.sample(SEEDS[:3], label=drawn[:3]))
    np.testing.assert_array_equal(gan.sample(SEEDS[:3], label=-1), gan.sample(SEEDS[:3]))


def test_signatures_agree_with_each_other(gan, served):
    asked = SEEDS % 3
    expected = (gan.sample(SEEDS, label=asked) + 1) / 2
    latents = latents_from_seeds(SEEDS, gan.settings.latent_dim)
    images = served[1]["sample"](SEEDS, asked)["image"]
    np.testing.assert_allclose(images, expected, atol=1e-6)
    np.testing.assert_allclose(served[1]["decode"](latents, asked)["image"], expected, atol=1e-6)
    for label in (asked, everywhere(-1)):
        drawn = served[1]["latent"](SEEDS, label)
        np.testing.assert_array_equal(drawn["latent"], latents)
        sampled = served[1]["sample"](SEEDS, label)["image"]
        np.testing.assert_array_equal(served[1]["decode"](*drawn.values())["image"], sampled)
    of_latents = labels.of_latents(latents, COUNTS)
    by_default = served[1]["decode"](latents, everywhere(-1))["image"]
    np.testing.assert_array_equal(by_default, served[1]["decode"](latents, of_latents)["image"])
    whole = served[1]["truncated"](SEEDS, asked, tf.ones(len(SEEDS)))["image_bytes"]
    np.testing.assert_array_equal(whole, served[1]["serving_default"](SEEDS, asked)["image_bytes"])
    typical = served[1]["truncated"](SEEDS, asked, tf.zeros(len(SEEDS)))["image_bytes"].numpy()
    assert len({*typical}) == 3  # one image for each class


def test_rows_are_the_same_in_any_company(served):
    sample = served[1]["sample"]
    whole = sample(SEEDS, SEEDS % 3)["image"].numpy()
    np.testing.assert_array_equal(sample(SEEDS[::-1], (SEEDS % 3)[::-1])["image"].numpy()[::-1], whole)
    np.testing.assert_array_equal(sample(SEEDS[5:6], told(5 % 3))["image"].numpy(), whole[5:6])


def test_the_discriminator_takes_labels_and_their_mean(served):
    discriminate, images = served[1]["discriminate"], (real_images(0, 4) + 1) / 2
    of_each = [discriminate(images, everywhere(label, images[:, 0, 0, 0]))["logit"] for label in range(3)]
    assert np.ptp(of_each, axis=0).min() > 1e-3
    mean = discriminate(images, told(-1, 3, -7, 2**40))["logit"]
    np.testing.assert_allclose(mean, np.average(of_each, axis=0, weights=COUNTS), atol=1e-5)


# Training


@pytest.mark.parametrize("spectral_norm", [False, True])
def test_the_discriminator_begins_as_if_without_labels(spectral_norm):
    gan = created_gan(config(conditional=True, spectral_norm=spectral_norm), eager=True)
    of_each = [gan.discriminator([real_images(0, 4), tf.one_hot([label] * 4, 3)]).numpy() for label in range(3)]
    assert np.isfinite(of_each).all()
    assert (np.ptp(of_each, axis=0).max() == 0) != spectral_norm  # a kernel of zeros could not be normalised


def test_penalties_weigh_less_with_labels_and_more_on_larger_images():
    with_labels = {"conditional": True}
    given = {"penalty_share_with_labels": 0.5}
    for changes, weight in (({}, 1.0), (with_labels, 0.03), ({**with_labels, **given}, 0.5), (given, 1.0)):
        weights = config(**changes).family.weight_of_penalties
        assert weights((28, 28, 1), 60_000) == weights((8, 8, 1), 10**6) == weight
        assert weights((56, 28, 3), 60_000) == pytest.approx(6 * weight)
    assert config(conditional=True, penalty_weight=3.0).family.weight_of_penalties((64, 64, 3), 5) == 3.0


def test_penalties_weigh_more_with_labels_the_fewer_images_there_are_but_no_more_than_without():
    weights = config(conditional=True).family.weight_of_penalties
    assert weights((28, 28, 1), 15_000) == pytest.approx(0.12)
    assert weights((28, 28, 1), 10) == weights((28, 28, 1), 1) == 1.0
    spec = dataclasses.replace(LABELLED, num_examples=6_000)
    gan = created_gan(config(conditional=True, penalties=("r1",), penalty_interval=1), eager=True, spec=spec)
    seen = train(gan, 1).tracked()
    added = seen["loss/discriminator"] - seen["loss/discriminator_adversarial"]
    assert added / seen["penalty/r1"] == pytest.approx(0.3, rel=1e-2)


def test_fakes_are_of_the_classes_of_the_real_images_beside_them():
    seen = []

    def spy(critic, real, fake, uniform):
        seen.append((critic(real, training=False), critic(fake, training=False), real))
        return tf.zeros_like(uniform)

    gan = created_gan(config(conditional=True, critic_steps=2, penalty_interval=1, network="mlp"), eager=True)
    differ(gan.discriminator)
    gan.penalty_functions = {"r1": spy}
    gan.trackers["penalty/r1"] = gan.trackers["loss/generator"]
    first = [gan.discriminator([real_images(0, 2 * BATCH), tf.one_hot(real_labels(0, 2 * BATCH), 3)])][0]
    latents = gan._latents(tf.constant(0, tf.int64))
    fakes = gan.generator([latents, tf.one_hot(real_labels(0, 2 * BATCH)[::2], 3)], training=True)
    expected = gan.discriminator([fakes, tf.one_hot(real_labels(0, 2 * BATCH)[::2], 3)])
    train(gan, 1)
    assert len(seen) == 2
    np.testing.assert_array_equal(seen[0][2], real_images(0, 2 * BATCH)[::2])
    np.testing.assert_allclose(seen[0][0], first[::2], atol=1e-5)
    np.testing.assert_allclose(seen[0][1], expected, atol=1e-5)


def test_held_out_logits_are_those_of_their_labels():
    gan = created_gan(config(conditional=True, network="mlp"), eager=True)
    differ(gan.discriminator)
    images, classes = real_images(7, BATCH), real_labels(7, BATCH)
    expected = np.mean(gan.discriminator([images, tf.one_hot(classes, 3)], training=False))
    gan.reset_trackers()
    gan.evaluate(tf.data.Dataset.from_tensors({"image": images, "label": classes}), verbose=0)
    assert gan.tracked()["logits/held_out"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("network", ["lean", "mlp"])
def test_labels_are_obeyed_after_a_few_steps(network):
    """Of dark and bright images, each of one class."""
    spec = dataclasses.replace(SPEC, num_classes=2, class_names=("dark", "bright"))
    gan = created_gan(config(conditional=True, network=network, penalties=("r1",), global_batch_size=16), spec=spec)
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 2, 16 * 300).astype(np.int32)
    images = np.where(classes == 1, 0.7, -0.7)[:, None, None, None] + rng.uniform(-0.2, 0.2, (len(classes), *SHAPE))
    data = {"image": images.astype(np.float32), "label": classes}
    gan.fit(tf.data.Dataset.from_tensor_slices(data).batch(16, drop_remainder=True), verbose=0)
    means = [gan.sample(SEEDS, label=label).numpy().mean((1, 2, 3)) for label in range(2)]
    assert means[0].max() < -0.15 and means[1].min() > 0.15


# Pictures


def test_a_row_of_samples_shows_a_class_and_a_column_a_seed():
    latents, classes = pictures.samples(12, 3, latent_dim=5, num_classes=2)
    np.testing.assert_array_equal(tf.argmax(classes, 1), np.repeat([0, 1, 0, 1], 3))
    seeds = tf.constant([0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5], tf.int64)
    np.testing.assert_array_equal(latents, latents_from_seeds(seeds, 5))


def test_the_first_classes_are_shown_where_there_are_more_than_rows():
    _, classes = pictures.samples(6, 3, latent_dim=5, num_classes=1000)
    np.testing.assert_array_equal(tf.argmax(classes, 1), [0, 0, 0, 1, 1, 1])


def test_a_walk_changes_one_thing_at_a_time_and_goes_on_where_it_was():
    latents, classes = (part.numpy().reshape(6, 4, -1) for part in walks.interpolations(3, 4, 5, num_classes=2))
    for row in range(6):
        still, moving = (classes, latents) if row % 2 == 0 else (latents, classes)
        assert (still[row] == still[row][0]).all() and len(np.unique(moving[row], axis=0)) == 4
        if row:
            np.testing.assert_allclose(latents[row][0], latents[row - 1][-1], atol=1e-6)
            np.testing.assert_allclose(classes[row][0], classes[row - 1][-1], atol=1e-6)
    np.testing.assert_allclose(classes.sum(-1), 1, atol=1e-6)


def test_pictures_show_what_signatures_give(gan):
    shown = {name: make().numpy() for name, make in gan.pictures(6, 2).items()}
    images = gan.sample(told(0, 1, 0, 1, 0, 1), label=told(0, 0, 1, 1, 2, 2))
    np.testing.assert_array_equal(shown["samples/averaged"], gan.spec.modality.graph.to_stored(images))
    assert shown["samples/raw"].shape == shown["samples/averaged"].shape
    assert shown["samples/interpolation"].shape == (4, *SHAPE)


# How many classes


def test_images_without_labels_are_refused_in_a_sentence():
    said = "^conditional needs labels, and synthetic has none: learn it with --no-conditional$"
    with pytest.raises(UserError, match=said):
        created_gan(config(conditional=True, dataset="synthetic"), spec=SPEC)


@pytest.mark.parametrize("counts", [(7,), (3, 0, 997), ()], ids=str)
def test_few_examples_of_a_class_and_a_single_class(counts):
    classes = len(counts) or 3
    spec = dataclasses.replace(LABELLED, num_classes=classes, class_names=("x",) * classes, class_counts=counts)
    gan = created_gan(config(conditional=True, network="mlp"), eager=True, spec=spec)
    train(gan, 1)
    assert np.isfinite(gan.sample(SEEDS[:3])).all()
    if counts:
        assert set(labels.of_seeds(SEEDS, counts).numpy()) <= set(np.flatnonzero(counts))
