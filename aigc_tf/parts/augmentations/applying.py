"""Augmentations chosen by name, each applied by its probability."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import NamedTuple

import tensorflow as tf

from aigc_tf.parts.augmentations import CHANGES, MOVES
from aigc_tf.parts.augmentations.matrices import affine, after
from aigc_tf.parts.augmentations.resampling import resample

_NAMES = (*MOVES, *CHANGES)
_NUMBERS = 4  # one decides whether, three how


class Strength(NamedTuple):
    """How often one is applied (a number, or a float32 scalar that may change), and how far it goes."""

    probability: float | tf.Tensor
    by: float


def draw(shape: list[int], seed: tf.Tensor, alg: str = "philox") -> tf.Tensor:
    """The random numbers for rows [B], float32 [B, names, 4], as `apply` wants them: those of one augmentation depend
    on its name and not on which others there are."""
    numbers = [
        tf.random.stateless_uniform([*shape, _NUMBERS], tf.random.experimental.stateless_fold_in(seed, each), alg=alg)
        for each in map(zlib.crc32, map(str.encode, _NAMES))
    ]
    return tf.stack(numbers, axis=1)


def apply(images: tf.Tensor, chosen: Mapping[str, Strength], uniform: tf.Tensor) -> tf.Tensor:
    """Images float32 [B, H, W, C] in model space, changed as `uniform`, of `draw`, says; those that are not chosen, or
    have a probability of 0, leave no trace, and rows that chance passes over stay as they are, bit for bit."""
    with tf.name_scope("augmentations"):
        numbers = dict(zip(_NAMES, tf.unstack(uniform, axis=1)))  # each [B, 4]
        used = {name: strength for name, strength in chosen.items() if not _never(strength)}
        moves = [name for name in MOVES if name in used]
        if moves:
            height, width = images.shape[1:3]
            matrices = same = affine([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], uniform[:, 0, 0])
            any_applied = tf.zeros_like(uniform[:, 0, 0], tf.bool)
            for name in moves:
                matrix = MOVES[name](numbers[name][:, 1:], used[name].by, (height, width))
                applied = _applied(numbers[name], used[name])
                matrices = after(tf.where(applied[:, None, None], matrix, same), matrices)
                any_applied = tf.logical_or(any_applied, applied)
            images = tf.where(any_applied[:, None, None, None], _resampled(images, matrices), images)
        for name in CHANGES:
            if name in used:
                changed = CHANGES[name](images, numbers[name][:, 1:], used[name].by)
                images = tf.where(_applied(numbers[name], used[name])[:, None, None, None], changed, images)
        return images


def _resampled(images: tf.Tensor, matrices: tf.Tensor) -> tf.Tensor:
    """Colours weigh by their opacity, so that none bleeds out of what nobody sees."""
    if images.shape[-1] != 4:
        return resample(images, matrices)
    opacity = (images[..., 3:] + 1.0) / 2.0
    seen = resample(tf.concat([images[..., :3] * opacity, opacity], axis=-1), matrices)
    colours = seen[..., :3] / tf.maximum(seen[..., 3:], 1.0 / 255.0)
    return tf.concat([colours, 2.0 * seen[..., 3:] - 1.0], axis=-1)


def _never(strength: Strength) -> bool:
    return isinstance(strength.probability, float) and strength.probability == 0.0


def _applied(numbers: tf.Tensor, strength: Strength) -> tf.Tensor:
    """Whether it is, bool [B]."""
    return numbers[:, 0] < strength.probability
