"""CIFAR-10: 60,000 photographs of 32x32 pixels.

Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images".
"""

from __future__ import annotations

import hashlib
import pickle
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from lzma import LZMAError
from pathlib import Path
from typing import IO

import numpy as np

from aigc_tf.datasets import keras_cache
from aigc_tf.datasets.image_dataset import ImageDataset, Labelled
from aigc_tf.errors import UserError

_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
_HASHES = {"cifar-10-batches-py.tar.gz": "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"}
# What is in there is pickled, and could be any program: nothing is unpickled without its hash, neither from an archive
# (which may be packed anew) nor from the folder that somebody unpacked.
_BATCHES = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
_FOLDER = "cifar-10-batches-py"
_ARCHIVES = (f"{_FOLDER}.tar.gz", "cifar-10-python.tar.gz")  # as Keras calls it, and as its authors do
_MOST_BYTES = 40_000_000  # of one batch, whose 10,000 images take 31
_CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_LICENCE = (
    "no licence stated by its authors; cite Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009"
)


def load(data_dir: Path | None = None) -> ImageDataset:
    """CIFAR-10, uint8 [50000, 32, 32, 3] and [10000, 32, 32, 3], ten classes.

    Args:
        data_dir: folder that holds `cifar-10-batches-py.tar.gz` as Keras caches it, or the authors'
            `cifar-10-python.tar.gz`, also packed anew, or the folder `cifar-10-batches-py` that is in them; None for
            Keras' cache, else a download.

    Raises:
        ValueError: the file is not there, does not hold what was published, or cannot be downloaded.
    """
    try:
        train, test = _read(keras_cache.folder() if data_dir is None else data_dir)
    except UserError as error:
        if data_dir is not None:
            raise UserError(f"{error}: --data-dir must hold {_ARCHIVES[0]}, as Keras caches it") from None
        train, test = keras_cache.load(_keras_load_data, _URL, _HASHES)
    return ImageDataset.of(
        (train[0], train[1].reshape(-1)),
        (test[0], test[1].reshape(-1)),
        class_names=_CLASS_NAMES,
        source=f"CIFAR-10 from {_URL}",
        licence=_LICENCE,
    )


def _read(kept: Path) -> tuple[Labelled, Labelled]:
    with _opened(kept) as open_batch:
        *training, (test_images, test_labels) = (_batch(open_batch, name) for name in _BATCHES)
    images, labels = (np.concatenate(parts) for parts in zip(*training))
    return (images, labels), (test_images, test_labels)


@contextmanager
def _opened(kept: Path) -> Iterator[Callable[[str], IO[bytes] | None]]:
    """What opens a batch by its name, in the archive or the folder that lies in `kept`; UserError for neither."""
    archive = next((kept / name for name in _ARCHIVES if (kept / name).is_file()), None)
    if archive is None:
        if not (kept / _FOLDER).is_dir():
            raise UserError(f"{kept / _ARCHIVES[0]} does not exist")
        yield lambda name: (kept / _FOLDER / name).open("rb")
        return
    try:
        with tarfile.open(archive) as packed:
            yield lambda name: packed.extractfile(f"{_FOLDER}/{name}")
    except (tarfile.TarError, OSError, EOFError, zlib.error, LZMAError) as error:
        raise UserError(f"{archive} is damaged ({' '.join(str(error).split())})") from None


def _batch(open_batch: Callable[[str], IO[bytes] | None], name: str) -> Labelled:
    """Images uint8 [10000, 32, 32, 3] and labels [10000] of one batch, once its hash is right."""
    try:
        file = open_batch(name)
        content = b"" if file is None else file.read(_MOST_BYTES)
    except (OSError, KeyError) as error:
        raise UserError(f"{name} of CIFAR-10 cannot be read ({error})") from None
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != _BATCHES[name]:
        raise UserError(f"{name} of CIFAR-10 is damaged, or not the file that was published")
    batch = pickle.loads(content, encoding="bytes")
    return batch[b"data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), np.array(batch[b"labels"])


def _keras_load_data() -> tuple[Labelled, Labelled]:
    import tensorflow as tf  # here, so that a missing file is reported before its seconds-long import

    return tf.keras.datasets.cifar10.load_data()
