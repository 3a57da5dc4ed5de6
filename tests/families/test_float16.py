"""Training in float16: losses are scaled, steps that overflow are skipped, and a checkpoint holds the scale."""

from __future__ import annotations

import cpus
import numpy as np
import pytest
import tensorflow as tf

from aigc_tf.callbacks.guard import DivergenceGuard
from aigc_tf.config import TrainConfig
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.errors import DivergedError, UserError
from aigc_tf.families import FAMILIES
from aigc_tf.families.model import GenerativeModel
from aigc_tf.parts import loss_scaling
from aigc_tf.parts.penalties.gradients import squared_gradient_norm

SHAPE, BATCH = (8, 8, 1), 4
SPEC = DataSpec(SHAPE, 0, 1000, (), "sha256:0", "a test", "none")
SMALL = {
    "gan": {"network": "mlp", "latent_dim": 4, "generator_widths": (8,), "discriminator_widths": (8,)}
    | {"penalties": ("r1", "wgan_gp"), "penalty_interval": 1},
    "vae": {"network": "lean", "latent_dim": 4},
    "diffusion": {"base_channels": 4},
}
OVERFLOWS = 2.0**60


def made(family: str, replicas: int = 1, **settings) -> GenerativeModel:
    settings = {**SMALL[family], "mixed_precision": True, "mixed_dtype": "float16", **settings}
    config = TrainConfig.of(model=family, global_batch_size=BATCH, **settings)
    tf.keras.utils.set_random_seed(0)
    with cpus.strategy(replicas).scope():
        return FAMILIES[family].create(SPEC, config)


def train(model: GenerativeModel, steps: int, eager: bool = False) -> GenerativeModel:
    """On from the model's step, two of them in a compiled call; content of a step depends on the step alone."""
    first = int(model.step.numpy())
    numbers = range(first, first + steps)
    images = np.concatenate([np.random.default_rng(step).uniform(-1, 1, (BATCH, *SHAPE)) for step in numbers])
    labels = np.zeros(len(images), np.int32)
    data = tf.data.Dataset.from_tensor_slices({"image": images.astype(np.float32), "label": labels})
    model.run_eagerly, model.steps_per_execution = eager, 1 if eager else 2
    model.fit(data.batch(BATCH, drop_remainder=True), verbose=0)
    assert model.step.numpy() == first + steps
    return model


def saved(model: GenerativeModel, path: str) -> dict[str, np.ndarray]:
    """All that a checkpoint of it holds, by name."""
    reader = tf.train.load_checkpoint(tf.train.Checkpoint(model=model).write(path))
    names = [name for name in reader.get_variable_to_shape_map() if not name.startswith("_")]
    return {name: reader.get_tensor(name) for name in names}


def set_scales(model: GenerativeModel, value: float) -> None:
    for optimizer in model.optimizers.values():
        optimizer._loss_scale.current_loss_scale.assign(value)  # Keras has no other way to it


def scales(model: GenerativeModel) -> list[float]:
    return [float(scale.numpy()) for scale in model.loss_scales.values()]


@pytest.fixture(scope="module", params=SMALL)
def family(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def model(family: str) -> GenerativeModel:
    """Trained for six steps, the first of which do not fit."""
    model = made(family)
    before = {name: network.get_weights() for name, network in model.networks.items()}
    set_scales(model, OVERFLOWS)
    train(model, 2)
    for name in (name for trained in model.trained.values() for name in trained):
        moving = [variable.ref() for variable in model.networks[name].trainable_variables]
        for variable, value in zip(model.networks[name].weights, before[name]):
            assert variable.ref() not in moving or (variable.numpy() == value).all(), variable.name
    assert scales(model) == [OVERFLOWS / 4] * len(model.trained)
    assert not any(name.startswith("gradient_norm") for name in model.tracked())
    DivergenceGuard().on_step(2, model.tracked())
    set_scales(model, 2.0**6)
    return train(model, 4)


def test_it_computes_in_float16_and_keeps_and_gives_float32(model):
    assert all(variable.dtype != tf.float16 for variable in model.variables)
    layers = [layer for network in model.networks.values() for layer in network.layers]
    assert "float16" in {layer.compute_dtype for layer in layers}
    averages = [model.view()[name] for name in model.averaged]
    assert {layer.compute_dtype for network in averages for layer in network.layers} == {"float32"}
    images = model.sample(tf.range(2, dtype=tf.int64))
    assert images.dtype == tf.float32 and np.isfinite(images).all()


def test_norms_are_told_as_those_of_losses_that_are_not_scaled(model, family):
    """The first step is made of the same weights as in float32."""
    exact = train(made(family, mixed_precision=False, mixed_dtype="bfloat16"), 1, eager=True).tracked()
    half = made(family)
    set_scales(half, 2.0**6)
    half = train(half, 1, eager=True).tracked()
    assert exact.keys() == half.keys() and any(name.startswith("gradient_norm") for name in exact)
    for name, value in exact.items():
        if name.startswith(("gradient_norm", "loss", "penalty")):
            assert half[name] == pytest.approx(value, rel=0.05, abs=1e-4), name


def test_a_run_from_a_checkpoint_goes_on_bit_for_bit_with_its_scale(model, family, tmp_path):
    checkpoint = tf.train.Checkpoint(model=model).write(str(tmp_path / "half"))
    resumed = made(family)
    assert scales(resumed) != scales(model)
    tf.train.Checkpoint(model=resumed).restore(checkpoint).expect_partial()
    assert scales(resumed) == scales(model)
    counters = [optimizer.dynamic_counter.numpy() for optimizer in resumed.optimizers.values()]
    assert counters == [4] * len(counters)
    one, other = (saved(train(each, 2), str(tmp_path / name)) for each, name in ((model, "one"), (resumed, "other")))
    assert one.keys() == other.keys() and sum("loss_scale" in name for name in one) >= 2 * len(counters)
    for name, value in one.items():
        np.testing.assert_array_equal(other[name], value, name)


def test_two_replicas_skip_together_and_agree():
    model = made("gan", replicas=2, penalties=())
    set_scales(model, OVERFLOWS)
    train(model, 2)
    assert scales(model) == [OVERFLOWS / 4] * 2
    set_scales(model, 2.0**6)
    before = model.generator.get_weights()
    train(model, 2)
    assert any((new != old).any() for new, old in zip(model.generator.get_weights(), before))
    for variable in model.generator.trainable_variables:
        one, other = (value.numpy() for value in variable.values)
        np.testing.assert_array_equal(one, other)


def test_gradients_that_never_fit_are_told_once_the_scale_is_down():
    model = made("gan", penalties=())
    set_scales(model, 2.0)
    kernel = model.generator.trainable_variables[-2]
    kernel.assign(tf.fill(kernel.shape, np.inf))
    train(model, 1, eager=True)
    assert scales(model)[0] == 1.0 and "gradient_norm/generator" not in model.tracked()
    train(model, 1, eager=True)
    norms = {name: value for name, value in model.tracked().items() if name == "gradient_norm/generator"}
    guard = DivergenceGuard()
    guard.set_model(model)
    with pytest.raises(DivergedError, match=r"generator became nan by step 2, with its loss scaled by no more than 1"):
        guard.on_step(2, norms)


def test_slopes_that_float16_cannot_hold_are_scaled():
    weight, images = tf.Variable(1.0), tf.ones([2, 2, 2, 1])

    def network(images, training):
        halves = tf.cast(weight, tf.float16) * tf.cast(images, tf.float16)
        return 1e-8 * tf.cast(tf.reduce_sum(halves, [1, 2, 3]), tf.float32)[:, None]

    assert not np.any(squared_gradient_norm(network, images))
    scaled = loss_scaling.with_scaled_slopes(network)
    np.testing.assert_array_equal(scaled(images), network(images, True))
    with tf.GradientTape() as tape:
        squared = squared_gradient_norm(scaled, images)
        loss = 2.0**40 * tf.reduce_sum(squared)
    np.testing.assert_allclose(squared, [4e-16, 4e-16], rtol=0.05)
    np.testing.assert_allclose(tape.gradient(loss, weight), 2.0**40 * 16e-16, rtol=0.05)


def test_float16_without_mixed_precision_is_refused():
    with pytest.raises(UserError, match="mixed_dtype float16 is for mixed precision: give --mixed-precision, too"):
        TrainConfig.of(mixed_dtype="float16")
