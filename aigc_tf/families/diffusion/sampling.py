"""What a diffusion model makes outside of training: functions for graphs, of its network and of what it was trained on.

A model that takes labels has `counts`, the training examples of each class; None stands for one that takes none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import tensorflow as tf

from aigc_tf.families.diffusion import flow
from aigc_tf.families.diffusion.config import DiffusionConfig
from aigc_tf.families.diffusion.samplers import SAMPLERS, Velocity, euler
from aigc_tf.families.model import Sampler
from aigc_tf.parts import blocks, exact_rows, labels
from aigc_tf.parts.latents import latents_from_seeds

Counts = tuple[int, ...] | None


def sampler(
    network: tf.keras.Model,
    shape: tuple[int, ...],
    settings: DiffusionConfig,
    counts: Counts,
    apply: Callable[..., tf.Tensor] = exact_rows.apply,
) -> Sampler:
    """See `GenerativeModel.sampler`; any class is one drawn from the seed. `apply` takes the steps of all rows; by
    default each row takes them by itself."""
    make, size = _maker(network, settings, counts), math.prod(shape)

    def draw(seed: tf.Tensor, label: tf.Tensor | None = None, guidance: tf.Tensor | None = None) -> tf.Tensor:
        rows = [tf.reshape(latents_from_seeds(seed, size), [-1, *shape])]
        if counts is not None:
            rows += [labels.asked(seed, label, counts), *([] if guidance is None else [guidance])]
        return apply(make, rows, list(shape))

    return draw


def of_noise(
    network: tf.keras.Model, noise: tf.Tensor, classes: tf.Tensor | None, settings: DiffusionConfig, counts: Counts
) -> tf.Tensor:
    """Content in [-1, 1] of noise float32 [N, ...] and of shares of the classes [N, K]: what `sampler` makes of the
    same, but for rounding."""
    rows = [noise, *([] if classes is None else [classes])]
    return blocks.apply(_maker(network, settings, counts), rows, list(noise.shape[1:]))


def _maker(
    network: tf.keras.Model, settings: DiffusionConfig, counts: Counts
) -> Callable[[list[tf.Tensor]], tf.Tensor]:
    """A function from rows of noise, shares of the classes and guidance, as far as there are such, to content."""
    times = even_times(settings.sampling_steps)

    def make(rows: list[tf.Tensor]) -> tf.Tensor:
        classes = rows[1] if len(rows) > 1 else None
        guidance = rows[2] if len(rows) > 2 else settings.guidance
        led = guided(network, classes, guidance, settings.data_std, counts)
        return tf.clip_by_value(integrate(settings.sampler, led, rows[0], times), -1.0, 1.0)

    return make


def even_times(steps: int) -> list[float]:
    """From 0 for noise to 1 for content, in so many steps."""
    return [i / steps for i in range(steps + 1)]


def integrate(sampler: str, velocity: Velocity, start: tf.Tensor, times: Sequence[float]) -> tf.Tensor:
    """Where `start`, at the first of `times`, is at the last of them, by a sampler of SAMPLERS.

    The last step is Euler's whatever the sampler: it ends in the mean of the content that the state before may become,
    and no velocity is asked for at time 1, where noise and content cannot be told apart.
    """
    step, grid = SAMPLERS[sampler], tf.constant(times, tf.float32)

    def advance(i: tf.Tensor, state: tf.Tensor, last: tf.Tensor) -> tuple[tf.Tensor, ...]:
        length = grid[i + 1] - grid[i]
        ratio = tf.where(i > 0, length / (grid[i] - grid[tf.maximum(i - 1, 0)] + tf.cast(i == 0, tf.float32)), 0.0)
        return i + 1, *step(velocity, state, last, grid[i], grid[i + 1], ratio)

    before_last = len(times) - 2
    loop = (tf.constant(0), start, tf.zeros_like(start))
    _, state, last = tf.while_loop(lambda i, *_: i < before_last, advance, loop)
    return euler(velocity, state, last, grid[before_last], grid[before_last + 1], 0.0)[0]


def guided(
    network: tf.keras.Model,
    classes: tf.Tensor | None,
    guidance: tf.Tensor | float,
    data_std: float,
    counts: Counts,
) -> Velocity:
    """The velocity of states [B, ...], led to their classes, shares [B, K].

    Classifier-free guidance (Ho & Salimans 2022, https://arxiv.org/abs/2207.12598) of a strength [B], or one for all: 1
    for the velocity of the class, 0 for that of any class; beyond 1 it leads further away from any than was learned. As
    the number 1 it costs nothing; else each evaluation takes the network twice.
    """

    def plain(state: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
        return flow.velocity(network, state, tf.fill(tf.shape(state)[:1], time), classes, data_std)

    if classes is None or counts is None or (isinstance(guidance, float) and guidance == 1.0):
        return plain
    any_class = labels.shares(tf.fill(tf.shape(classes)[:1], -1), counts)

    def led(state: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
        both, told = tf.concat([state, state], 0), tf.concat([classes, any_class], 0)
        velocities = flow.velocity(network, both, tf.fill(tf.shape(both)[:1], time), told, data_std)
        of_class, of_any = tf.split(velocities, 2)
        strength = guidance if isinstance(guidance, float) else flow.like(guidance, state)
        return of_any + strength * (of_class - of_any)

    return led
