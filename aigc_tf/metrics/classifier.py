"""The classifier of a data set: shipped with the package, else trained once and kept in a cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from aigc_tf.datasets.dataset import Dataset
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.errors import UserError
from aigc_tf.metrics import lenet, shipped, weights_file
from aigc_tf.metrics.extractor import Extractor
from aigc_tf.paths import default_cache

Weights = tuple[dict[str, np.ndarray], float]
"""Of a classifier, float32 by name, and its accuracy in [0, 1] on held-out images."""


def load_classifier(
    dataset: str, data: Dataset, cache: Path | None = None, announce: Callable[[str], None] = print
) -> Extractor:
    """The classifier for `data`, which goes by the name `dataset`: features [N, 84] and probabilities [N, K].

    One that travels with the package is taken for the data that it is for (see `shipped`), known by their content.
    Otherwise a classifier is trained on the training split alone, which `announce` says first, and kept in
    `classifiers` below `cache` (`default_cache()` if None) by the content of the data: next time it is read. A damaged
    file there is made anew with a warning; a cache that cannot be written costs a warning and the time to train again.

    Raises ValueError for data without labels, and for shipped weights that are not what was shipped.
    """
    spec = data.spec
    if spec.num_classes < 1:
        raise UserError(
            f"{dataset} carries no labels, and the classifier that judges images is trained on labels: give the images "
            "classes, or judge them with --extractor filters, which needs none"
        )
    judge = shipped.classifier_of(spec.fingerprint)
    if judge is not None:
        return judge
    if dataset in shipped.NAMES:
        dataset = f"{dataset}-like-{spec.fingerprint.removeprefix('sha256:')[:8]}"
    network = lenet.build(spec.image_shape, spec.num_classes)
    path = (cache or default_cache()) / "classifiers" / f"lenet-{_cache_key(spec)}.npz"

    def read(path: Path) -> Weights:
        weights, accuracy = weights_file.load(path)
        if not _fits(network, weights):
            raise ValueError(f"{path} holds the weights of another network")
        return weights, accuracy

    def make() -> Weights:
        announce(f"Training the classifier that judges {dataset} images, once; it is kept as {path}")
        return train_weights(data)

    weights, accuracy = weights_file.kept(
        path,
        read,
        make,
        lambda path, made: weights_file.save(path, *made),
        anew="it is made anew",
        lost="the classifier could not be kept, and will be trained again",
    )
    return lenet.as_extractor(dataset, network, weights, accuracy)


def train_weights(data: Dataset) -> Weights:
    """Train on the training split, as far as it is at hand: float32 weights by name, and the accuracy in [0, 1] on the
    held-out one."""
    train, test = slice(data.at_hand("train")), slice(data.at_hand("test"))
    network = lenet.train(data.stored("train", train), data.labels("train")[train], data.spec.num_classes)
    return lenet.get_weights(network), lenet.accuracy(network, data.stored("test", test), data.labels("test")[test])


def _cache_key(spec: DataSpec) -> str:
    """Names a file by all that decides what is in it. The data set's name does not, and may be unfit for a path."""
    decides = f"{lenet.VERSION} {spec.fingerprint} {spec.image_shape} {spec.num_classes}"
    return hashlib.sha256(decides.encode()).hexdigest()[:32]


def _fits(network: tf.keras.Model, weights: dict[str, np.ndarray]) -> bool:
    shapes = {name: array.shape for name, array in weights.items()}
    return shapes == {name: array.shape for name, array in lenet.get_weights(network).items()}
