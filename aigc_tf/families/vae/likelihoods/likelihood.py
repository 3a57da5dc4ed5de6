"""The shape that every likelihood has."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


class Likelihood(NamedTuple):
    """A family of distributions of images, independent from value to value.

    parameters: numbers that a decoder gives for each value; its output has the shape [B, H, W, C * parameters].
    observe: (images float32 [B, H, W, C] in [-1, 1], uniform float32 [B, H, W, C] in [0, 1)) -> what is observed of
        them, in the same form, which the encoder and the density see; `uniform` is all that is left to chance.
    log_density: (decoder's output, observed) -> log density float32 [B], in nats, normalised.
    mean: decoder's output -> the image that stands for it, float32 [B, H, W, C] in [-1, 1].
    """

    parameters: int
    observe: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    log_density: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    mean: Callable[[tf.Tensor], tf.Tensor]


def as_they_are(images: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """`observe` of what leaves nothing to chance."""
    return images


def over_values(densities: tf.Tensor) -> tf.Tensor:
    """Sum over all values of an image: [B, H, W, C] -> [B]."""
    return tf.reduce_sum(densities, axis=[1, 2, 3])
