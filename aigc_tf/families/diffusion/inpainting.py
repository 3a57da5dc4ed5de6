"""A part of given content made anew, by a flow that was learned for whole content.

Of what is kept the velocity is known: from where it is, straight to the given content. The rest moves as the network
tells of a state that has both, and so finds its way to what fits (Song et al. 2021,
https://arxiv.org/abs/2011.13456). What was begun while neither could be seen may not fit; so each step is made several
times, after noise took it back to where it began (RePaint, Lugmayr et al. 2022, https://arxiv.org/abs/2201.09865).
"""

from __future__ import annotations

import tensorflow as tf

from aigc_tf.families.diffusion import sampling
from aigc_tf.families.diffusion.config import DiffusionConfig
from aigc_tf.families.diffusion.samplers import Velocity, euler
from aigc_tf.families.model import Inpainter
from aigc_tf.parts import exact_rows, labels

# With so much noise between them, Euler's steps come closer to what is right than half as many of Heun's.
STEPS = 12
REPEATS = 8
_FRESH_NOISE = 3  # apart, in Philox' second seed, from what else is drawn from a seed


def inpainter(
    network: tf.keras.Model, shape: tuple[int, ...], settings: DiffusionConfig, counts: sampling.Counts
) -> Inpainter:
    """See `GenerativeModel.inpainter`; any class is the one that fits. Each row is made by itself."""

    def alone(row: list[tf.Tensor]) -> tf.Tensor:
        seed, content, mask, *told = row
        led = sampling.guided(network, told[0] if told else None, settings.guidance, settings.data_std, counts)
        return inpaint(led, content, mask, seed[0])

    def paint(seed: tf.Tensor, content: tf.Tensor, mask: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        rows = [seed, content, mask]
        if counts is not None:
            rows.append(labels.shares(-tf.ones_like(seed) if label is None else label, counts))
        return exact_rows.apply(alone, rows, list(shape))

    return paint


def inpaint(
    velocity: Velocity,
    content: tf.Tensor,
    mask: tf.Tensor,
    seed: tf.Tensor,
    steps: int = STEPS,
    repeats: int = REPEATS,
) -> tf.Tensor:
    """Content [N, ...] in model space that is `content` where `mask` [N, ..., 1] is 0, and made from `seed` (int64
    scalar) where it is 1, by so many steps, each but the last made so many times."""

    def led(state: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
        return mask * velocity(state, time) + (1.0 - mask) * (content - state) / (1.0 - time)

    def noise(number: tf.Tensor) -> tf.Tensor:
        stream = tf.stack([seed, _FRESH_NOISE + tf.cast(number, tf.int64)])
        return tf.random.stateless_normal(tf.shape(content), stream, alg="philox")

    def advance(number: tf.Tensor, state: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        now = tf.cast(number // repeats, tf.float32) / steps
        then = now + 1.0 / steps
        state, _ = euler(led, state, state, now, then, 0.0)
        # Back to `now`, where a state has 1 - now of noise: what the later one lacks of that is drawn anew.
        share = now / then
        lacking = tf.sqrt((1.0 - now) ** 2 - (share * (1.0 - then)) ** 2)
        back = share * state + lacking * noise(number + 1)
        return number + 1, tf.where((number + 1) % repeats == 0, state, back)

    begin = tf.constant(repeats - 1)  # the first step begins with nothing but noise, however often it is made
    loop = (begin, noise(begin))
    _, state = tf.while_loop(lambda number, _: number < repeats * (steps - 1), advance, loop, parallel_iterations=1)
    made, _ = euler(led, state, state, 1.0 - 1.0 / steps, 1.0, 0.0)
    return tf.where(mask > 0, tf.clip_by_value(made, -1.0, 1.0), content)
