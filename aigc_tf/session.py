"""One run while it trains: what its steps, and what happens around them, have in common."""

from __future__ import annotations

import dataclasses
import math

from aigc_tf.checkpoints import Checkpoints
from aigc_tf.config import TrainConfig
from aigc_tf.datasets.dataset import Dataset
from aigc_tf.families.model import GenerativeModel
from aigc_tf.run_folder import RunFolder
from aigc_tf.workers import Workers

_HELD_OUT_BATCHES = 8
_MOST_STEPS_PER_CALL = 10  # with the default recipe a third of a second, within which a signal is obeyed


@dataclasses.dataclass(frozen=True)
class Session:
    """A model, what it learns, where its run is recorded, and who trains it; `profiled` steps are recorded for
    TensorBoard, too."""

    config: TrainConfig
    model: GenerativeModel
    data: Dataset
    run: RunFolder
    checkpoints: Checkpoints
    workers: Workers
    profiled: int = 0

    @property
    def last_step(self) -> int | None:
        """The step at which training ends, None where the clock decides."""
        return num_steps(self.config, self.data.spec.num_examples)

    @property
    def last_second(self) -> float | None:
        """The seconds of training after which it ends, None where the steps decide."""
        return None if self.config.minutes is None else self.config.minutes * 60

    @property
    def is_finished(self) -> bool:
        """Whether the budget is spent already."""
        if self.last_second is not None:
            return self.checkpoints.seconds >= self.last_second
        return self.last_step is not None and int(self.model.step.numpy()) >= self.last_step

    @property
    def held_out_batches(self) -> int:
        """How many held-out batches the model is shown while it trains."""
        return min(_HELD_OUT_BATCHES, -(-self.data.count("test") // self.config.global_batch_size))


def num_steps(config: TrainConfig, num_examples: int) -> int | None:
    """The step at which training on so many examples ends, None where the clock decides."""
    if config.epochs is not None:
        return math.ceil(config.epochs * num_examples / (config.global_batch_size * config.family.batches_per_step))
    return config.steps


def steps_per_call(config: TrainConfig, first_step: int) -> int:
    """Steps that one call of the compiled function makes: as many as fit between all that happens around them.

    Python needs half a millisecond from one call to the next, in which the cores rest. (Keras makes the last call of
    training shorter where its end asks for that.)
    """
    happens = (config.log_every, config.sample_every, config.histogram_every, config.checkpoint_every)
    common = math.gcd(first_step, config.evaluate_every, *happens)
    return max(steps for steps in range(1, _MOST_STEPS_PER_CALL + 1) if common % steps == 0)
