"""Several training steps in one call of a compiled function.

Keras' own leaves the loop over them to AutoGraph, which traces its body twice, the first time to learn what it gives: a
start then takes seconds longer. Here the body gives nothing, and what `fit` is told is read from the model behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import tensorflow as tf

if TYPE_CHECKING:
    from aigc_tf.families.model import GenerativeModel


def compiled(model: GenerativeModel) -> Callable[..., dict[str, tf.Tensor]]:
    """A function that takes an iterator of batches, makes as many steps as `model.steps_per_execution` says at the
    time, and gives the means that the model's `train_step` names, float32 scalars."""
    steps = model._steps_per_execution  # a variable: Keras makes the last call shorter where the end asks for that
    names: list[str] = []

    def step(data: dict[str, tf.Tensor]) -> None:
        names[:] = model.train_step(data)
        model._train_counter.assign_add(1)

    step = tf.function(step, autograph=False, jit_compile=True) if model.jit_compile else step

    @tf.function(autograph=False)
    def train_function(iterator: Any) -> dict[str, tf.Tensor]:
        count = tf.identity(steps)

        def advance(made: tf.Tensor) -> tf.Tensor:
            model.distribute_strategy.run(step, args=(next(iterator),))
            return made + 1

        tf.while_loop(lambda made: made < count, advance, [tf.zeros_like(count)])
        return {name: model.trackers[name].result() for name in names}

    return train_function
