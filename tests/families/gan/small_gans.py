"""GANs small enough to train a step in a fraction of a second, on one or two replicas."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf
from cpus import strategy

from aigc_tf.config import TrainConfig
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families import FAMILIES
from aigc_tf.families.gan.model import GAN
from aigc_tf.families.gan.networks.networks import Networks
from aigc_tf.parts.layers import SpectralNorm, batch_norm
from aigc_tf.parts.losses import GAN_LOSSES
from aigc_tf.parts.penalties import PENALTIES

SHAPE = (8, 9, 1)
SPEC = DataSpec(SHAPE, 0, 1000, (), "sha256:0", "a test", "none")
LABELLED = dataclasses.replace(SPEC, num_classes=3, class_names=("a", "b", "c"), class_counts=(100, 300, 600))
BATCH = 4


def config(**changes) -> TrainConfig:
    return TrainConfig.of(**{"global_batch_size": BATCH, "latent_dim": 5, "penalties": (), **changes})


def tiny_networks(latent_dim: int) -> Networks:
    """One hidden layer each, with batch normalisation in the generator and spectral normalisation in the critic."""
    layers = tf.keras.layers
    latents = tf.keras.Input([latent_dim])
    x = layers.LeakyReLU(0.2)(batch_norm()(layers.Dense(12, use_bias=False)(latents)))
    fakes = layers.Reshape(SHAPE)(layers.Dense(np.prod(SHAPE), activation="tanh")(x))
    images = tf.keras.Input(SHAPE)
    x = layers.LeakyReLU(0.2)(SpectralNorm(layers.Dense(12))(layers.Flatten()(images)))
    return Networks(tf.keras.Model(latents, fakes), tf.keras.Model(images, layers.Dense(1)(x)))


def tiny_gan(settings: TrainConfig, replicas: int = 1, penalties=None, learning_rate: float = 0.1) -> GAN:
    """A GAN of tiny networks under plain gradient descent, whose steps, unlike Adam's, grow with the gradient.

    `penalties` (functions by name) replaces those that `settings` names. It runs eagerly, which starts faster.
    """
    tf.keras.utils.set_random_seed(settings.seed)
    if penalties is None:
        penalties = {name: PENALTIES[name] for name in settings.family.penalties}
    with strategy(replicas).scope():
        gan = GAN(
            SPEC, tiny_networks(settings.family.latent_dim), GAN_LOSSES[settings.family.loss], penalties, settings
        )
        gan.compile({name: tf.keras.optimizers.SGD(learning_rate) for name in gan.trained}, run_eagerly=True)
    return gan


def created_gan(settings: TrainConfig, replicas: int = 1, eager: bool = False, spec: DataSpec | None = None) -> GAN:
    """The GAN that a training run would get, of images with labels if it is to take them."""
    spec = spec or (LABELLED if settings.family.conditional else SPEC)
    tf.keras.utils.set_random_seed(settings.seed)
    with strategy(replicas).scope():
        gan = FAMILIES["gan"].create(spec, settings)
    gan.run_eagerly = eager
    return gan


def real_images(step: int, rows: int, shape=SHAPE) -> tf.Tensor:
    return tf.random.stateless_uniform([rows, *shape], [step, 77], -1.0, 1.0)


def real_labels(step: int, rows: int) -> tf.Tensor:
    return tf.random.stateless_uniform([rows], [step, 78], 0, LABELLED.num_classes, tf.int32)


def train(gan: GAN, steps: int) -> GAN:
    """Run `fit` for `steps` steps, on from the model's step; images and labels of a step depend on the step alone."""
    rows = gan.config.global_batch_size * gan.settings.critic_steps
    first = int(gan.step.numpy())
    to_come = range(first, first + steps)
    images = np.concatenate([real_images(step, rows, gan.spec.image_shape) for step in to_come])
    data = {"image": images, "label": np.concatenate([real_labels(step, rows) for step in to_come])}
    gan.fit(tf.data.Dataset.from_tensor_slices(data).batch(rows, drop_remainder=True), verbose=0)
    assert gan.step.numpy() == first + steps
    return gan


def weights(gan: GAN) -> dict[str, np.ndarray]:
    """Weights, statistics, averages, optimizer slots, means and counters, by a name that says where they are."""
    state = {}
    for network in ("generator", "discriminator", "ema_generator"):
        for i, variable in enumerate(getattr(gan, network).variables):
            state[f"{network} {i} {variable.name}"] = variable.numpy()
    for side in ("generator_optimizer", "discriminator_optimizer"):
        optimizer = getattr(gan, side)
        variables = optimizer.variables() if callable(optimizer.variables) else optimizer.variables
        for i, variable in enumerate(variables):
            state[f"{side} {i} {variable.name}"] = variable.numpy()
    for name, tracker in gan.trackers.items():
        for variable in tracker.variables:
            state[f"{name} {variable.name}"] = variable.numpy()
    state["step"] = gan.step.numpy()
    return state


def assert_same(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Bit for bit."""
    assert len(actual) == len(expected)
    for (name, new), old in zip(actual.items(), expected.values()):
        np.testing.assert_array_equal(new, old, err_msg=name)


def assert_close(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray], atol: float = 1e-5) -> None:
    """Within float tolerance; means are kept as sums, so counts of rows and of replicas may differ."""
    assert len(actual) == len(expected)
    for (name, new), old in zip(actual.items(), expected.values()):
        if not name.endswith(("total:0", "count:0")):
            np.testing.assert_allclose(new, old, atol=atol, rtol=1e-4, err_msg=name)


def some_change(before: dict[str, np.ndarray], after: dict[str, np.ndarray], prefix: str) -> bool:
    """Whether a variable whose name begins with `prefix` differs; the two may be of different models."""
    old, new = ([value for name, value in state.items() if name.startswith(prefix)] for state in (before, after))
    assert len(old) == len(new) > 0
    return any(not np.array_equal(first, second) for first, second in zip(old, new))
