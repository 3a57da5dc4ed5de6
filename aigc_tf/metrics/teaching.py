"""What images are worth as lessons: a small network learns from them, and is tested on others."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import numpy as np

from aigc_tf.metrics import weights_file
from aigc_tf.paths import default_cache


def told_right(
    images: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    test_images: np.ndarray,
    test_labels: np.ndarray,
    steps: int | None = None,
) -> np.ndarray:
    """Which test images a network trained on `images` tells right, bool [M].

    It is trained for `steps` steps, by default as many as `lenet.train` takes by itself.

    Images are uint8 [N, H, W, C] and [M, H, W, C], labels integers in [0, num_classes). Raises ValueError as
    `lenet.train` and `lenet.look` do.
    """
    from aigc_tf.metrics import lenet

    _, probabilities = lenet.look(lenet.train(images, labels, num_classes, steps), test_images)
    return probabilities.argmax(axis=1) == test_labels


def ceiling(
    images: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    test_images: np.ndarray,
    test_labels: np.ndarray,
    steps: int | None = None,
    cache: Path | None = None,
) -> float:
    """The share in [0, 1] that `told_right` gives for real images: what generated ones in their place are held against.

    Real images stay the same from one judgement to the next, and this training is more than a quarter of one's work.
    So the share is kept in `ceilings` below `cache` (None: `default_cache()`), by all that decides it; a damaged file,
    or one that cannot be written, costs a warning and another training.
    """
    what = (images, labels, num_classes, test_images, test_labels, steps)
    path = (cache or default_cache()) / "ceilings" / f"{_key(*what)}.npz"
    try:
        return _read(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except ValueError as error:
        warnings.warn(f"{error}; it is measured anew", stacklevel=2)
    share = float(told_right(*what).mean())
    try:
        weights_file.write_arrays(path, {"share": np.float64(share)})
    except OSError as error:
        warnings.warn(f"what real images teach could not be kept, and will be measured again: {error}", stacklevel=2)
    return share


def _read(path: Path) -> float:
    arrays = weights_file.read_arrays(path)
    share = arrays.get("share")
    if share is None or share.shape != () or share.dtype != np.float64 or not 0 <= share <= 1:
        raise ValueError(f"{path} holds no share of images told right")
    return float(share)


def _key(*decides: np.ndarray | int | None) -> str:
    import tensorflow as tf  # here, as measuring does without it; other versions round other last digits

    from aigc_tf.metrics import lenet

    digest = hashlib.sha256(f"{lenet.VERSION} {tf.__version__}".encode())
    for each in decides:
        if isinstance(each, np.ndarray):
            digest.update(f" {each.dtype} {each.shape} ".encode() + each.tobytes())
        else:
            digest.update(f" {each} ".encode())
    return digest.hexdigest()[:32]
