"""Loss scaling (Micikevicius et al. 2018, https://arxiv.org/abs/1710.03740): what float16 needs where bfloat16, which
has as many bits of exponent as float32, needs nothing.

float16 knows no number between 0 and 6e-8 and none above 65,504. Gradients are often smaller: they are computed of the
loss times a scale, and divided by it in float32. Keras' optimizer finds the scale by itself: it skips a step whose
gradients are not finite and halves the scale, and doubles it after 2,000 steps without such a one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

_SLOPES = 256.0


def wrapped(optimizer: Any) -> Any:
    """`optimizer` with a scale, a variable that its checkpoints hold. To be called under the strategy's scope."""
    return tf.keras.mixed_precision.LossScaleOptimizer(optimizer)


def scale(optimizer: Any) -> tf.Tensor | None:
    """The scale of its losses now, float32 scalar; None for one without."""
    return optimizer.loss_scale if isinstance(optimizer, tf.keras.mixed_precision.LossScaleOptimizer) else None


def with_scaled_slopes(network: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """The same function of images, whose gradient by them is computed 256 times as large and divided in float32: for
    penalties of that gradient, which the scale of a loss reaches only when it is there already.

    That number is fixed: a penalty is a part of the loss, and one that overflowed would look as if the run diverged.
    The smallest slope is then 2e-10 a pixel, the largest 255, which nothing that trains comes near.
    """
    return lambda images, training=True: _times(network(_times(images, 1 / _SLOPES), training=training), _SLOPES)


def _times(values: tf.Tensor, factor: float) -> tf.Tensor:
    """`values` as they are, with a gradient of `factor` times theirs."""

    @tf.custom_gradient
    def same(values: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        return tf.identity(values), lambda upstream: factor * upstream

    return same(values)
