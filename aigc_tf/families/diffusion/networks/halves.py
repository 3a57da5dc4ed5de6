"""The default network, made for processors: nothing is convolved at full resolution.

The first layer halves the image and the last one makes four pixels of each place. Between them residual blocks work on
halves of halves, down to some 8 places a side and back. Times and classes come in as a bias a channel. There is no
normalisation: each block adds nothing at first, so signals keep their size without.
"""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families.diffusion.flow import NUM_FEATURES
from aigc_tf.parts.layers import DepthToSpace

layers = tf.keras.layers

_BLOCKS = 2  # at each resolution, on the way down and on the way up
_DOUBLINGS = 3  # of the channels at most, one as the resolution halves


def build(spec: DataSpec, conditional: bool = False, channels: int = 32) -> tf.keras.Model:
    """A network for images of any size, with so many channels at half the resolution."""
    height, width, image_channels = spec.image_shape
    sizes = _sizes(height, width)
    images = tf.keras.Input(spec.image_shape, name="state")
    times = tf.keras.Input([NUM_FEATURES], name="time")
    classes = tf.keras.Input([spec.num_classes], name="label") if conditional else None
    # A class is one number, and has to say as much as many waves do. (A sum of two dense layers would do, too, but
    # TensorFlow 2.15's remapper fails on it.)
    told = times if classes is None else layers.Concatenate()([times, layers.Rescaling(4.0)(classes)])
    told = layers.ReLU()(layers.Dense(4 * channels)(told))

    x = layers.Conv2D(channels, 4, 2, padding="same")(images)
    past = []
    for level in range(len(sizes)):
        if level:
            x = layers.Conv2D(channels << min(level, _DOUBLINGS), 3, 2, padding="same")(x)
        for _ in range(_BLOCKS):
            x = _block(x, told)
        past.append(x)
    for level in reversed(range(len(sizes) - 1)):
        x = layers.Conv2D(past[level].shape[-1], 3, padding="same", use_bias=False)(x)
        x = layers.Add()([layers.Resizing(*sizes[level], interpolation="bilinear")(x), past[level]])
        for _ in range(_BLOCKS):
            x = _block(x, told)
    x = layers.Conv2D(4 * image_channels, 3, padding="same", kernel_initializer="zeros")(layers.ReLU()(x))
    x = DepthToSpace(2)(x)
    x = layers.Cropping2D(((0, x.shape[1] - height), (0, x.shape[2] - width)))(x)
    answer = layers.Activation("linear", dtype="float32", name="answer")(x)
    return tf.keras.Model([images, times, *([] if classes is None else [classes])], answer, name="halves")


def _sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Sizes from half the image down, each half the one before, until the shorter side is at most 8; at least two."""
    sizes = [(-(-height // 2), -(-width // 2))]
    while len(sizes) < 2 or min(sizes[-1]) > 8:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def _block(x: tf.Tensor, told: tf.Tensor) -> tf.Tensor:
    """x [B, H, W, C], and what two convolutions make of it and of what is told of its time and class."""
    channels = x.shape[-1]
    inner = layers.Conv2D(channels, 3, padding="same", use_bias=False)(layers.ReLU()(x))
    bias = layers.Reshape([1, 1, channels])(layers.Dense(channels)(told))
    inner = layers.ReLU()(layers.Add()([inner, bias]))
    outer = layers.Conv2D(channels, 3, padding="same", use_bias=False, kernel_initializer="zeros")
    return layers.Add()([x, outer(inner)])
