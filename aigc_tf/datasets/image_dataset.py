"""A data set of images in memory."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aigc_tf.datasets.dataset import Dataset, Split
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.errors import UserError

if TYPE_CHECKING:
    import tensorflow as tf

Labelled = tuple[npt.NDArray[Any], npt.NDArray[Any]]
"""(images, labels) of one split."""


@dataclasses.dataclass(frozen=True, eq=False)
class ImageDataset(Dataset):
    """Images and labels of both splits, as read-only arrays; build it with `ImageDataset.of`.

    Attributes:
        spec: what the rest of the house may know about these images.
        train_images: uint8 [N, H, W, C], values 0 to 255.
        train_labels: int32 [N], values 0 to num_classes - 1; all 0 where there are no classes.
        test_images: uint8 [M, H, W, C], held out: never trained on.
        test_labels: int32 [M].
    """

    spec: DataSpec
    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.int32]
    test_images: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.int32]

    @functools.cached_property
    def _variables(self) -> dict[Split, tuple[tf.Variable, tf.Variable]]:
        """Images and labels of the splits that a `reader` was asked for."""
        return {}

    def count(self, split: Split) -> int:
        return len(self.labels(split))

    def stored(self, split: Split, rows: slice = slice(None)) -> npt.NDArray[np.uint8]:
        return (self.train_images if split == "train" else self.test_images)[rows]

    def labels(self, split: Split) -> npt.NDArray[np.int32]:
        return self.train_labels if split == "train" else self.test_labels

    def reader(self, split: Split) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
        import tensorflow as tf

        to_model = self.spec.modality.graph.to_model
        if split not in self._variables:
            # Variables, for the graph only refers to them. Constants would be copied into it with every rewriting.
            with tf.device("CPU:0"):
                images = tf.Variable(self.stored(split), trainable=False)
                self._variables[split] = images, tf.Variable(self.labels(split), trainable=False)
            # One copy of the images: from now on they are read where the variable has them. Gathering from the variable
            # itself, rather than from its value, would make TensorFlow copy what others look at, too.
            object.__setattr__(self, f"{split}_images", np.asarray(memoryview(images.read_value())))
        images, labels = self._variables[split]

        def read(rows: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"image": to_model(tf.gather(images.value(), rows)), "label": tf.gather(labels, rows)}

        return read

    @property
    def nbytes(self) -> int:
        return self.train_images.nbytes + self.test_images.nbytes

    @classmethod
    def of(
        cls, train: Labelled, test: Labelled, *, class_names: tuple[str, ...], source: str, licence: str, name: str = ""
    ) -> ImageDataset:
        """Check both splits, bring them into the form above, and describe them in a `DataSpec`.

        Args:
            train: images uint8 [N, H, W] or [N, H, W, C], and integer labels [N].
            test: the same for the held-out split, with the same H, W and C.
            class_names: one name a label; empty where the images carry no labels (give zeros then).
            source: where the images came from, in words.
            licence: terms under which they may be used.
            name: see `DataSpec.name`.

        Raises:
            ValueError: an array has another shape, type or range; the message says which.
        """
        train_images, train_labels = _check("training", train, len(class_names))
        test_images, test_labels = _check("held-out", test, len(class_names))
        if train_images.shape[1:] != test_images.shape[1:]:
            raise UserError(
                f"training images have shape {train_images.shape[1:]} and held-out images {test_images.shape[1:]}: "
                "both must be the same (height, width, channels)"
            )
        arrays = (train_images, train_labels, test_images, test_labels)
        height, width, channels = train_images.shape[1:]
        spec = DataSpec(
            shape=(height, width, channels),
            num_classes=len(class_names),
            num_examples=len(train_images),
            class_names=class_names,
            fingerprint=_fingerprint(arrays),
            source=source,
            licence=licence,
            name=name,
            class_counts=tuple(np.bincount(train_labels, minlength=len(class_names)).tolist()) if class_names else (),
        )
        return cls(spec, *arrays)

    @classmethod
    def held_out(cls, images: npt.NDArray[np.uint8], *, source: str) -> ImageDataset:
        """Images uint8 [N, H, W, C] to judge against, without labels, and with none to train on.

        `source` as for `of`; raises ValueError as it does.
        """
        whole = cls.of(
            (images, zeros := np.zeros(len(images), int)), (images, zeros), class_names=(), source=source, licence=""
        )
        arrays = (whole.train_images[:0], whole.train_labels[:0], whole.test_images, whole.test_labels)
        return cls(dataclasses.replace(whole.spec, num_examples=0, fingerprint=_fingerprint(arrays)), *arrays)


def _check(name: str, split: Labelled, num_classes: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    images, labels = split
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or images.size == 0:
        raise UserError(
            f"{name} images are {images.dtype} {list(images.shape)}: "
            "expected uint8 [N, H, W] or [N, H, W, C], not empty"
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.shape != images.shape[:1]:
        raise UserError(
            f"{name} labels are {labels.dtype} {list(labels.shape)}: "
            f"expected one integer for each of {len(images)} images"
        )
    if labels.min() < 0 or labels.max() >= max(num_classes, 1):
        raise UserError(
            f"{name} labels reach from {labels.min()} to {labels.max()}: expected 0 to {max(num_classes, 1) - 1}"
        )
    # Fixed byte order, so that the fingerprint is the same on every machine. The copies make it safe to freeze them.
    pixels = np.array(images if images.ndim == 4 else images[..., np.newaxis], np.uint8, order="C")
    classes = np.array(labels, "<i4", order="C")
    pixels.flags.writeable = classes.flags.writeable = False
    return pixels, classes


def _fingerprint(arrays: tuple[npt.NDArray[Any], ...]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.data)
    return f"sha256:{digest.hexdigest()}"
