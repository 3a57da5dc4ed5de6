"""Stacked MNIST: three digits as the red, green and blue channel of one image, a thousand classes to lose.

After Srivastava et al. 2017 ("VEEGAN", https://arxiv.org/abs/1705.07761) and Metz et al. 2016 ("Unrolled Generative
Adversarial Networks", https://arxiv.org/abs/1611.02163): the image of the digits a, b, c belongs to the class
100 a + 10 b + c. Judged by the digits' own classifier, one channel at a time, `class_coverage` stands for the
literature's number of modes out of 1,000, and `class_kl` for its KL divergence of the generated classes to the real
ones. The coverage is a little stricter: there one image finds a class, here it takes a tenth of its share among the
held-out images as the classifier counts them. Of 10,000 generated images that is one for a class of up to 26, the
number made of each, and two or more for one that the classifier's mistakes have brought to 27 or more.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aigc_tf.datasets import mnist
from aigc_tf.datasets.image_dataset import ImageDataset, Labelled
from aigc_tf.errors import UserError

# Of every class as many: the literature draws classes at random too, but then one may be missing among the held-out
# images, and a KL divergence to nothing is infinite. In 26,000 samples the literature counts modes.
_TRAINING_IMAGES_A_CLASS = 60
_HELD_OUT_IMAGES_A_CLASS = 26


def load(data_dir: Path | None = None) -> ImageDataset:
    """60,000 images to train on and 26,000 held out, uint8 [N, 28, 28, 3], label = 100 red + 10 green + blue digit.

    Training images are made of MNIST's training digits, held-out images of its held-out ones; always the same images.
    Each digit is drawn at random among those of its kind.

    Args:
        data_dir: as for `mnist`, which gives the digits. Without it and without a network the digits are the 5,000 of
            `mnist_5k`, and the data set calls itself `stacked_mnist_5k`.

    Raises:
        ValueError: as `mnist` does, and where a digit is missing in one of the splits.
    """
    digits = mnist.load(data_dir)
    return stack(digits, name=f"stacked_{digits.spec.name}" if digits.spec.name else "")


def stack(digits: ImageDataset, name: str) -> ImageDataset:
    """The images described above, made of `digits`; `name` as in `DataSpec`."""
    return ImageDataset.of(
        _stack(digits.train_images, digits.train_labels, _TRAINING_IMAGES_A_CLASS, seed=0),
        _stack(digits.test_images, digits.test_labels, _HELD_OUT_IMAGES_A_CLASS, seed=1),
        class_names=tuple(f"{label:03}" for label in range(1000)),
        source=f"three random digits an image, of: {digits.spec.source}",
        licence=digits.spec.licence,
        name=name,
    )


def _stack(images: np.ndarray, labels: np.ndarray, images_a_class: int, seed: int) -> Labelled:
    rows = [np.flatnonzero(labels == digit) for digit in range(10)]
    if missing := [str(digit) for digit in range(10) if not len(rows[digit])]:
        raise UserError(f"the digits {', '.join(missing)} are missing: stacked_mnist needs all ten in both splits")
    random = np.random.default_rng(seed)
    stacked_labels = random.permutation(np.repeat(np.arange(1000), images_a_class))
    stacked = np.empty((len(stacked_labels), *images.shape[1:3], 3), np.uint8)
    for channel, place in enumerate((100, 10, 1)):
        for digit in range(10):
            here = np.flatnonzero(stacked_labels // place % 10 == digit)
            stacked[here, ..., channel] = images[random.choice(rows[digit], len(here)), ..., 0]
    return stacked, stacked_labels
