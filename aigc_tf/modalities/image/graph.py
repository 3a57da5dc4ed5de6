"""Images in TensorFlow's graphs (see `aigc_tf.modalities.modality.Graph`)."""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.image_grid import image_grid
from aigc_tf.modalities.image import png


def to_model(stored: tf.Tensor) -> tf.Tensor:
    """uint8 [...] -> float32 [...] in [-1, 1]."""
    return tf.cast(stored, tf.float32) / 127.5 - 1.0


def to_stored(made: tf.Tensor) -> tf.Tensor:
    """float [...] in [-1, 1] -> uint8 [...], rounded to nearest (`quantise` in NumPy)."""
    return tf.cast(tf.round((tf.clip_by_value(made, -1.0, 1.0) + 1.0) * 127.5), tf.uint8)


def to_numbers(made: tf.Tensor) -> tf.Tensor:
    """[-1, 1] -> [0, 1]."""
    return (made + 1.0) / 2.0


def from_numbers(numbers: tf.Tensor) -> tf.Tensor:
    """[0, 1] -> [-1, 1]."""
    return numbers * 2.0 - 1.0


def encode(stored: tf.Tensor, origin: str) -> tf.Tensor:
    """PNGs string [N] of images uint8 [N, H, W, C], each with `origin` in a text chunk behind its header.

    A chunk that is the same for every image needs no check sum in the graph, where TensorFlow has no operation for it.
    """
    pngs = tf.io.encode_png(stored)
    header = tf.strings.substr(pngs, 0, png.TEXT_BEGINS)
    rest = tf.strings.substr(pngs, png.TEXT_BEGINS, tf.int32.max)
    return tf.strings.join([header, png.text_chunk("Source", origin) if origin else b"", rest])


def summarise(name: str, stored: tf.Tensor, columns: int) -> None:
    """One grid."""
    tf.summary.image(name, image_grid(stored.numpy(), columns)[None])
