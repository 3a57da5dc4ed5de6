"""train.py, as it is, on random images of any size; see `benchmarks.throughput`.

    python -m benchmarks.throughput_train PIXELS [flags of train.py]

The images stand in for the data set `synthetic`, of which there is one size only.
"""

import runpy
import sys
from pathlib import Path

import numpy as np

from aigc_tf.datasets import synthetic
from aigc_tf.datasets.image_dataset import ImageDataset

NUM_IMAGES, NUM_HELD_OUT = 4_000, 2_048


def random_images(pixels: int) -> ImageDataset:
    """Noise without labels, uint8 [4000, pixels, pixels, 1] to train on."""
    images = np.random.default_rng(0).integers(0, 256, (NUM_IMAGES + NUM_HELD_OUT, pixels, pixels), np.uint8)
    labels = np.zeros(len(images), np.int32)
    train, held_out = (images[:NUM_IMAGES], labels[:NUM_IMAGES]), (images[NUM_IMAGES:], labels[NUM_IMAGES:])
    return ImageDataset.of(train, held_out, class_names=(), source="noise", licence="none needed")


if __name__ == "__main__":
    images = random_images(int(sys.argv.pop(1)))
    synthetic.load = lambda data_dir=None: images
    sys.argv += ["--dataset", "synthetic"]
    runpy.run_path(str(Path(__file__).parent.parent / "train.py"), run_name="__main__")
