"""Fashion-MNIST: 70,000 articles of clothing, 28x28 pixels (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747)."""

from __future__ import annotations

from pathlib import Path

from aigc_tf.datasets import idx, keras_cache
from aigc_tf.datasets.image_dataset import ImageDataset, Labelled
from aigc_tf.errors import UserError

_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/train-labels-idx1-ubyte.gz"
# As https://github.com/zalandoresearch/fashion-mnist publishes them; Keras' loader checks none.
_HASHES = {
    "fashion-mnist/train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "fashion-mnist/train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "fashion-mnist/t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "fashion-mnist/t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
# What is in them, however it was packed: the same from Keras and from Debian's package `dataset-fashion-mnist`.
_FINGERPRINT = "sha256:5f06bd0df99ad3dc904134efe2e620e96a51dc83af7575151eb993b975560d7a"
_NAMES = {
    "train-images-idx3-ubyte": 3,
    "train-labels-idx1-ubyte": 1,
    "t10k-images-idx3-ubyte": 3,
    "t10k-labels-idx1-ubyte": 1,
}
_CLASS_NAMES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def load(data_dir: Path | None = None) -> ImageDataset:
    """Fashion-MNIST, uint8 [60000, 28, 28, 1] and [10000, 28, 28, 1], ten classes.

    Args:
        data_dir: folder that holds the four files, packed anew or plain, or a folder `fashion-mnist` with them (as
            Keras' cache and Debian's /usr/share/datasets do); None for Keras' cache, else a download.

    Raises:
        ValueError: the files are not there, do not hold what was published, or cannot be downloaded.
    """
    kept = keras_cache.folder() if data_dir is None else data_dir
    try:
        return _read(kept)
    except UserError as error:
        if data_dir is not None:
            raise UserError(f"{error}: --data-dir must hold fashion-mnist/*.gz, as Keras caches them") from None
    return _dataset(*keras_cache.load(_keras_load_data, _URL, _HASHES))


def _read(kept: Path) -> ImageDataset:
    """What lies in `kept`, or in `fashion-mnist` below it; UserError unless it is all that was published."""
    folder = kept / "fashion-mnist" if (kept / "fashion-mnist").is_dir() else kept
    arrays = []
    for name, rank in _NAMES.items():
        path = idx.find(folder, name)
        if path is None:
            raise UserError(f"{folder / name}.gz does not exist")
        arrays.append(idx.read(path, rank))
    dataset = _dataset((arrays[0], arrays[1]), (arrays[2], arrays[3]))
    if dataset.spec.fingerprint != _FINGERPRINT:
        raise UserError(f"{folder} is damaged, or does not hold the images that were published")
    return dataset


def _dataset(train: Labelled, test: Labelled) -> ImageDataset:
    return ImageDataset.of(
        train, test, class_names=_CLASS_NAMES, source="Fashion-MNIST as it was published", licence="MIT (Zalando SE)"
    )


def _keras_load_data() -> tuple[Labelled, Labelled]:
    import tensorflow as tf  # here, so that missing files are reported before its seconds-long import

    return tf.keras.datasets.fashion_mnist.load_data()
