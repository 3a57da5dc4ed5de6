"""How likely a diffusion model holds given images: bits per dimension, by following them to the noise they come from.

The model is taken for this: noise is followed to the time 1 - END, and what is there, divided by that time and rounded
to a level, with normal noise, is the image. That is a distribution over images of 256 levels, and the figure is a
bound on its logarithm (Kingma et al. 2021, https://arxiv.org/abs/2107.00630): of where an image may have been before
it was rounded, one place is drawn. The density there is that of the noise at the other end, changed by the divergence
of the velocity on the way (Song et al. 2021, https://arxiv.org/abs/2011.13456), which Hutchinson's estimator tells
from one direction drawn. What is drawn is drawn from the image itself, so that an image always has the same figure.
"""

from __future__ import annotations

import math

import tensorflow as tf

from aigc_tf.families.diffusion.samplers import Velocity
from aigc_tf.parts.latents import latents_from_seeds, seeds_of_content

END = 0.004
"""Share of noise where images are rounded: about half the way from one level to the next."""
_STEPS = 20
_LEVELS = 256
_NEIGHBOURS = 8  # what is further off than so many levels has no part in rounding that a float could tell


def bits_per_dimension(velocity: Velocity, stored: tf.Tensor) -> tf.Tensor:
    """float32 [B] for images uint8 [B, H, W, C]: minus a bound on the logarithm (base 2) of how probable each is, for
    each of its values."""
    size = math.prod(stored.shape[1:])
    drawn = latents_from_seeds(seeds_of_content(stored), 2 * size)  # [B, 2 * H * W * C]
    noise, direction = (tf.reshape(part, tf.shape(stored)) for part in tf.split(drawn, 2, axis=1))
    content = tf.cast(stored, tf.float32) * 2 / (_LEVELS - 1) - 1
    states = (1 - END) * content + END * noise
    nats = log_density(velocity, states, tf.sign(direction), END) + _rounding(stored, noise)
    entropy = 0.5 * tf.reduce_sum(noise**2, axis=[1, 2, 3]) + size * (0.5 * math.log(2 * math.pi) + math.log(END))
    return -(nats + entropy) / (size * math.log(2))


def log_density(
    velocity: Velocity, states: tf.Tensor, direction: tf.Tensor, end: float, steps: int = _STEPS
) -> tf.Tensor:
    """Logarithm float32 [B] of the density of states [B, ...] at the time 1 - end; `direction`, of their shape, has
    independent numbers of mean 0 and variance 1. By Heun's steps, each the same share shorter than the one before."""
    grid = tf.constant([0.0 if i == steps else 1 - end ** (1 - i / steps) for i in range(steps + 1)], tf.float32)
    axes = list(range(1, len(states.shape)))

    def moving(state: tf.Tensor, time: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(state)
            here = velocity(state, time)
            along = tf.reduce_sum(here * direction)
        return here, tf.reduce_sum(tape.gradient(along, state) * direction, axes)

    def back(i: tf.Tensor, state: tf.Tensor, gained: tf.Tensor) -> tuple[tf.Tensor, ...]:
        length = grid[i + 1] - grid[i]
        here, spreading = moving(state, grid[i])
        there, spreading_there = moving(state + length * here, grid[i + 1])
        return i + 1, state + length / 2 * (here + there), gained + length / 2 * (spreading + spreading_there)

    loop = (tf.constant(0), states, tf.zeros(tf.shape(states)[:1]))
    _, noise, gained = tf.while_loop(lambda i, *_: i < steps, back, loop)
    size = math.prod(states.shape[1:])
    return gained - 0.5 * tf.reduce_sum(noise**2, axes) - 0.5 * size * math.log(2 * math.pi)


def _rounding(stored: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Logarithm float32 [B] of how probable it is that images with noise are rounded to these levels."""
    apart = (1 - END) * 2 / (_LEVELS - 1) / END  # from a level to the next, in standard deviations of the noise
    levels = tf.cast(stored, tf.int32)
    # How probable each level is, beside this one; one after the other, since all at once take 17 times the memory.
    others = tf.zeros_like(noise)
    for offset in range(-_NEIGHBOURS, _NEIGHBOURS + 1):
        there = (levels + offset >= 0) & (levels + offset < _LEVELS)
        distance = offset * apart
        others += tf.where(there, tf.exp(distance * noise - 0.5 * distance**2), 0.0)
    return -tf.reduce_sum(tf.math.log(others), axis=[1, 2, 3])
