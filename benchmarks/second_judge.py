"""Another pair of eyes than the classifier that ships: a digit classifier of another architecture, seed and training.

A recipe could be tuned to its judge; what a second one sees tells. Four strided 3x3 convolutions with ELU and global
average pooling, where the first judge has two 5x5 ones, pooling and two dense layers.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tensorflow as tf

from aigc_tf.datasets.image_dataset import ImageDataset

_FEATURES = 96
_SEED = 1234


def prepare(data: ImageDataset, path: Path) -> float:
    """Train it on the training split of `data`, unless `path` (.keras) holds it already, and write there the part that
    makes features: float32 [N, 96] of images in [-1, 1]. Returns its accuracy in [0, 1] on the held-out split.
    """
    accuracy_file = path.with_suffix(".json")
    if accuracy_file.exists():
        return float(json.loads(accuracy_file.read_text()))
    images, labels = data.train_images, data.train_labels
    tf.keras.utils.set_random_seed(_SEED)
    layers = tf.keras.layers
    inputs = x = tf.keras.Input(images.shape[1:])
    for channels, stride in ((24, 1), (48, 2), (72, 2), (_FEATURES, 1)):
        x = layers.Conv2D(channels, 3, stride, padding="same", activation="elu")(x)
    features = layers.GlobalAveragePooling2D(name="features")(x)
    classifier = tf.keras.Model(inputs, layers.Dense(data.spec.num_classes)(features))
    steps = 3 * len(images) // 100
    classifier.compile(
        tf.keras.optimizers.RMSprop(tf.keras.optimizers.schedules.PolynomialDecay(2e-3, steps, 1e-5)),
        tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    classifier.fit(_scaled(images), labels, batch_size=100, epochs=3, verbose=0)
    accuracy = classifier.evaluate(_scaled(data.test_images), data.test_labels, verbose=0)[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    tf.keras.Model(inputs, features).save(path)
    accuracy_file.write_text(json.dumps(accuracy))
    return float(accuracy)


def _scaled(images: np.ndarray) -> np.ndarray:
    return images.astype(np.float32) / 127.5 - 1
