"""What a PNG shows, for `verify_export`, which runs where this project is not: imports TensorFlow and NumPy alone."""

import numpy as np
import tensorflow as tf

FILE = "png"
LEVELS = 255
"""The largest that a number can be in a file; kernels that add in another order may move one by a level."""


def read(file: bytes) -> np.ndarray:
    """The levels of one file, int64 [H, W, C] in [0, LEVELS]. ValueError for what is no PNG."""
    try:
        return tf.io.decode_png(file).numpy().astype(np.int64)
    except tf.errors.OpError as error:
        raise ValueError(f"no PNG: {error.message}") from None


def numbers(levels: np.ndarray) -> np.ndarray:
    """What levels mean as numbers, float64."""
    return levels / LEVELS


def is_marked(file: bytes) -> bool:
    """Whether a file says anything of what made it."""
    return b"tEXt" in file[:64]
