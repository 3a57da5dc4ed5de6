"""Fashion-MNIST: 70,000 articles of clothing, 28x28 pixels (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747)."""

from __future__ import annotations

from pathlib import Path

from aigc_tf.datasets import keras_cache
from aigc_tf.datasets.image_dataset import ImageDataset, Split

_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/train-labels-idx1-ubyte.gz"
# As https://github.com/zalandoresearch/fashion-mnist publishes them; Keras' loader checks none.
_HASHES = {
    "fashion-mnist/train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "fashion-mnist/train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "fashion-mnist/t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "fashion-mnist/t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
_CLASS_NAMES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def load(data_dir: Path | None = None) -> ImageDataset:
    """Fashion-MNIST, uint8 [60000, 28, 28, 1] and [10000, 28, 28, 1], ten classes.

    Args:
        data_dir: folder that holds `fashion-mnist/*.gz` as Keras caches them; None for Keras' cache, else a download.

    Raises:
        ValueError: the files are not there, are not the published ones, or cannot be downloaded.
    """
    train, test = keras_cache.load(_keras_load_data, _URL, _HASHES, data_dir)
    return ImageDataset.of(
        train, test, class_names=_CLASS_NAMES, source="Fashion-MNIST, Keras' copy", licence="MIT (Zalando SE)"
    )


def _keras_load_data() -> tuple[Split, Split]:
    import tensorflow as tf  # here, so that missing files are reported before its seconds-long import

    return tf.keras.datasets.fashion_mnist.load_data()
