"""The shape that every adversarial loss has."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


class AdversarialLoss(NamedTuple):
    """Two functions (real_logits [B], fake_logits [B]) -> loss per example [B], both to be minimised.

    `boundary` is the logit above which the discriminator takes an image for real; None where nothing but differences
    of logits means anything.
    """

    generator: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    discriminator: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    boundary: float | None = 0.0
