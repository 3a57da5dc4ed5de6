"""What a VAE does in a step, what it makes of itself when training ends, and what it offers and shows."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from small_vaes import BATCH, LABELLED, SHAPE, SPEC, config, created, data, held_out, stored_images, train, weights

from aigc_tf.errors import UserError
from aigc_tf.families import signatures
from aigc_tf.families.vae import pictures
from aigc_tf.families.vae.likelihoods import LIKELIHOODS
from aigc_tf.families.vae.networks import NETWORKS
from aigc_tf.families.vae.posterior import Posterior
from aigc_tf.modalities.image.graph import to_model, to_stored
from aigc_tf.parts import labels
from aigc_tf.parts.latents import latents_from_seeds

SEEDS = tf.constant([3, 1, 4, 1, -5, 2**62], tf.int64)
EVERYTHING = {
    "likelihood": "discretised_logistic",
    "importance_samples": 2,
    "free_bits": 0.1,
    "kl_warm_up": 100.0,
    "beta": 2.0,
    "conditional": True,
}


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray], **tolerance: float) -> None:
    assert one.keys() == other.keys() and len(one) > 20
    for name, value in one.items():
        np.testing.assert_allclose(other[name], value, err_msg=name, **{"rtol": 0, "atol": 0, **tolerance})


# Steps


@pytest.mark.parametrize(
    "changes", [{}, EVERYTHING, {"objective": "iwae", "importance_samples": 3}], ids=["plain", "everything", "iwae"]
)
def test_one_step_on_two_replicas_is_that_of_one(changes):
    """Under plain gradient descent, which would show a gradient that is twice too large."""
    one, two = (held_out(train(created(config(**changes), replicas, descent=True), 2)) for replicas in (1, 2))
    before = created(config(**changes), descent=True)
    moved = [np.abs(new - old).max() for new, old in zip(one.get_weights(), before.get_weights())]
    assert max(moved) > 1e-4
    for new, old in zip(two.networks.values(), one.networks.values()):
        for value, expected in zip(new.get_weights(), old.get_weights()):
            np.testing.assert_allclose(value, expected, atol=1e-5, rtol=1e-4)
    assert two.tracked() == pytest.approx(one.tracked(), rel=1e-3, abs=1e-5)
    np.testing.assert_allclose(two.kl_per_unit, one.kl_per_unit, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("changes", [{}, EVERYTHING], ids=["plain", "everything"])
def test_a_run_from_a_checkpoint_goes_on_bit_for_bit(changes, tmp_path):
    unbroken = train(created(config(**changes)), 3)
    stopped = train(created(config(**changes)), 1)
    assert stopped.finish(data())
    path = tf.train.Checkpoint(model=stopped).save(str(tmp_path / "step"))
    resumed = created(config(**changes))
    for variable in resumed.decoder.trainable_variables:
        variable.assign(tf.zeros_like(variable))  # so that what the checkpoint misses is seen
    tf.train.Checkpoint(model=resumed).restore(path).assert_existing_objects_matched()
    resumed.reopen()
    assert_same(weights(train(resumed, 2)), weights(unbroken))


@pytest.mark.parametrize(
    "network, likelihood",
    [*((name, "bernoulli") for name in NETWORKS), *(("keras", name) for name in LIKELIHOODS if name != "bernoulli")],
)
def test_every_network_and_likelihood_learns_in_mixed_precision(network, likelihood):
    spec = dataclasses.replace(SPEC, shape=(11, 18, 3))
    settings = config(network=network, likelihood=likelihood, mixed_precision=True, learning_rate=1e-3, beta=0.1)
    vae = created(settings, spec=spec)
    vae.run_eagerly = False
    first = train(vae, 2).tracked()["loss/objective"]
    vae.reset_trackers()
    train(vae, 8)
    vae.reset_trackers()
    assert train(vae, 2).tracked()["loss/objective"] < first
    assert vae.decoder.layers[1].compute_dtype == "bfloat16" and vae.ema_decoder.layers[1].compute_dtype == "float32"
    images = vae.sample(SEEDS)
    assert images.shape == [6, 11, 18, 3] and images.dtype == tf.float32
    assert np.isfinite(images).all() and np.min(images) >= -1 and np.max(images) <= 1


def test_terms_are_logged_as_they_are_whatever_their_weight():
    plain, heavy = (train(created(config(beta=beta)), 1).tracked() for beta in (1.0, 5.0))
    for means in (plain, heavy):
        total = means["reconstruction/train"] + means["kl/train"]
        assert means["negative_elbo/train"] == pytest.approx(total, rel=1e-5)
    assert plain["loss/objective"] == pytest.approx(plain["negative_elbo/train"], rel=1e-5)
    expected = heavy["reconstruction/train"] + 5 * heavy["kl/train"]
    assert heavy["loss/objective"] == pytest.approx(expected, rel=1e-5) and heavy["kl/train"] > 1e-4


def test_the_divergence_warms_up_with_the_images_seen():
    vae = created(config(kl_warm_up=2.0 * BATCH, beta=3.0))
    shares = []
    for _ in range(4):
        vae.reset_trackers()
        means = train(vae, 1).tracked()
        shares.append((means["loss/objective"] - means["reconstruction/train"]) / means["kl/train"])
    assert shares == pytest.approx([0.0, 1.5, 3.0, 3.0], abs=0.05)


def test_free_bits_count_for_units_below_and_leave_them_alone():
    vae = created(config(free_bits=0.5))
    divergence = tf.constant([[0.1, 2.0, 0.9], [0.3, 4.0, 0.3]])  # means 0.2, 3.0 and 0.6

    def step():
        with tf.GradientTape() as tape:
            tape.watch(divergence)
            rows = vae._with_free_bits(divergence)
        return rows, tape.gradient(rows, divergence)

    rows, gradient = vae.distribute_strategy.run(step)
    np.testing.assert_allclose(rows, [0.5 + 2.0 + 0.9, 0.5 + 4.0 + 0.3], rtol=1e-6)
    np.testing.assert_array_equal(gradient, [[0, 1, 1], [0, 1, 1]])


def test_what_cannot_be_is_refused_in_a_sentence():
    with pytest.raises(UserError, match="free_bits are for the objective elbo only, but objective is iwae"):
        config(free_bits=0.5, objective="iwae")
    said = "^conditional needs labels, and synthetic has none: learn it with --no-conditional$"
    with pytest.raises(UserError, match=said):
        created(config(conditional=True, dataset="synthetic"), spec=SPEC)


def test_units_that_tell_something_are_active():
    vae = created(config(latent_dim=4))
    vae.encoder.layers[-1].set_weights([np.zeros([16, 8]), np.repeat([0.0, -3.0], 4)])
    held_out(vae)
    assert vae.tracked()["units/active"] == 0
    np.testing.assert_allclose(vae.distributions()["kl_per_unit"], 0.5 * (np.exp(-3) + 3 - 1), rtol=1e-5)
    kernel = np.zeros([16, 8])
    kernel[:, 1] = 10.0
    vae.encoder.layers[-1].set_weights([kernel, np.zeros(8)])
    vae.reset_trackers()
    assert held_out(vae).tracked()["units/active"] == 1


# The end of training


def test_the_prior_is_fitted_once_and_taken_back_where_training_goes_on():
    vae = train(created(config(conditional=True), spec=LABELLED), 1)
    before, fingerprint = vae.sample(SEEDS).numpy(), vae.fingerprint()
    assert vae.finish(data()) and not vae.finish(data())
    fitted = vae.sample(SEEDS).numpy()
    assert np.abs(fitted - before).max() > 1e-4 and vae.fingerprint() != fingerprint
    other = train(created(config(conditional=True), spec=LABELLED), 1)
    assert other.finish(data())
    np.testing.assert_array_equal(other.sample(SEEDS), fitted)
    vae.reopen()
    np.testing.assert_array_equal(vae.sample(SEEDS), before)
    assert vae.fingerprint() == fingerprint and vae.finish(data())


def test_without_components_nothing_is_fitted():
    vae = train(created(config(prior_components=0)), 1)
    assert "prior" not in vae.networks and not vae.finish(data())
    vae.reopen()


# Signatures


@pytest.fixture(scope="module")
def vae():
    vae = train(created(config(conditional=True, likelihood="bernoulli"), spec=LABELLED), 3)
    assert vae.finish(data())
    return vae


@pytest.fixture(scope="module")
def served(vae):
    return signatures.build(vae)


IMAGES = stored_images(6, seed=5) / np.float32(255)


def everywhere(label: int, rows: int = 6) -> tf.Tensor:
    return tf.fill([rows], tf.constant(label, tf.int64))


def test_signatures_have_the_names_of_the_contract(served):
    promised, functions = served
    assert (
        set(promised.signatures)
        == set(functions)
        == {*("serving_default", "sample", "latent", "decode", "morph", "encode", "reconstruct", "score", "contract")}
    )
    purposes = {name: each.purpose for name, each in promised.signatures.items()}
    assert (purposes["encode"], purposes["reconstruct"], purposes["score"]) == ("encode", "reconstruct", "score")
    assert set(promised.signatures["score"].outputs) == {
        *("elbo_bernoulli", "bound_bernoulli", "bits_per_dimension_bernoulli", "reconstruction_error", "samples")
    }


def test_signatures_agree_with_each_other(vae, served):
    encode, decode, reconstruct = (served[1][name] for name in ("encode", "decode", "reconstruct"))
    found = encode(IMAGES, everywhere(1))
    posterior = Posterior.of(vae.ema_encoder([IMAGES * 2 - 1, tf.one_hot([1] * 6, 3)], training=False))
    np.testing.assert_allclose(found["latent"], posterior.mean, atol=1e-5)
    np.testing.assert_allclose(found["deviation"], tf.exp(posterior.log_variance / 2), rtol=1e-4)
    again = reconstruct(IMAGES, everywhere(1))["image"]
    np.testing.assert_allclose(decode(found["latent"], everywhere(1))["image"], again, atol=1e-5)
    assert np.abs(again - reconstruct(IMAGES, everywhere(2))["image"]).max() > 1e-4
    latents = tf.random.stateless_normal([6, 3], [0, 0])
    by_default = labels.of_latents(latents, LABELLED.class_counts)
    np.testing.assert_array_equal(decode(latents, everywhere(-1))["image"], decode(latents, by_default)["image"])


def test_a_sample_is_what_the_prior_and_the_decoder_make_of_its_seed(served):
    whole = served[1]["sample"](SEEDS, everywhere(2))["image"].numpy()
    assert whole.shape == (6, *SHAPE) and whole.min() >= 0 and whole.max() <= 1
    np.testing.assert_array_equal(whole[1], whole[3])
    np.testing.assert_array_equal(served[1]["sample"](SEEDS[::-1], everywhere(2))["image"].numpy()[::-1], whole)
    np.testing.assert_array_equal(served[1]["sample"](SEEDS[4:5], everywhere(2, 1))["image"].numpy(), whole[4:5])


@pytest.mark.parametrize("label", [-1, 2])
def test_a_latent_is_that_of_the_seeds_sample(served, label):
    drawn = served[1]["latent"](SEEDS, everywhere(label))
    sampled = served[1]["sample"](SEEDS, everywhere(label))["image"]
    np.testing.assert_array_equal(served[1]["decode"](*drawn.values())["image"], sampled)


def test_a_score_is_the_same_each_time_and_that_of_the_image_alone(served):
    def score(images, draw=0, label=1):
        answer = served[1]["score"](images, everywhere(draw, len(images)), everywhere(label, len(images)))
        return {name: value.numpy() for name, value in answer.items()}

    whole, again, backwards = score(IMAGES), score(IMAGES), score(IMAGES[::-1])
    assert (whole["samples"] == 16).all()
    for name, values in whole.items():
        np.testing.assert_array_equal(again[name], values)
        np.testing.assert_allclose(backwards[name][::-1], values, rtol=1e-4, err_msg=name)
        np.testing.assert_allclose(score(IMAGES[2:3])[name], values[2:3], rtol=1e-4, err_msg=name)
    assert (whole["elbo_bernoulli"] <= whole["bound_bernoulli"] + 1.0).all() and (whole["elbo_bernoulli"] < 0).all()
    bits = -whole["bound_bernoulli"] / (np.prod(SHAPE) * np.log(2))
    np.testing.assert_allclose(whole["bits_per_dimension_bernoulli"], bits, rtol=1e-5)
    for other in (score(IMAGES, draw=1), score(IMAGES, label=2), score(IMAGES, label=-1)):
        assert (other["bound_bernoulli"] != whole["bound_bernoulli"]).all()
        np.testing.assert_allclose(other["bound_bernoulli"], whole["bound_bernoulli"], rtol=0.2)


# Pictures


def test_pictures_show_what_signatures_give(vae, served):
    shown = {name: make().numpy() for name, make in vae.pictures(6, 2).items()}
    assert set(shown) == {"samples/averaged", "samples/raw", "samples/interpolation", "samples/traversals"}
    seeds = tf.constant([0, 1, 0, 1, 0, 1], tf.int64)
    images = vae.sample(seeds, label=tf.constant([0, 0, 1, 1, 2, 2], tf.int64))
    np.testing.assert_array_equal(shown["samples/averaged"], to_stored(images))
    assert shown["samples/interpolation"].shape == (4, *SHAPE)  # within a class, and from it to the next
    ends = latents_from_seeds(seeds[:2], vae.settings.latent_dim)
    ends = served[1]["decode"](ends, tf.constant([0, 1], tf.int64))["image"]
    np.testing.assert_allclose(shown["samples/interpolation"][[0, 3]], ends * 255, atol=1)
    assert shown["samples/raw"].shape == shown["samples/traversals"].shape == (6, *SHAPE)


def test_reconstructions_stand_below_their_originals(vae, served):
    stored = stored_images(7, seed=6)
    batch = {"image": to_model(stored), "label": tf.constant([0, 1, 2, 0, 1, 2, 0])}
    (shown,) = (make().numpy() for make in vae.comparisons(batch, 3).values())
    again = served[1]["reconstruct"](stored[:6] / np.float32(255), tf.cast(batch["label"][:6], tf.int64))["image"]
    expected = to_stored(again * 2 - 1).numpy()
    np.testing.assert_array_equal(shown[[0, 1, 2, 6, 7, 8]], stored[:6])
    np.testing.assert_allclose(shown[[3, 4, 5, 9, 10, 11]].astype(int), expected.astype(int), atol=1)
    assert vae.comparisons(batch, 8) == {}


def test_a_traversal_moves_one_unit_at_a_time_the_most_telling_first():
    latents, classes = pictures.traversals(tf.constant([0.1, 5.0, 2.0]), 2, 5, num_classes=3)
    rows = latents.numpy().reshape(2, 5, 3)
    assert (rows[0][:, [0, 2]] == 0).all() and (rows[1][:, :2] == 0).all()
    for moved in (rows[0][:, 1], rows[1][:, 2]):
        np.testing.assert_allclose(moved, np.linspace(-2.5, 2.5, 5), rtol=1e-6)
    np.testing.assert_array_equal(tf.argmax(classes, 1), np.repeat([0, 1], 5))
    assert pictures.traversals(tf.constant([0.1, 5.0, 2.0]), 2, 5, num_classes=0)[1] is None
