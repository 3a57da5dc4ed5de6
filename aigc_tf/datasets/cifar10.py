"""CIFAR-10: 60,000 photographs of 32x32 pixels.

Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images".
"""

from __future__ import annotations

from pathlib import Path

from aigc_tf.datasets import keras_cache
from aigc_tf.datasets.image_dataset import ImageDataset, Split

_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
# Keras' loader unpickles what is in there, which could be any program: never without this hash, and never from the
# folder that Keras unpacked beside it in an earlier run, which nobody checks.
_HASHES = {"cifar-10-batches-py.tar.gz": "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"}
_CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_LICENCE = (
    "no licence stated by its authors; cite Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009"
)


def load(data_dir: Path | None = None) -> ImageDataset:
    """CIFAR-10, uint8 [50000, 32, 32, 3] and [10000, 32, 32, 3], ten classes.

    Args:
        data_dir: folder that holds `cifar-10-batches-py.tar.gz` as Keras caches it (the authors'
            `cifar-10-python.tar.gz` under another name); None for Keras' cache, else a download.

    Raises:
        ValueError: the file is not there, is not the published one, or cannot be downloaded.
    """
    (x_train, y_train), (x_test, y_test) = keras_cache.load(_keras_load_data, _URL, _HASHES, data_dir)
    return ImageDataset.of(
        (x_train, y_train.reshape(-1)),
        (x_test, y_test.reshape(-1)),
        class_names=_CLASS_NAMES,
        source=f"CIFAR-10 from {_URL}",
        licence=_LICENCE,
    )


def _keras_load_data() -> tuple[Split, Split]:
    import tensorflow as tf  # here, so that a missing file is reported before its seconds-long import

    return tf.keras.datasets.cifar10.load_data()
