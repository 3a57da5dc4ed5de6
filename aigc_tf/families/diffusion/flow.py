"""The way between noise and content, and what of it a network has to learn: functions on tensors.

At the time t from 0 to 1 a state is x(t) = t content + (1 - t) noise, and moves with the velocity content - noise
(Lipman et al. 2023, https://arxiv.org/abs/2210.02747; rectified flow, Liu et al. 2023,
https://arxiv.org/abs/2209.03003). Of a state alone a network can tell the mean of that. If content were normally
distributed about 0, as far as `data_std`, this mean would be a known multiple of the state; the network learns the
rest, scaled to a variance of 1 at all times, and sees states scaled likewise: the preconditioning of Karras et al.
2022 (https://arxiv.org/abs/2206.00364) on this way.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import tensorflow as tf

NUM_FEATURES = 32


class Scales(NamedTuple):
    """Of a state at some times; each of the shape of these times.

    given: what a state is multiplied by for the network.
    known: share of the state in the velocity before anything is learned.
    learned: what the network's answer is multiplied by in the velocity.
    """

    given: tf.Tensor
    known: tf.Tensor
    learned: tf.Tensor


def between(content: tf.Tensor, noise: tf.Tensor, times: tf.Tensor) -> tf.Tensor:
    """States [B, ...] at times [B], from 0 for noise to 1 for content."""
    times = like(times, content)
    return times * content + (1.0 - times) * noise


def scales(times: tf.Tensor, data_std: float) -> Scales:
    """The preconditioning at these times, float32 of any shape."""
    spread = tf.sqrt((data_std * times) ** 2 + (1.0 - times) ** 2)
    return Scales(1.0 / spread, (data_std**2 * times - (1.0 - times)) / spread**2, data_std / spread)


def velocity(network: tf.keras.Model, states: tf.Tensor, times: tf.Tensor, classes: tf.Tensor | None, data_std: float):
    """The velocity float32 [B, ...] that a network tells of states [B, ...] at times [B] (of classes [B, K])."""
    scale = Scales(*(like(each, states) for each in scales(times, data_std)))
    told = network(inputs(scale.given * states, times, classes), training=False)
    return scale.known * states + scale.learned * told


def inputs(scaled: tf.Tensor, times: tf.Tensor, classes: tf.Tensor | None) -> list[tf.Tensor]:
    """What a network takes of scaled states [B, ...] at times [B], of shares of the classes [B, K]."""
    return [scaled, features(times), *([] if classes is None else [classes])]


def features(times: tf.Tensor) -> tf.Tensor:
    """float32 [B, 32] that tell times [B] in [0, 1] coarsely and finely: waves of half a period and up to 32 over
    that range."""
    half = NUM_FEATURES // 2
    angles = times[:, None] * tf.constant([math.pi * 64 ** (i / (half - 1)) for i in range(half)], tf.float32)
    return tf.concat([tf.cos(angles), tf.sin(angles)], axis=1)


def trained_times(uniform: tf.Tensor, median: float, std: float) -> tf.Tensor:
    """Times [B] whose logit is normally distributed (Esser et al. 2024, https://arxiv.org/abs/2403.03206), from numbers
    [B] in (0, 1)."""
    return tf.sigmoid(math.log(median / (1 - median)) + std * tf.math.ndtri(uniform))


def spread_evenly(uniform: tf.Tensor) -> tf.Tensor:
    """Numbers [B] in (0, 1), one in each of B equal parts of it, from as many uniform in [0, 1): a batch then has all
    times, so that its loss varies less (Kingma et al. 2021, https://arxiv.org/abs/2107.00630)."""
    count = uniform.shape[0]
    places = (tf.range(count, dtype=tf.float32) + uniform) / count
    return tf.clip_by_value(places, 1e-6, 1.0 - 1e-6)


def like(values: tf.Tensor, states: tf.Tensor) -> tf.Tensor:
    """Values [B] as [B, 1, ...], to be multiplied with states [B, ...]."""
    return tf.reshape(values, [-1, *(1 for _ in states.shape[1:])])
