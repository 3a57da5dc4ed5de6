"""Augmentations chosen by name, each applied by its probability."""

from __future__ import annotations

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
    """The random numbers for rows [B], float32 [B, names, 4], as `apply` wants them: those of one augmentation do not
    depend on which others are on."""
    return tf.random.stateless_uniform([*shape, len(_NAMES), _NUMBERS], seed, alg=alg)


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
            for name in moves:
                matrix = MOVES[name](numbers[name][:, 1:], used[name].by, (height, width))
                applied = _applied(numbers[name], used[name])
                matrices = after(tf.where(applied[:, None, None], matrix, same), matrices)
            images = resample(images, matrices)
        for name in CHANGES:
            if name in used:
                changed = CHANGES[name](images, numbers[name][:, 1:], used[name].by)
                images = tf.where(_applied(numbers[name], used[name])[:, None, None, None], changed, images)
        return images


def _never(strength: Strength) -> bool:
    return isinstance(strength.probability, float) and strength.probability == 0.0


def _applied(numbers: tf.Tensor, strength: Strength) -> tf.Tensor:
    """Whether it is, bool [B]."""
    return numbers[:, 0] < strength.probability
