"""Stops a run whose numbers have left the reals, before anything else records or saves them."""

from __future__ import annotations

import math

from aigc_tf.callbacks.step_callback import StepCallback
from aigc_tf.checkpoints import Checkpoints
from aigc_tf.errors import DivergedError


class DivergenceGuard(StepCallback):
    """Raises DivergedError when a loss or gradient norm was NaN or infinite.

    `logs` are means since the last point of the curves; one value that is not finite makes the mean so too. A gradient
    for which the scale of a loss was too large is not among them (see `minimising`).
    """

    def on_step(self, step: int, logs: dict[str, float]) -> None:
        for name, value in logs.items():
            if not math.isfinite(value):
                scaled = ", with its loss scaled by no more than 1 for float16" if self._is_scaled(name) else ""
                raise DivergedError(f"{name} became {value} by step {step}{scaled}")

    def _is_scaled(self, name: str) -> bool:
        kind, _, of = name.partition("/")
        return kind == "gradient_norm" and of in self.model.loss_scales


class WeightGuard(StepCallback):
    """Raises DivergedError when a weight is not finite, every `every` steps: on workers that do not judge, at the steps
    at which the chief's judging does."""

    def __init__(self, checkpoints: Checkpoints, every: int) -> None:
        super().__init__()
        self._checkpoints, self._every = checkpoints, every

    def on_step(self, step: int, logs: dict[str, float]) -> None:
        if step % self._every == 0:
            self._checkpoints.check_finite()
