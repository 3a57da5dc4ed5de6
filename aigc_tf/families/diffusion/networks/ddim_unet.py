"""The network of Keras' example "Denoising Diffusion Implicit Models", for images of any size.

Residual blocks of 32, 64, 96 and 128 channels at the full image, its half, its quarter and its eighth, two at each on
the way down, each of which is joined to its mirror image on the way up. Times, and classes where there are labels,
come in once, as channels beside the image; the example has sines and cosines of 16 frequencies of its noise there.
"""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.datasets.spec import DataSpec
from aigc_tf.families.diffusion.flow import NUM_FEATURES
from aigc_tf.parts.layers import batch_norm

layers = tf.keras.layers

_LEVELS = 4
_DEPTH = 2


def build(spec: DataSpec, conditional: bool = False, channels: int = 32) -> tf.keras.Model:
    """A network for images of any size, with so many channels at the full image: where a side is odd, its half is
    rounded up."""
    *finer, coarsest = (channels * level for level in range(1, _LEVELS + 1))
    images = tf.keras.Input(spec.image_shape, name="state")
    times = tf.keras.Input([NUM_FEATURES], name="time")
    classes = tf.keras.Input([spec.num_classes], name="label") if conditional else None
    told = times
    if classes is not None:
        told = layers.Concatenate()([times, layers.Dense(NUM_FEATURES, use_bias=False)(classes)])
    told = layers.Reshape([1, 1, told.shape[-1]])(told)
    everywhere = layers.UpSampling2D(spec.image_shape[:2])(told)

    x = layers.Concatenate()([layers.Conv2D(channels, 1)(images), everywhere])
    past = []
    for width in finer:
        for _ in range(_DEPTH):
            x = _block(x, width)
            past.append(x)
        x = layers.AveragePooling2D(2, padding="same")(x)
    for _ in range(_DEPTH):
        x = _block(x, coarsest)
    for width in reversed(finer):
        x = layers.Resizing(*past[-1].shape[1:3], interpolation="bilinear")(x)
        for _ in range(_DEPTH):
            x = _block(layers.Concatenate()([x, past.pop()]), width)
    x = layers.Conv2D(spec.image_shape[2], 1, kernel_initializer="zeros")(x)
    answer = layers.Activation("linear", dtype="float32", name="answer")(x)
    return tf.keras.Model([images, times, *([] if classes is None else [classes])], answer, name="ddim_unet")


def _block(x: tf.Tensor, width: int) -> tf.Tensor:
    """[B, H, W, C] -> [B, H, W, width]: what comes in, and two convolutions of it, normalised, with swish between."""
    beside = x if x.shape[-1] == width else layers.Conv2D(width, 1)(x)
    x = layers.Conv2D(width, 3, padding="same", activation="swish")(batch_norm(center=False, scale=False)(x))
    return layers.Add()([layers.Conv2D(width, 3, padding="same")(x), beside])
