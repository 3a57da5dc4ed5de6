"""Optimizers by name; the only file that knows TensorFlow Addons.

Functions instead of a lazy registry: each is two lines, and TensorFlow is imported when one is called.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from aigc_tf import legacy_keras
from aigc_tf.errors import UserError


def adam(learning_rate: float, beta_1: float, beta_2: float) -> Any:
    """Kingma and Ba 2015, https://arxiv.org/abs/1412.6980."""
    from aigc_tf.parts.adam import Adam

    return Adam(learning_rate, beta_1=beta_1, beta_2=beta_2)


def adamw(learning_rate: float, beta_1: float, beta_2: float) -> Any:
    """Adam with decoupled weight decay, at Keras' rate of 0.004 (https://arxiv.org/abs/1711.05101)."""
    import tensorflow as tf

    return tf.keras.optimizers.AdamW(learning_rate, beta_1=beta_1, beta_2=beta_2)


def rmsprop(learning_rate: float, beta_1: float, beta_2: float) -> Any:
    """RMSprop; `beta_1` is its momentum and `beta_2` the decay of the mean square (rho)."""
    import tensorflow as tf

    return tf.keras.optimizers.RMSprop(learning_rate, rho=beta_2, momentum=beta_1)


def rectified_adam(learning_rate: float, beta_1: float, beta_2: float) -> Any:
    """RAdam (https://arxiv.org/abs/1908.03265), from TensorFlow Addons."""
    return _addons_optimizers().RectifiedAdam(learning_rate, beta_1=beta_1, beta_2=beta_2)


def lamb(learning_rate: float, beta_1: float, beta_2: float) -> Any:
    """LAMB for large batches (https://arxiv.org/abs/1904.00962), from TensorFlow Addons."""
    return _addons_optimizers().LAMB(learning_rate, beta_1=beta_1, beta_2=beta_2)


def _addons_optimizers() -> Any:
    if legacy_keras.APART:
        raise UserError(
            "the optimizers rectified_adam and lamb come from TensorFlow Addons, which exists for Python 3.10 and 3.11 "
            "only: choose another one, such as adam, or make the virtual environment with one of these"
        )
    with warnings.catch_warnings():
        # Addons announces its end of life at every import. The pins in requirements.txt are our answer to that.
        warnings.filterwarnings("ignore", category=UserWarning, module="tensorflow_addons")
        import tensorflow_addons.optimizers as addons_optimizers
    return addons_optimizers


def make_slots(optimizer: Any, variables: list[Any]) -> None:
    """Make all that `optimizer` keeps for `variables` now, rather than at the first step.

    A checkpoint of step 0 then holds the same values as any later one. To be called under the strategy's scope.
    """
    if hasattr(optimizer, "build"):
        optimizer.build(variables)
    else:  # Addons builds on Keras' older optimizers
        optimizer.iterations  # noqa: B018 - made when first asked for
        optimizer._create_all_weights(variables)


OPTIMIZERS: dict[str, Callable[[float, float, float], Any]] = {
    "adam": adam,
    "adamw": adamw,
    "rmsprop": rmsprop,
    "rectified_adam": rectified_adam,
    "lamb": lamb,
}
