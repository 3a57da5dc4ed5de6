"""Images: stored as uint8 [H, W, C], in model space [-1, 1], as numbers [0, 1], in PNG files."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as pillow

from aigc_tf.contract import Tensor
from aigc_tf.errors import UserError
from aigc_tf.image_grid import image_grid
from aigc_tf.metrics.evidence import Observations
from aigc_tf.metrics.extractors import load_extractor
from aigc_tf.metrics.quantise import quantise
from aigc_tf.modalities.image import png
from aigc_tf.modalities.modality import Given, Graph, Judges, Modality, Shape

if TYPE_CHECKING:
    from aigc_tf.datasets.dataset import Dataset


class Image(Modality):
    """Images of one size; the graph's functions are in `graph.py`."""

    name, file, suffix = "image", "png", ".png"
    measures = (
        *("fd", "kernel_distance", "precision_recall", "inception_score", "classifier_score", "class_coverage"),
        *("class_kl", "ms_ssim", "image_statistics", "memorisation", "copies", "train_on_generated"),
    )
    label_measures = ("label_accuracy", "fd_within_class", "classification_accuracy_score")
    quick_measures = (
        *("fd", "classifier_score", "class_coverage", "class_kl", "ms_ssim", "image_statistics"),
        "label_accuracy",
    )

    @property
    def graph(self) -> Graph:
        from aigc_tf.modalities.image import graph

        return graph

    def check(self, shape: Shape) -> None:
        height, width, channels = shape
        if min(height, width) < 8 or channels not in (1, 3, 4):
            raise UserError(
                f"images of {height}x{width} pixels with {channels} channels cannot be used: "
                "height and width must be at least 8, channels 1, 3 or 4"
            )

    def in_words(self, shape: Shape) -> str:
        height, width, channels = shape
        return f"images of {height}x{width} pixels with {channels} channels"

    def numbers(self, shape: Shape) -> Tensor:
        return Tensor("float32", shape, 0.0, 1.0)

    def to_stored(self, numbers: np.ndarray) -> np.ndarray:
        return quantise(numbers)

    def from_stored(self, stored: np.ndarray) -> np.ndarray:
        return stored / np.float32(255)

    def read_file(self, file: bytes, shape: tuple[int | None, ...]) -> np.ndarray:
        png.texts(file)
        with pillow.open(io.BytesIO(file), formats=["PNG"]) as image:
            stored = np.asarray(image)
        stored = stored if stored.ndim == 3 else stored[..., np.newaxis]
        if stored.dtype != np.uint8 or any(size not in (None, found) for size, found in zip(shape, stored.shape)):
            raise ValueError(f"a PNG of {stored.dtype} {stored.shape} where images are {shape}")
        return stored

    def texts(self, file: bytes) -> str:
        return png.texts(file)

    def judges(self, choice: str | None, dataset: str, data: Dataset, say: Callable[[str], None]) -> Judges:
        labelled = data.spec.num_classes > 0
        choice = choice or ("lenet" if labelled else "filters")
        extractor = load_extractor(choice, dataset, data, announce=say)
        if choice == "lenet" or not labelled:
            return Judges(extractor, extractor if labelled else None)
        return Judges(extractor, load_extractor("lenet", dataset, data, announce=say))

    def look(self, stored: np.ndarray) -> Observations:
        return Observations(images=stored)

    def read_given(self, path: Path, shape: Shape, progress: Callable[[int], object]) -> Given:
        from aigc_tf.datasets import given_images  # whose data sets are of this kind

        height, width, channels = shape
        given = given_images.read(path, (height, width, channels), progress)
        return Given(given.pixels, given.left_out)

    def sheet(self, stored: np.ndarray, columns: int, origin: str = "") -> bytes:
        grid, file = image_grid(stored, columns), io.BytesIO()
        pillow.fromarray(grid[..., 0] if grid.shape[-1] == 1 else grid).save(file, "png")
        return png.with_origin(file.getvalue(), origin) if origin else file.getvalue()


MODALITY = Image()
