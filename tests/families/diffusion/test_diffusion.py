"""What a diffusion model does in a step, and what it promises to callbacks, checkpoints and exports."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from small_diffusions import BATCH, LABELLED, SHAPE, SPEC, batch_of, config, created, train, weights

from aigc_tf.errors import UserError
from aigc_tf.families import signatures
from aigc_tf.families.diffusion import flow
from aigc_tf.families.diffusion.networks import NETWORKS
from aigc_tf.parts import labels

SEEDS = tf.range(6, dtype=tf.int64)


def told(*values: int) -> tf.Tensor:
    return tf.constant(values, tf.int64)


# Networks


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 28, 3), (64, 33, 4)], ids=str)
def test_networks_take_any_size_and_answer_nothing_at_first(name, shape):
    network = NETWORKS[name](dataclasses.replace(LABELLED, shape=shape), conditional=True)
    given = flow.inputs(tf.ones([2, *shape]), tf.constant([0.1, 0.9]), tf.one_hot([0, 2], 3))
    assert network(given).shape == (2, *shape)
    np.testing.assert_array_equal(network(given), np.zeros([2, *shape]))
    for i, weight in enumerate(network.trainable_weights):
        weight.assign_add(tf.random.stateless_normal(weight.shape, [1, i], 0, 0.1))
    first = network(given)
    for i in range(3):
        other = [*given]
        other[i] = tf.zeros_like(given[i])
        assert np.abs(network(other) - first).max(axis=(1, 2, 3)).min() > 1e-4


# Training


def test_a_perfect_answer_has_no_loss_and_none_has_that_of_what_is_wanted():
    model = created(config())
    content = tf.constant(batch_of(0, BATCH)["image"])
    noise, times = tf.random.stateless_normal(content.shape, [1, 1]), tf.constant([0.1, 0.4, 0.7, 0.95])
    scale = flow.Scales(*(flow.like(each, content) for each in flow.scales(times, model.settings.data_std)))
    states = flow.between(content, noise, times)
    wanted = (content - noise - scale.known * states) / scale.learned
    losses = model._errors(states, times, content - noise, None, training=True)
    np.testing.assert_allclose(losses, tf.reduce_mean(wanted**2, axis=[1, 2, 3]), rtol=1e-4)
    model.flow = lambda given, training: wanted
    np.testing.assert_allclose(model._errors(states, times, content - noise, None, True), np.zeros(4), atol=1e-8)


def test_a_step_goes_downhill_and_moves_the_average():
    model = created(config(), eager=False)
    held_out = tf.data.Dataset.from_tensors(batch_of(99, 8))

    def loss() -> float:
        model.reset_trackers()
        model.evaluate(held_out, verbose=0)
        return model.tracked()["loss/held_out"]

    before = loss()
    assert loss() == before  # the same noise each time
    train(model, 150)
    assert loss() < 0.8 * before
    apart = [np.abs(one - other).max() for one, other in zip(model.flow.get_weights(), model.ema_flow.get_weights())]
    assert 0 < max(apart) < 1


def test_a_step_is_traced_once_however_many_a_call_makes(monkeypatch):
    model, traced = created(config(), eager=False), []
    step = model.train_step
    monkeypatch.setattr(model, "train_step", lambda data: traced.append(1) or step(data))
    model.steps_per_execution = 3
    train(model, 7)  # in calls of three, three and one
    assert len(traced) == 1
    one_by_one = train(created(config(), eager=False), 7)
    for ours, theirs in zip(weights(model), weights(one_by_one)):
        np.testing.assert_array_equal(ours, theirs)


def test_two_replicas_make_the_step_of_one():
    one, two = (train(created(config(conditional=True, optimizer="rmsprop"), replicas), 2) for replicas in (1, 2))
    for ours, theirs in zip(weights(two), weights(one)):
        np.testing.assert_allclose(ours, theirs, atol=2e-4, rtol=2e-3)
    for name, value in one.tracked().items():
        assert two.tracked()[name] == pytest.approx(value, rel=1e-3), name


def test_mixed_precision_trains_in_bfloat16_and_samples_in_float32():
    model = train(created(config(mixed_precision=True), eager=False), 2)
    convolutions = [layer for layer in model.flow.layers if isinstance(layer, tf.keras.layers.Conv2D)]
    assert {layer.compute_dtype for layer in convolutions} == {"bfloat16"}
    assert {weight.dtype for weight in model.flow.trainable_weights} == {tf.float32}
    plain = created(config())
    plain.ema_flow.set_weights(model.ema_flow.get_weights())
    np.testing.assert_allclose(model.sample(SEEDS), plain.sample(SEEDS), atol=1e-5)


def test_labels_are_kept_back_now_and_then():
    seen = []
    model = created(config(conditional=True, label_dropout=0.5, global_batch_size=400))
    data = batch_of(0, 400)
    classes = model._classes({name: tf.constant(each) for name, each in data.items()}, drop=False)
    np.testing.assert_array_equal(classes, tf.one_hot(data["label"], 3))
    original = model._errors

    def spy(states, times, velocities, classes, training):
        seen.append(classes.numpy())
        return original(states, times, velocities, classes, training)

    model._errors = spy
    train(model, 2)
    kept_back = [np.isclose(classes, [0.1, 0.3, 0.6]).all(1) for classes in seen]
    assert all(0.4 < np.mean(each) < 0.6 for each in kept_back) and (kept_back[0] != kept_back[1]).any()
    np.testing.assert_array_equal(seen[0][~kept_back[0]], tf.one_hot(data["label"], 3).numpy()[~kept_back[0]])


# Sampling and signatures


@pytest.fixture(scope="module")
def model():
    """A few steps old, with weights stretched so that time, class and place all count."""
    model = train(created(config(conditional=True, sampler="multistep", sampling_steps=3)), 2)
    for i, weight in enumerate(model.ema_flow.trainable_weights):
        weight.assign_add(tf.random.stateless_normal(weight.shape, [5, i], 0.0, 0.05))
    return model


@pytest.fixture(scope="module")
def served(model):
    return signatures.build(model)


def test_the_contract_tells_what_is_offered(served):
    promised, functions = served
    assert set(promised.signatures) == {"serving_default", "guided", "sample", "score", "inpaint", "contract"}
    guidance = promised.signatures["guided"].inputs["guidance"]
    assert (guidance.minimum, guidance.maximum, guidance.default, guidance.beyond) == (0, 10, 1, "clipped")
    assert list(promised.signatures["score"].inputs) == ["image", "label"]
    for name, signature in promised.signatures.items():
        assert list(signature.inputs) == [spec.name for spec in functions[name].input_signature]
    without = signatures.build(created(config()))[0]
    assert set(without.signatures) == {"serving_default", "sample", "score", "inpaint", "contract"}


def test_samples_are_images_each_of_its_own_seed(model):
    images = model.sample(SEEDS).numpy()
    assert images.shape == (6, *SHAPE) and -1 <= images.min() < images.max() <= 1
    assert len({image.tobytes() for image in images}) == 6
    np.testing.assert_array_equal(model.sample(SEEDS[::-1]).numpy()[::-1], images)
    np.testing.assert_array_equal(model.sample(SEEDS[3:4]), images[3:4])
    drawn = labels.of_seeds(SEEDS, LABELLED.class_counts)
    np.testing.assert_array_equal(model.sample(SEEDS, label=drawn), images)
    assert not np.array_equal(model.sample(SEEDS, label=0), model.sample(SEEDS, label=1))


def test_many_samples_at_once_are_the_same_but_for_rounding(model, served):
    seeds = tf.range(40, dtype=tf.int64)  # more than a block of them
    numbers = served[1]["sample"](seeds, labels.of_seeds(seeds, LABELLED.class_counts))["image"]
    alone = model.spec.modality.graph.to_numbers(model.sample(seeds))
    np.testing.assert_allclose(numbers, alone, atol=1e-5)
    np.testing.assert_array_equal(served[1]["sample"](seeds, -tf.ones([40], tf.int64))["image"], numbers)


def test_guidance_steers_and_is_bounded(model, served):
    usual, guided = served[1]["serving_default"], served[1]["guided"]
    classes = SEEDS % 3

    def files(strength: float) -> list[bytes]:
        return list(guided(SEEDS, classes, tf.fill([6], strength))["image_bytes"].numpy())

    at_defaults = model.spec.modality.read_file(files(1.0)[0], SHAPE).astype(int)
    expected = model.spec.modality.read_file(usual(SEEDS, classes)["image_bytes"].numpy()[0], SHAPE).astype(int)
    assert np.abs(at_defaults - expected).max() <= 1
    assert files(2.0) != files(1.0) and files(float("nan")) == files(1.0)
    assert files(1e9) == files(10.0) and files(-3.0) == files(0.0)


def test_the_score_is_of_an_image_and_its_label(served):
    score = served[1]["score"]
    images = (tf.constant(batch_of(3, 4)["image"]) + 1) / 2
    bits = score(images, told(0, 1, 2, -1))["bits_per_dimension"].numpy()
    assert bits.shape == (4,) and np.isfinite(bits).all() and (bits > 0).all()
    np.testing.assert_allclose(score(images[::-1], told(-1, 2, 1, 0))["bits_per_dimension"][::-1], bits, rtol=1e-4)
    assert np.abs(score(images, told(1, 2, 0, 0))["bits_per_dimension"] - bits).min() > 0


def test_both_views_can_be_sampled(model):
    assert model.fingerprint("raw") != model.fingerprint()
    other = created(config(sampling_steps=3))  # the same weights, and other images
    assert other.fingerprint() != created(config()).fingerprint()
    assert np.abs(model.sample(SEEDS, weights="raw") - model.sample(SEEDS)).max() > 1e-3


def test_a_row_of_pictures_shows_a_class_and_a_column_a_seed(model):
    shown = model.pictures(12, 3)["samples/averaged"]()
    seeds, classes = told(0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 4, 5), told(0, 0, 0, 1, 1, 1, 2, 2, 2, 0, 0, 0)
    alone = model.spec.modality.graph.to_stored(model.sample(seeds, label=classes))
    assert np.abs(shown.numpy().astype(int) - alone.numpy().astype(int)).max() <= 1  # since these are made together


def test_a_walk_leads_from_seed_to_seed_and_then_from_class_to_class(model):
    to_stored = model.spec.modality.graph.to_stored
    shown = model.pictures(6, 3)["samples/interpolation"]().numpy().astype(int)
    ends = to_stored(model.sample(told(0, 1, 1), label=told(0, 0, 1))).numpy().astype(int)
    assert len(shown) == 6
    for row, end in ((0, 0), (2, 1), (3, 1), (5, 2)):
        assert np.abs(shown[row] - ends[end]).max() <= 1  # kernels of several rows add in another order


# Mistakes


def test_images_without_labels_are_refused_in_a_sentence():
    said = "^conditional needs labels, and synthetic has none: learn it with --no-conditional$"
    with pytest.raises(UserError, match=said):
        created(config(conditional=True, dataset="synthetic"), spec=SPEC)


def test_guidance_without_labels_is_refused_in_a_sentence():
    with pytest.raises(UserError, match="^guidance 2 leads to a class, so it needs --conditional$"):
        config(guidance=2.0)
