"""VAEs small enough to train a step in a fraction of a second, on one or two replicas."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf
from cpus import strategy

from aigc_tf.config import TrainConfig
from aigc_tf.datasets.image_dataset import ImageDataset
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families import FAMILIES
from aigc_tf.families.vae.model import VAE
from aigc_tf.modalities.image.graph import to_model

SHAPE = (8, 9, 1)
SPEC = DataSpec(SHAPE, 0, 1000, (), "sha256:0", "a test", "none")
LABELLED = dataclasses.replace(SPEC, num_classes=3, class_names=("a", "b", "c"), class_counts=(100, 300, 600))
BATCH = 4


def config(**changes) -> TrainConfig:
    return TrainConfig.of(
        **{"model": "vae", "global_batch_size": BATCH, "latent_dim": 3, "network": "keras", **changes}
    )


def created(settings: TrainConfig, replicas: int = 1, spec: DataSpec | None = None, descent: bool = False) -> VAE:
    """The VAE that a training run would get, of images with labels if it is to take them, run eagerly, which starts
    faster; with `descent` it learns by plain gradient descent, whose steps, unlike Adam's, grow with the gradient."""
    spec = spec or (LABELLED if settings.family.conditional else SPEC)
    tf.keras.utils.set_random_seed(settings.seed)
    with strategy(replicas).scope():
        vae = FAMILIES["vae"].create(spec, settings)
        if descent:
            vae.compile({"vae": tf.keras.optimizers.SGD(1e-3)})
    vae.run_eagerly = True
    return vae


def stored_images(count: int, shape=SHAPE, seed: int = 0) -> np.ndarray:
    """Smooth images uint8 [count, ...]: each value of a row of pixels near a level of that image."""
    random = np.random.default_rng(seed)
    levels = random.integers(0, 256, (count, 1, 1, shape[-1])) + random.normal(0, 20, (count, *shape))
    return np.clip(levels, 0, 255).astype(np.uint8)


def data(count: int = 60) -> ImageDataset:
    labels = np.arange(count) % 3
    parts = (stored_images(count), labels), (stored_images(20, seed=1), labels[:20])
    return ImageDataset.of(*parts, class_names=("a", "b", "c"), source="noise", licence="CC0")


def train(vae: VAE, steps: int) -> VAE:
    """Run `fit` for `steps` steps, on from the model's step; images and labels of a step depend on the step alone."""
    first, rows = int(vae.step.numpy()), vae.config.global_batch_size
    images = np.concatenate([stored_images(rows, vae.spec.shape, 7 + step) for step in range(first, first + steps)])
    labels = (np.arange(first * rows, (first + steps) * rows) % 3).astype(np.int32)
    batches = {"image": to_model(images).numpy(), "label": labels}
    vae.fit(tf.data.Dataset.from_tensor_slices(batches).batch(rows, drop_remainder=True), verbose=0)
    assert vae.step.numpy() == first + steps
    return vae


def held_out(vae: VAE, rows: int = BATCH) -> VAE:
    """Show it a batch that it never trains on."""
    batch = {"image": to_model(stored_images(rows, vae.spec.shape, 99)), "label": np.arange(rows, dtype=np.int32) % 3}
    vae.evaluate(tf.data.Dataset.from_tensors(batch), verbose=0)
    return vae


def weights(vae: VAE) -> dict[str, np.ndarray]:
    """Everything that a checkpoint holds, by its place."""
    of_model = {f"variable {i}": variable.numpy() for i, variable in enumerate(vae.variables)}
    return of_model | {f"slot {i}": variable.numpy() for i, variable in enumerate(vae.optimizer.variables)}
