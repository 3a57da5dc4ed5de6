"""The shape that every adversarial loss has."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


class AdversarialLoss(NamedTuple):
    """Two functions (real_logits [B], fake_logits [B]) -> loss per example [B], both to be minimised.

    `boundary` is the logit above which the discriminator takes an image for real; None where nothing but differences
    of logits means anything.

    `slope_ratio` maps fake logits [B] to the slope of the generator's loss by each, divided by that of the
    discriminator's, so that one pass can serve both (Shen et al. 2021, https://arxiv.org/abs/2103.00430); None where
    the latter may be 0, or where logits are compared with each other.
    """

    generator: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    discriminator: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    boundary: float | None = 0.0
    slope_ratio: Callable[[tf.Tensor], tf.Tensor] | None = None


def zero_sum(fake_logits: tf.Tensor) -> tf.Tensor:
    """The `slope_ratio` where the generator loses by a fake what the discriminator wins: -1."""
    return -tf.ones_like(fake_logits)
