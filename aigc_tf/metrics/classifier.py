"""The classifier of a data set: shipped with the package, else trained once and kept in a cache."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import tensorflow as tf

from aigc_tf.datasets.spec import DataSpec
from aigc_tf.metrics import lenet, weights_file
from aigc_tf.metrics.evidence import Observations

# Hashes of `weights/lenet_<data set>.npz`, made by `python -m aigc_tf.metrics.train_classifier`. They are shipped
# because training gives other last digits on another machine, and figures are to compare between machines.
SHIPPED = {"mnist": "sha256:4c361ca3a7895f34a0ee1ff925397f15e0a933616e6dbfb450e04a56db4a73b2"}
_JUDGED_AS = {"mnist_5k": "mnist"}  # the same digits, fewer of them: judged by the same eyes
_WEIGHTS = Path(__file__).parent / "weights"


class LabelledImages(Protocol):
    """What a classifier needs of a data set: uint8 images [N, H, W, C] and integer labels [N] of both splits."""

    @property
    def spec(self) -> DataSpec: ...
    @property
    def train_images(self) -> np.ndarray: ...
    @property
    def train_labels(self) -> np.ndarray: ...
    @property
    def test_images(self) -> np.ndarray: ...
    @property
    def test_labels(self) -> np.ndarray: ...


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A trained classifier, with what identifies it in a record.

    Attributes:
        name: "lenet-<data set>".
        hash: "sha256:…" of its weights; figures compare only under the same hash.
        held_out_accuracy: share in [0, 1] of the held-out images it told right when it was made.
        network: as `lenet.build` makes it.
    """

    name: str
    hash: str
    held_out_accuracy: float
    network: tf.keras.Model

    def observe(self, images: np.ndarray, discriminator_logits: np.ndarray | None = None) -> Observations:
        """Features float32 [N, 84] and probabilities float32 [N, K] of uint8 images [N, H, W, C].

        The logits, float [N], are only put beside them. Raises ValueError as `lenet.look` and `Observations` do.
        """
        features, probabilities = lenet.look(self.network, images)
        return Observations(features, probabilities, discriminator_logits)


def load_classifier(
    dataset: str, data: LabelledImages, cache: Path | None = None, announce: Callable[[str], None] = print
) -> Classifier:
    """The classifier for `data`, which goes by the name `dataset`.

    Shipped weights are taken for a data set of that name and of the same image shape and classes (for the 5,000
    embedded MNIST digits too: those are judged by the same eyes, although their held-out digits helped to train the
    classifier). Otherwise a classifier is trained on the training split alone, which `announce` says first, and kept
    under `cache` (`default_cache()` if None) by the content of the data: next time it is read. A damaged file there is
    made anew with a warning; a cache that cannot be written costs a warning and the time to train again.

    Raises ValueError for data without labels, and for shipped weights that are not what was shipped.
    """
    spec = data.spec
    if spec.num_classes < 1:
        raise ValueError(
            f"{dataset} carries no labels, and the classifier that judges images is trained on labels: "
            "give the images classes to evaluate a model of them"
        )
    network = lenet.build(spec.image_shape, spec.num_classes)
    dataset = _JUDGED_AS.get(dataset, dataset)
    if dataset in SHIPPED:
        path = _WEIGHTS / f"lenet_{dataset}.npz"
        weights, accuracy = weights_file.load(path)
        found = weights_file.weights_hash(weights)
        if found != SHIPPED[dataset]:
            raise ValueError(f"{path} has the hash {found}, expected {SHIPPED[dataset]}: install the package again")
        if _fits(network, weights):
            return _with_weights(dataset, network, weights, accuracy)
    path = (cache or default_cache()) / f"lenet-{_cache_key(spec)}.npz"
    try:
        weights, accuracy = weights_file.load(path)
        if not _fits(network, weights):
            raise ValueError(f"{path} holds the weights of another network")
    except (FileNotFoundError, NotADirectoryError):
        weights, accuracy = _make(dataset, data, path, announce)
    except ValueError as error:
        warnings.warn(f"{error}; it is made anew", stacklevel=2)
        weights, accuracy = _make(dataset, data, path, announce)
    return _with_weights(dataset, network, weights, accuracy)


def default_cache() -> Path:
    """$AIGC_TF_CACHE/classifiers, or ~/.cache/aigc_tf/classifiers."""
    return Path(os.environ.get("AIGC_TF_CACHE") or Path.home() / ".cache" / "aigc_tf") / "classifiers"


def train_weights(data: LabelledImages) -> tuple[dict[str, np.ndarray], float]:
    """Train on the training split: float32 weights by name, and the accuracy in [0, 1] on the held-out one."""
    network = lenet.train(data.train_images, data.train_labels, data.spec.num_classes)
    return get_weights(network), lenet.accuracy(network, data.test_images, data.test_labels)


def get_weights(network: tf.keras.Model) -> dict[str, np.ndarray]:
    """Weights by "<layer>/<kernel or bias>"."""
    return {variable.name.removesuffix(":0"): variable.numpy() for variable in network.weights}


def _make(
    dataset: str, data: LabelledImages, path: Path, announce: Callable[[str], None]
) -> tuple[dict[str, np.ndarray], float]:
    announce(f"Training the classifier that judges {dataset} images, once; it is kept as {path}")
    weights, accuracy = train_weights(data)
    try:
        weights_file.save(path, weights, accuracy)
    except OSError as error:
        warnings.warn(f"the classifier could not be kept, and will be trained again: {error}", stacklevel=3)
    return weights, accuracy


def _cache_key(spec: DataSpec) -> str:
    """Names a file by all that decides what is in it. The data set's name does not, and may be unfit for a path."""
    decides = f"{lenet.VERSION} {spec.fingerprint} {spec.image_shape} {spec.num_classes}"
    return hashlib.sha256(decides.encode()).hexdigest()[:32]


def _fits(network: tf.keras.Model, weights: dict[str, np.ndarray]) -> bool:
    shapes = {name: array.shape for name, array in weights.items()}
    return shapes == {name: array.shape for name, array in get_weights(network).items()}


def _with_weights(dataset: str, network: tf.keras.Model, weights: dict[str, np.ndarray], accuracy: float) -> Classifier:
    network.set_weights([weights[name] for name in get_weights(network)])
    return Classifier(f"lenet-{dataset}", weights_file.weights_hash(weights), accuracy, network)
