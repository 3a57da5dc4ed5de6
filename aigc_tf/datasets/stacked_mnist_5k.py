"""Stacked MNIST made of the 5,000 digits of `mnist_5k`: for a machine without network.

`stacked_mnist` falls back to it. It has a name of its own so that a run that began with it goes on with it, also once
there is a network.
"""

from __future__ import annotations

from pathlib import Path

from aigc_tf.datasets import mnist_5k, stacked_mnist
from aigc_tf.datasets.image_dataset import ImageDataset


def load(data_dir: Path | None = None) -> ImageDataset:
    """60,000 images to train on, made of 4,000 digits, and 26,000 held out, made of 1,000; see `stacked_mnist`.

    Args:
        data_dir: ignored; the digits lie in a package.
    """
    return stacked_mnist.stack(mnist_5k.load(data_dir), name="stacked_mnist_5k")
