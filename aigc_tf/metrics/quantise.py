"""Images as a file holds them: real and generated ones are judged on the same 256 levels."""

from __future__ import annotations

import numpy as np

from aigc_tf.errors import UserError


def quantise(images: np.ndarray) -> np.ndarray:
    """Round images, float [N, H, W, C] in [0, 1], to uint8 [N, H, W, C]; values outside are clipped.

    A model must not be judged on values that no 8-bit image can hold: a classifier (and more so a network that it was
    trained against) can tell 0.9999 from the 1.0 of every real image. Raises ValueError for NaN or infinite values, and
    for integers.
    """
    if not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"expected floating-point images in [0, 1], not {images.dtype}")
    if not np.isfinite(images).all():
        raise UserError("the images hold NaN or infinite values and cannot be judged: is the model broken?")
    return np.clip(np.rint(images.astype(np.float32) * np.float32(255)), 0, 255).astype(np.uint8)
