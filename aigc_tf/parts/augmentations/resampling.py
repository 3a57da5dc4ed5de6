"""Images seen through affine maps, with bilinear interpolation."""

from __future__ import annotations

import tensorflow as tf


def resample(images: tf.Tensor, matrices: tf.Tensor) -> tf.Tensor:
    """Images float32 [B, H, W, C] at the places that `matrices` float32 [B, 2, 3] give for each pixel of the result.

    Beyond its borders an image goes on as its mirror image, border pixels twice. Whole pixels come out as they are, bit
    for bit, and no row depends on another. Differentiable in the images, any number of times.
    """
    batch, height, width, channels = images.shape
    batch = tf.shape(images)[0] if batch is None else batch
    y = tf.range(height, dtype=tf.float32)[:, None] - (height - 1) / 2.0  # [H, 1]
    x = tf.range(width, dtype=tf.float32)[None, :] - (width - 1) / 2.0  # [1, W]
    entries = matrices[..., None, None]  # [B, 2, 3, 1, 1]
    from_x, from_y = (entries[:, i, 0] * x + entries[:, i, 1] * y + entries[:, i, 2] for i in range(2))  # [B, H, W]
    left, of_right = _whole_and_rest(from_x + (width - 1) / 2.0)
    top, of_bottom = _whole_and_rest(from_y + (height - 1) / 2.0)

    columns = [_mirrored(left + i, width) for i in (0, 1)]
    rows = [_mirrored(top + i, height) for i in (0, 1)]
    first = tf.reshape(tf.range(batch) * (height * width), [-1, 1, 1])
    corners = tf.stack([first + row * width + column for row in rows for column in columns])  # [4, B, H, W]
    pixels = tf.gather(tf.reshape(images, [-1, channels]), corners)  # [4, B, H, W, C]
    above = pixels[0] + of_right * (pixels[1] - pixels[0])
    below = pixels[2] + of_right * (pixels[3] - pixels[2])
    return above + of_bottom * (below - above)


def _whole_and_rest(places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The pixels int32 [B, H, W] before places, and how far these lie behind them, float32 [B, H, W, 1] in [0, 1)."""
    whole = tf.floor(places)
    return tf.cast(whole, tf.int32), (places - whole)[..., None]


def _mirrored(pixels: tf.Tensor, side: int) -> tf.Tensor:
    """The pixel of a side that stands in any one's place."""
    within = tf.math.floormod(pixels, 2 * side)
    return tf.minimum(within, 2 * side - 1 - within)
