"""Classifiers that travel with the package, and the data that they are for.

They are shipped because training gives other last digits on another machine, and figures are to compare between
machines. Whom one judges is known by the content of the data (`DataSpec.fingerprint`) and not by their name, which any
file may have.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from aigc_tf.datasets import mnist
from aigc_tf.metrics import lenet, weights_file
from aigc_tf.metrics.evidence import Observations, need
from aigc_tf.metrics.extractor import Extractor

WEIGHTS_HASH = "sha256:4c361ca3a7895f34a0ee1ff925397f15e0a933616e6dbfb450e04a56db4a73b2"
"""Of the digits' weights in `weights/lenet_mnist.npz`, made by `python -m aigc_tf.metrics.train_classifier`."""

DIGITS = (
    mnist.FINGERPRINT,
    # mnist_5k: the same digits, fewer. Those that it holds out helped to train the classifier.
    "sha256:e6f028a72d22901520c90d272d932c1b245cf099c0a673521bef3d57ee0b3464",
    # Both as they are in a person's own files (npz:, folder:, records:), whose rows stand in the order of their hashes.
    "sha256:58093aa419a12d320c817f81b320ddccd0eb8b6c3e0ba21aa779bf5c2b027d91",
    "sha256:6403a8e399b3aa900032b213cc644ce057af38e1e02eb13c8ebbc91331cbab05",
)
STACKED_DIGITS = (  # one digit a channel
    "sha256:c0ea83d9b11599a387315e6b00ace2c81ffbaaafa6a1e350913dac4e5cd48d48",  # stacked_mnist
    "sha256:77e1fa57faaa29e77b9740b1bf8fba5c1da23399858ab35ccd8c780e8e1f3ee7",  # stacked_mnist_5k
)
NAMES = ("mnist", "stacked_mnist")
"""Data sets that a person's own file may stand for, and then is not what the name says."""

_WEIGHTS = Path(__file__).parent / "weights"
_DIGIT_SHAPE, _NUM_DIGITS = (28, 28, 1), 10


def classifier_of(fingerprint: str) -> Extractor | None:
    """The one for the data with this content; None where none travels with the package.

    Raises ValueError for weights that are not what was shipped.
    """
    if fingerprint in DIGITS:
        return _digits()
    return per_channel(_digits(), 3) if fingerprint in STACKED_DIGITS else None


def per_channel(classifier: Extractor, channels: int) -> Extractor:
    """A classifier of images [N, H, W, 1] for images [N, H, W, C] that hold one of them a channel.

    Their classes are numbered by their channels' K classes, the first counting most: with three channels K²a + Kb + c.
    Features are the channels' side by side [N, C * D], probabilities the products of theirs [N, K**C]. An image is told
    right where all channels are, whose errors are independent: the accuracy is theirs to the power of C.
    """

    def look(images: np.ndarray) -> Observations:
        seen = [classifier.look(images[..., channel : channel + 1]) for channel in range(channels)]
        joint = need(seen[0], "probabilities", "these")
        for each in seen[1:]:
            joint = (joint[:, :, None] * need(each, "probabilities", "these")[:, None]).reshape(len(images), -1)
        return Observations(np.concatenate([need(each, "features", "these") for each in seen], axis=1), joint)

    alone = classifier.held_out_accuracy
    return dataclasses.replace(
        classifier,
        name=f"{classifier.name} per channel",
        held_out_accuracy=None if alone is None else alone**channels,
        num_features=channels * classifier.num_features,
        look=look,
    )


def _digits() -> Extractor:
    path = _WEIGHTS / "lenet_mnist.npz"
    weights, accuracy = weights_file.load(path)
    found = weights_file.weights_hash(weights)
    if found != WEIGHTS_HASH:
        raise ValueError(f"{path} has the hash {found}, expected {WEIGHTS_HASH}: install the package again")
    return lenet.as_extractor("mnist", lenet.build(_DIGIT_SHAPE, _NUM_DIGITS), weights, accuracy)
