"""What a model takes over of another one: weights that fit, classes by their names; and layers that stay the same."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from aigc_tf.config import TrainConfig
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.errors import UserError
from aigc_tf.families import FAMILIES, taking_over
from aigc_tf.families.model import GenerativeModel
from aigc_tf.families.taking_over import take_over

CLASSES = ("disc", "ring", "square", "cross")
SPEC = DataSpec((8, 8, 1), 4, 100, CLASSES, "sha256:0", "a test", "none", class_counts=(1, 1, 1, 1))
SMALL = {
    "gan": {"latent_dim": 6},
    "vae": {"latent_dim": 4, "prior_components": 3},
    "diffusion": {"base_channels": 4},
}


def of_classes(*names: str) -> DataSpec:
    return dataclasses.replace(SPEC, num_classes=len(names), class_names=names, class_counts=(1,) * len(names))


def made(family: str, seed: int, spec: DataSpec = SPEC, **settings) -> GenerativeModel:
    """A model whose weights are all different from any other's, zeros and ones among them, the averages too."""
    settings = {**SMALL.get(family, {}), **settings}
    config = TrainConfig.of(model=family, dataset="synthetic", global_batch_size=4, **settings)
    tf.keras.utils.set_random_seed(seed)
    model = FAMILIES[family].create(spec, config)
    random = np.random.default_rng(seed)
    for network in (*model.networks.values(), *(model.view("ema")[name] for name in model.averaged)):
        for weight in network.variables:
            if weight.dtype.is_floating and "mixture" not in weight.name:
                weight.assign(weight + random.uniform(-0.05, 0.05, weight.shape))
    return model


def answers(model: GenerativeModel, label: str) -> list[np.ndarray]:
    """What the networks that it samples with, and the others, say to some numbers of this class."""
    found = []
    for name, network in model.view("ema").items():
        if name not in model.fitted:
            given = [
                tf.one_hot([model.spec.class_names.index(label)], model.spec.num_classes)
                if each.name == "label"
                else tf.random.stateless_normal([1, *each.shape[1:]], [1, 2])
                for each in network.inputs
            ]
            found.append(network(given, training=False).numpy())
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_all_of_it_and_of_its_averages(family):
    parent, child = made(family, 1), made(family, 2)
    first = {name: slot.numpy() for name, slot in _slots(child).items()}
    taken = take_over(child, parent)
    assert not taken.new and taken.share == 1
    assert taken.weights.keys() == child.networks.keys() - set(child.fitted)
    for name in taken.weights:
        expected = parent.view("ema")[name].get_weights()
        for network in (child.networks[name], child.view("ema")[name]):
            for value, wanted in zip(network.get_weights(), expected):
                np.testing.assert_array_equal(value, wanted)
    for name, slot in _slots(child).items():
        np.testing.assert_array_equal(slot, first[name])
    assert int(child.step) == 0


def _slots(model: GenerativeModel) -> dict[str, tf.Variable]:
    return {f"{name} {v.name}": v for name, each in model.optimizers.items() for v in each.variables}


@pytest.mark.parametrize("family", FAMILIES)
def test_classes_are_known_by_their_names(family):
    """In another order, with others among them: what both know looks as it did, also where there are as many."""
    parent = made(family, 1, of_classes("disc", "ring", "square"), conditional=True)
    more = made(family, 2, of_classes("cross", "square", "disc", "star", "ring"), conditional=True)
    as_many = made(family, 3, of_classes("ring", "star", "disc"), conditional=True)
    for child, shared, new in ((more, 3, ["cross", "star"]), (as_many, 2, ["star"])):
        taken = take_over(child, parent)
        assert taken.new == [f"class {name}" for name in new] and 0.9 < taken.share < 1
        known = [name for name in child.spec.class_names if name in parent.spec.class_names]
        assert len(known) == shared
        for name in known:
            for mine, theirs in zip(answers(child, name), answers(parent, name)):
                np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)
        for mine, theirs in zip(answers(child, new[0]), answers(parent, "disc")):
            assert not np.allclose(mine, theirs, atol=1e-3)


def test_a_discriminator_under_spectral_normalisation_knows_them_too():
    spectral = {"conditional": True, "spectral_norm": True}
    parent = made("gan", 1, of_classes("disc", "ring", "square"), **spectral)
    child = made("gan", 2, of_classes("square", "disc", "ring"), **spectral)
    assert take_over(child, parent).share == 1
    for name in ("disc", "ring", "square"):
        for mine, theirs in zip(answers(child, name)[1:], answers(parent, name)[1:]):
            np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_labels_may_be_learned_anew_or_left_out(family):
    plain, told = made(family, 1), made(family, 2, conditional=True)
    taken = take_over(made(family, 3, conditional=True), plain)
    assert 0.8 < taken.share < 1 and taken.new[-4:] == [f"class {name}" for name in CLASSES]
    assert take_over(made(family, 4), told).share == 1


def test_what_does_not_fit_is_told_and_begins_as_in_a_new_model():
    wider = made("gan", 2, latent_dim=8)
    before = wider.generator.get_layer("dense").kernel.numpy()
    taken = take_over(wider, made("gan", 1))
    assert taken.new == ["generator/dense"]
    np.testing.assert_array_equal(wider.generator.get_layer("dense").kernel, before)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("told", [False, True], ids=["plain", "told"])
def test_images_of_another_size_take_nothing_over_that_has_another_shape(family, told, monkeypatch):
    """Also where labels reach a layer: then its rows are known, and what they lead to is not."""
    monkeypatch.setattr(taking_over, "_LEAST_SHARE", 0.0)
    parent = made(family, 1, of_classes("disc", "ring"), conditional=told)
    larger = dataclasses.replace(of_classes("ring", "star", "disc"), shape=(18, 18, 1))
    child = made(family, 2, larger, conditional=True)
    before = {name: network.get_weights() for name, network in child.networks.items()}
    taken = take_over(child, parent)
    for name, network in child.networks.items():
        for layer in network.layers:
            if f"{name}/{layer.name}" in taken.new:
                for weight in layer.weights:
                    assert any(np.array_equal(weight, value) for value in before[name])
        if name not in child.fitted:
            assert all((np.abs(weight) > 0).any(axis=0).all() for weight in network.get_weights() if weight.ndim == 2)
    assert all(kept <= there for kept, there in taken.weights.values())


def test_an_embedding_that_could_not_hold_what_was_learned_is_new():
    """It has as many numbers as there are classes, if these are few."""
    taken = take_over(
        made("gan", 2, of_classes("disc", "ring"), conditional=True),
        made("gan", 1, of_classes("disc", "ring", "square"), conditional=True),
    )
    assert taken.new == ["generator/dense_1"]


def test_other_networks_are_refused():
    with pytest.raises(UserError, match="its network is mlp_generator, and that of this run lean_generator"):
        take_over(made("gan", 1), made("gan", 2, network="mlp"))
    narrow = {"network": "mlp", "generator_widths": (8,), "discriminator_widths": (9,)}
    with pytest.raises(UserError, match="only [0-9]% of the weights would fit"):
        take_over(made("gan", 1, **narrow), made("gan", 2, network="mlp"))


def test_a_student_has_a_beginning_already(tmp_path):
    with pytest.raises(UserError, match="a student begins with the weights of its teacher"):
        made("diffusion", 1, parent=tmp_path, distil=tmp_path, sampler="euler")


def batch(spec: DataSpec) -> dict[str, tf.Tensor]:
    return {"image": tf.random.stateless_uniform([4, *spec.shape], [3, 4], -1, 1), "label": tf.constant([0, 1, 2, 3])}


@pytest.mark.parametrize(
    ("family", "frozen", "settings"),
    [
        ("gan", ("generator/batch_normalization", "discriminator/spectral_norm"), {"spectral_norm": True}),
        ("vae", ("encoder",), {"network": "keras"}),
        ("diffusion", ("flow/conv2d_1", "flow/dense"), {}),
    ],
)
def test_what_is_frozen_stays_as_it_is(family, frozen, settings, tmp_path):
    child = made(family, 2, parent=tmp_path, freeze=frozen, **settings)
    assert take_over(child, made(family, 1, **settings)).share == 1
    before = _weights(child)
    tf.function(child.train_step)(batch(SPEC))
    for name, value in _weights(child).items():
        stays = any(f"/{each}/".replace("//", "/") in f"/{name}/" for each in frozen)
        assert np.array_equal(value, before[name]) == stays, name


def _weights(model: GenerativeModel) -> dict[str, np.ndarray]:
    """Of networks and averages, NETWORK/LAYER/NUMBER, but for counters."""
    found = {}
    for name, network in model.networks.items():
        for view in {id(each): each for each in (network, model.view("ema")[name])}.values():
            for layer in view.layers:
                for number, weight in enumerate(layer.weights):
                    if name not in model.fitted:
                        found[f"{name}/{layer.name}/{number} {view is network}"] = weight.numpy()
    return found


@pytest.mark.parametrize(
    ("frozen", "said"),
    [
        (
            ("generator/convolution",),
            "'generator/convolution' names nothing that is trained; there are generator, or of it",
        ),
        (("decoder",), "generator/dense, generator/batch_normalization.*; discriminator, or of it discriminator/"),
        (("discriminator",), "leaves nothing to train in discriminator"),
    ],
)
def test_what_cannot_be_frozen_is_told_with_the_names(frozen, said, tmp_path):
    with pytest.raises(UserError, match=said):
        made("gan", 1, parent=tmp_path, freeze=frozen)


def test_what_is_frozen_must_fit(tmp_path):
    child = made("gan", 2, latent_dim=8, parent=tmp_path, freeze=("generator/dense",))
    with pytest.raises(UserError, match="generator/dense is to stay as it is there"):
        take_over(child, made("gan", 1))
