"""Diffusion models of images so small that a step takes a fraction of a second, on one or two replicas."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf
from cpus import strategy

from aigc_tf.config import TrainConfig
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families import FAMILIES
from aigc_tf.families.diffusion.model import Diffusion

SHAPE = (8, 9, 1)
SPEC = DataSpec(SHAPE, 0, 1000, (), "sha256:0", "a test", "none")
LABELLED = dataclasses.replace(SPEC, num_classes=3, class_names=("a", "b", "c"), class_counts=(100, 300, 600))
BATCH = 4


def config(**changes) -> TrainConfig:
    return TrainConfig.of(
        **{"model": "diffusion", "global_batch_size": BATCH, "sampling_steps": 2, "base_channels": 8, **changes}
    )


def created(settings: TrainConfig, replicas: int = 1, spec: DataSpec | None = None, eager: bool = True) -> Diffusion:
    """The model that a training run would get, of images with labels if it is to take them."""
    tf.keras.utils.set_random_seed(settings.seed)
    with strategy(replicas).scope():
        model = FAMILIES["diffusion"].create(spec or (LABELLED if settings.family.conditional else SPEC), settings)
    model.run_eagerly = eager
    return model


def batch_of(step: int, rows: int, shape: tuple[int, ...] = SHAPE) -> dict[str, np.ndarray]:
    """Images, each nearly of one shade, and their labels, which tell it; both depend on the step alone."""
    labels = tf.random.stateless_uniform([rows], [step, 78], 0, LABELLED.num_classes, tf.int32)
    shades = tf.reshape(tf.cast(labels, tf.float32) - 1.0, [rows, 1, 1, 1]) / 2
    images = shades + tf.random.stateless_uniform([rows, *shape], [step, 77], -0.2, 0.2)
    return {"image": images.numpy(), "label": labels.numpy()}


def train(model: Diffusion, steps: int) -> Diffusion:
    """Run `fit` for `steps` steps, on from the model's step."""
    rows, first = model.config.global_batch_size, int(model.step.numpy())
    batches = [batch_of(step, rows, model.spec.shape) for step in range(first, first + steps)]
    data = {name: np.concatenate([each[name] for each in batches]) for name in batches[0]}
    model.fit(tf.data.Dataset.from_tensor_slices(data).batch(rows, drop_remainder=True), verbose=0)
    assert model.step.numpy() == first + steps
    return model


def weights(model: Diffusion) -> list[np.ndarray]:
    """Of the network, its average and its optimizer."""
    optimizer = model.optimizers["flow"]
    slots = optimizer.variables() if callable(optimizer.variables) else optimizer.variables
    return [variable.numpy() for variable in (*model.flow.variables, *model.ema_flow.variables, *slots)]
