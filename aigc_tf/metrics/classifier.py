"""The classifier of a data set: shipped with the package, else trained once and kept in a cache."""

from __future__ import annotations

import dataclasses
import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from aigc_tf.datasets import mnist
from aigc_tf.datasets.dataset import Dataset
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.errors import UserError
from aigc_tf.metrics import lenet, weights_file
from aigc_tf.metrics.evidence import Observations, need
from aigc_tf.metrics.extractor import Extractor
from aigc_tf.paths import default_cache

# Hashes of `weights/lenet_<data set>.npz`, made by `python -m aigc_tf.metrics.train_classifier`. They are shipped
# because training gives other last digits on another machine, and figures are to compare between machines.
SHIPPED = {"mnist": "sha256:4c361ca3a7895f34a0ee1ff925397f15e0a933616e6dbfb450e04a56db4a73b2"}
# Whom they judge, by the content (`DataSpec.fingerprint`) and not by the name, which any file may have.
_DIGITS = (
    mnist.FINGERPRINT,
    "sha256:e6f028a72d22901520c90d272d932c1b245cf099c0a673521bef3d57ee0b3464",  # mnist_5k: the same digits, fewer
    # Both as they are in a person's own files (npz:, folder:, records:), whose rows stand in the order of their hashes.
    "sha256:58093aa419a12d320c817f81b320ddccd0eb8b6c3e0ba21aa779bf5c2b027d91",
    "sha256:6403a8e399b3aa900032b213cc644ce057af38e1e02eb13c8ebbc91331cbab05",
)
_STACKED_DIGITS = (  # one digit a channel
    "sha256:c0ea83d9b11599a387315e6b00ace2c81ffbaaafa6a1e350913dac4e5cd48d48",  # stacked_mnist
    "sha256:77e1fa57faaa29e77b9740b1bf8fba5c1da23399858ab35ccd8c780e8e1f3ee7",  # stacked_mnist_5k
)
_NAMED_FOR_DIGITS = ("mnist", "stacked_mnist")  # data sets that a person's own file may stand for
_WEIGHTS = Path(__file__).parent / "weights"


def load_classifier(
    dataset: str, data: Dataset, cache: Path | None = None, announce: Callable[[str], None] = print
) -> Extractor:
    """The classifier for `data`, which goes by the name `dataset`: features [N, 84] and probabilities [N, K].

    Shipped weights are taken for MNIST itself, known by the content of its arrays (for the 5,000 embedded digits too:
    those are judged by the same eyes, although their held-out digits helped to train the classifier). Digits stacked
    of either are judged by the same eyes too, one channel at a time. Otherwise a classifier is trained on the training
    split alone, which `announce` says first, and kept in `classifiers` below `cache` (`default_cache()` if None) by the
    content of the data: next time it is read. A damaged file there is made anew with a warning; a cache that cannot be
    written costs a warning and the time to train again.

    Raises ValueError for data without labels, and for shipped weights that are not what was shipped.
    """
    spec = data.spec
    if spec.num_classes < 1:
        raise UserError(
            f"{dataset} carries no labels, and the classifier that judges images is trained on labels: give the images "
            "classes, or judge them with --extractor filters, which needs none"
        )
    if spec.fingerprint in _STACKED_DIGITS:
        return _per_channel(*_shipped("mnist"))
    network = lenet.build(spec.image_shape, spec.num_classes)
    if spec.fingerprint in _DIGITS:
        return _extractor("mnist", network, *_shipped("mnist"))
    if dataset in _NAMED_FOR_DIGITS:
        dataset = f"{dataset}-like-{spec.fingerprint.removeprefix('sha256:')[:8]}"
    path = (cache or default_cache()) / "classifiers" / f"lenet-{_cache_key(spec)}.npz"
    try:
        weights, accuracy = weights_file.load(path)
        if not _fits(network, weights):
            raise ValueError(f"{path} holds the weights of another network")
    except (FileNotFoundError, NotADirectoryError):
        weights, accuracy = _make(dataset, data, path, announce)
    except ValueError as error:
        warnings.warn(f"{error}; it is made anew", stacklevel=2)
        weights, accuracy = _make(dataset, data, path, announce)
    return _extractor(dataset, network, weights, accuracy)


def train_weights(data: Dataset) -> tuple[dict[str, np.ndarray], float]:
    """Train on the training split, as far as it is at hand: float32 weights by name, and the accuracy in [0, 1] on the
    held-out one."""
    train, test = slice(data.at_hand("train")), slice(data.at_hand("test"))
    network = lenet.train(data.stored("train", train), data.labels("train")[train], data.spec.num_classes)
    return get_weights(network), lenet.accuracy(network, data.stored("test", test), data.labels("test")[test])


def get_weights(network: tf.keras.Model) -> dict[str, np.ndarray]:
    """Weights by "<layer>/<kernel or bias>"."""
    return {variable.name.removesuffix(":0"): variable.numpy() for variable in network.weights}


def _make(
    dataset: str, data: Dataset, path: Path, announce: Callable[[str], None]
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


def _shipped(dataset: str) -> tuple[dict[str, np.ndarray], float]:
    path = _WEIGHTS / f"lenet_{dataset}.npz"
    weights, accuracy = weights_file.load(path)
    found = weights_file.weights_hash(weights)
    if found != SHIPPED[dataset]:
        raise ValueError(f"{path} has the hash {found}, expected {SHIPPED[dataset]}: install the package again")
    return weights, accuracy


def _extractor(dataset: str, network: tf.keras.Model, weights: dict[str, np.ndarray], accuracy: float) -> Extractor:
    network.set_weights([weights[name] for name in get_weights(network)])
    see = lenet.eyes(network)
    return Extractor(
        name=f"lenet-{dataset}",
        short="lenet",
        hash=weights_file.weights_hash(weights),
        resizer="none",
        held_out_accuracy=accuracy,
        num_features=lenet.FEATURES,
        look=lambda images: Observations(*see(images)),
        batch_size=lenet.LOOK_BATCH,
    )


def _per_channel(weights: dict[str, np.ndarray], accuracy: float) -> Extractor:
    """The digits' classifier for images [N, 28, 28, 3] of one digit a channel, which are of class 100a + 10b + c.

    Features are the three channels' side by side [N, 252], probabilities the products of theirs [N, 1000]. An image is
    told right where all three digits are, whose errors are independent: its accuracy is the digits' to the third.
    """
    digits = _extractor("mnist", lenet.build((28, 28, 1), 10), weights, accuracy)

    def look(images: np.ndarray) -> Observations:
        channels = [digits.look(images[..., channel : channel + 1]) for channel in range(3)]
        joint = np.einsum("na,nb,nc->nabc", *(need(seen, "probabilities", "these") for seen in channels))
        features = np.concatenate([need(seen, "features", "these") for seen in channels], axis=1)
        return Observations(features, joint.reshape(len(images), -1))

    return dataclasses.replace(
        digits,
        name=f"{digits.name} per channel",
        held_out_accuracy=accuracy**3,
        num_features=3 * digits.num_features,
        look=look,
    )
