"""What images are worth as lessons: a small network learns from them, and is tested on others."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np

from aigc_tf.metrics import weights_file
from aigc_tf.paths import default_cache


@dataclasses.dataclass(frozen=True)
class Lesson:
    """Images for a network to learn from, and others for it to tell.

    Attributes:
        images: uint8 [N, H, W, C].
        labels: of these, integers [N] in [0, num_classes).
        num_classes: that it has.
        test_images: uint8 [M, H, W, C].
        test_labels: of these, integers [M].
        steps: of training; None for as many as `lenet.train` takes by itself.
    """

    images: np.ndarray
    labels: np.ndarray
    num_classes: int
    test_images: np.ndarray
    test_labels: np.ndarray
    steps: int | None = None


def told_right(lesson: Lesson) -> np.ndarray:
    """Which test images the network tells right then, bool [M]. Raises ValueError as `lenet.train` and `lenet.look`
    do."""
    from aigc_tf.metrics import lenet

    network = lenet.train(lesson.images, lesson.labels, lesson.num_classes, lesson.steps)
    _, probabilities = lenet.look(network, lesson.test_images)
    return probabilities.argmax(axis=1) == lesson.test_labels


def ceiling(real: Lesson, cache: Path | None = None) -> float:
    """The share in [0, 1] that `told_right` gives for real images: what generated ones in their place are held against.

    Real images stay the same from one judgement to the next, and this training is more than a quarter of one's work.
    So the share is kept in `ceilings` below `cache` (None: `default_cache()`), by all that decides it; a damaged file,
    or one that cannot be written, costs a warning and another training.
    """
    return weights_file.kept(
        (cache or default_cache()) / "ceilings" / f"{_key(real)}.npz",
        _read,
        lambda: float(told_right(real).mean()),
        lambda path, share: weights_file.write_arrays(path, {"share": np.float64(share)}),
        anew="it is measured anew",
        lost="what real images teach could not be kept, and will be measured again",
    )


def _read(path: Path) -> float:
    arrays = weights_file.read_arrays(path)
    share = arrays.get("share")
    if share is None or share.shape != () or share.dtype != np.float64 or not 0 <= share <= 1:
        raise ValueError(f"{path} holds no share of images told right")
    return float(share)


def _key(lesson: Lesson) -> str:
    import tensorflow as tf  # here, as measuring does without it; other versions round other last digits

    from aigc_tf.metrics import lenet

    digest = hashlib.sha256(f"{lenet.VERSION} {tf.__version__}".encode())
    for each in vars(lesson).values():
        if isinstance(each, np.ndarray):
            digest.update(f" {each.dtype} {each.shape} ".encode())
            digest.update(each.tobytes())
        else:
            digest.update(f" {each} ".encode())
    return digest.hexdigest()[:32]
