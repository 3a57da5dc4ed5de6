from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from aigc_tf.datasets.image_dataset import ImageDataset, Split
from benchmarks.processes import memory_bytes


def split(count: int = 4, shape: tuple[int, ...] = (9, 8), dtype: type = np.uint8, top: int = 2) -> Split:
    images: np.ndarray = np.arange(count * int(np.prod(shape))).reshape(count, *shape).astype(dtype)
    return images, np.arange(count) % top


def build(train: Split, test: Split, classes: int = 2) -> ImageDataset:
    names = tuple("abcdefgh"[:classes])
    return ImageDataset.of(train, test, class_names=names, source="made here", licence="none")


def test_spec_describes_the_arrays() -> None:
    dataset = build(split(6), split(4))
    assert dataset.spec.image_shape == (9, 8, 1)
    assert dataset.spec.num_examples == 6
    assert dataset.spec.num_classes == 2
    assert dataset.train_labels.dtype == np.int32
    assert build(split(2, (8, 8, 3)), split(2, (8, 8, 3))).spec.image_shape == (8, 8, 3)


def test_fingerprint_is_known_and_depends_on_every_array() -> None:
    # A golden value, since runs on other machines record it.
    reference = "sha256:65573eec1f0d0c87d0d53cebbaf62012d14b9cc9d66ca9e052f23ab61c3442c6"
    assert build(split(), split()).spec.fingerprint == reference
    seen = {reference}
    for which in range(4):
        arrays = [array.copy() for array in (*split(), *split())]
        arrays[which].reshape(-1)[0] += 1
        seen.add(build((arrays[0], arrays[1]), (arrays[2], arrays[3])).spec.fingerprint)
    seen.add(build(split(5), split(3)).spec.fingerprint)
    seen.add(build(split(shape=(8, 9)), split(shape=(8, 9))).spec.fingerprint)
    assert len(seen) == 7


def test_arrays_are_copies_that_cannot_be_written() -> None:
    train = split()
    dataset = build(train, split())
    train[0][:] = 0
    assert dataset.train_images.max() > 0
    with pytest.raises(ValueError, match="read-only"):
        dataset.train_images[0] = 0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is told by Linux")
def test_reading_takes_no_memory_beside_the_images() -> None:
    dataset = build(split(100_000, (28, 28)), split(4, (28, 28)))
    before, kept = memory_bytes(os.getpid(), "VmRSS"), dataset.train_images[99_990:].copy()
    rows = tf.range(99_990, 100_000, dtype=tf.int64)
    for _ in range(2):
        found = tf.function(dataset.reader("train"))(rows)
    assert memory_bytes(os.getpid(), "VmRSS") - before < dataset.train_images.nbytes / 2
    np.testing.assert_array_equal(dataset.train_images[99_990:], kept)
    np.testing.assert_array_equal(found["image"], tf.function(dataset.spec.modality.graph.to_model)(kept))
    with pytest.raises(ValueError, match="read-only"):
        dataset.train_images[0] = 0


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (split(dtype=np.float32), split(), "training images are float32"),
        (split(), split(shape=(8, 8, 1, 1)), "held-out images are uint8"),
        (split(0), split(), "not empty"),
        (split(shape=(9, 9)), split(), "both must be the same"),
        ((split()[0], split(3)[1]), split(), "one integer for each of 4 images"),
        ((split()[0], split()[1] * 0.5), split(), "training labels are float64"),
        (split(top=3), split(), "reach from 0 to 2: expected 0 to 1"),
        (split(shape=(7, 8)), split(shape=(7, 8)), "at least 8"),
    ],
)
def test_wrong_arrays_are_refused(train: Split, test: Split, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(train, test)


def test_without_classes_labels_are_zero() -> None:
    images, labels = split()
    assert build((images, labels * 0), (images, labels * 0), classes=0).spec.num_classes == 0
    with pytest.raises(ValueError, match="expected 0 to 0"):
        build((images, labels), (images, labels), classes=0)
