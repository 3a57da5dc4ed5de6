"""train.py, but its data set `mnist` takes images of any size: random ones, in an mnist.npz that is written for it.

    python -m benchmarks.any_size --dataset mnist --data-dir DIR [flags of train.py]

No data set that ships takes images of any other size from files.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

_NUM_DIFFERENT, _NUM_HELD_OUT = 1_000, 2_048


def write(folder: Path, num_images: int, pixels: int) -> Path:
    """The folder below `folder` with an mnist.npz of `num_images` grey images to train on, written if none was yet.

    A thousand different ones are repeated: noise takes seconds to draw where images are many.
    """
    written = folder / f"{num_images}-of-{pixels}"
    if not written.exists():
        written.mkdir()
        few = np.random.default_rng(0).integers(0, 256, (_NUM_DIFFERENT, pixels, pixels), np.uint8)
        images, held_out = (np.resize(few, (number, pixels, pixels)) for number in (num_images, _NUM_HELD_OUT))
        labels, held_out_labels = (np.arange(len(each)) % 10 for each in (images, held_out))
        np.savez(written / "mnist.npz", x_train=images, y_train=labels, x_test=held_out, y_test=held_out_labels)
    return written


def command(folder: Path, pixels: int) -> list[object]:
    """How to train on what lies in `folder`: with train.py itself where images are as large as the digits of MNIST."""
    script: list[object] = ["train.py"] if pixels == 28 else ["-m", "benchmarks.any_size"]
    return [sys.executable, *script, "--dataset", "mnist", "--data-dir", folder]


def main() -> int:
    from aigc_tf import cli
    from aigc_tf.datasets import mnist, mnist_5k
    from aigc_tf.datasets.image_dataset import ImageDataset

    def load(data_dir: Path | None = None) -> ImageDataset:
        assert data_dir is not None
        with np.load(data_dir / "mnist.npz") as file:
            train, test = ((file[f"x_{part}"], file[f"y_{part}"]) for part in ("train", "test"))
        return ImageDataset.of(train, test, class_names=mnist_5k.CLASS_NAMES, source="noise", licence="CC0-1.0")

    mnist.load = load
    return cli.train_main()


if __name__ == "__main__":
    raise SystemExit(main())
