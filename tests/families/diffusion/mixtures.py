"""A mixture of normal distributions over small images, of which all that a diffusion model learns is known exactly."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from aigc_tf.families.diffusion import flow

SHAPE = (8, 8, 1)
SIZE = math.prod(SHAPE)
COUNTS = (100, 300)
MEANS = tf.constant([np.full(SIZE, -0.4), np.linspace(0.1, 0.6, SIZE)], tf.float32)  # [K, D]
STDS = tf.constant([0.05, 0.15], tf.float32)
DATA_STD = 0.5


def shares(count: int) -> tf.Tensor:
    """Those of the classes in the mixture, for so many rows."""
    return tf.constant([[each / sum(COUNTS) for each in COUNTS]] * count, tf.float32)


def log_density(states: tf.Tensor, times: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
    """Of states [B, D] at times [B], of classes in these shares [B, K]: float32 [B]."""
    return tf.reduce_logsumexp(tf.math.log(classes) + _of_each(states, times), axis=1)


def velocity(states: tf.Tensor, times: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
    """The mean of content - noise, of states [B, D] at times [B]."""
    t, s = times[:, None], 1 - times[:, None]
    weights = tf.nn.softmax(tf.math.log(classes) + _of_each(states, times), axis=1)  # [B, K]
    gain = STDS**2 * t / (STDS**2 * t**2 + s**2)  # [B, K]
    content = MEANS + gain[..., None] * (states[:, None] - t[..., None] * MEANS)  # [B, K, D]
    share = s / (STDS**2 * t**2 + s**2)
    noise = share[..., None] * (states[:, None] - t[..., None] * MEANS)
    return tf.reduce_sum(weights[..., None] * (content - noise), axis=1)


def draw(count: int, seed: int = 0) -> tuple[tf.Tensor, tf.Tensor]:
    """Content [N, H, W, C] and its classes [N], in the proportions of the mixture."""
    random = np.random.default_rng(seed)
    labels = random.choice(len(COUNTS), count, p=np.divide(COUNTS, sum(COUNTS)))
    content = MEANS.numpy()[labels] + STDS.numpy()[labels, None] * random.standard_normal((count, SIZE))
    return tf.constant(content.reshape(count, *SHAPE), tf.float32), tf.constant(labels)


def network(inputs: list[tf.Tensor], training: bool = False) -> tf.Tensor:
    """What a perfect network answers, with or without classes."""
    scaled, features, *classes = inputs
    times = tf.atan2(features[:, flow.NUM_FEATURES // 2], features[:, 0]) / math.pi
    scale = flow.Scales(*(each[:, None] for each in flow.scales(times, DATA_STD)))
    states = tf.reshape(scaled, [-1, SIZE]) / scale.given
    exact = velocity(states, times, classes[0] if classes else shares(1))
    return tf.reshape((exact - scale.known * states) / scale.learned, [-1, *SHAPE])


def _of_each(states: tf.Tensor, times: tf.Tensor) -> tf.Tensor:
    """Logarithm of the density of each normal distribution, float32 [B, K]."""
    variance = STDS**2 * times[:, None] ** 2 + (1 - times[:, None]) ** 2
    squares = tf.reduce_sum((states[:, None] - times[:, None, None] * MEANS) ** 2, axis=2)
    return -0.5 * squares / variance - SIZE / 2 * tf.math.log(2 * math.pi * variance)
