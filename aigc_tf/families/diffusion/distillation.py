"""Few steps from a model of many: a student learns to make in one of Euler's steps what its teacher makes in several.

It is one stage of progressive distillation (Salimans & Ho 2022, https://arxiv.org/abs/2202.00512): content is mixed
with noise at the beginning of one of the student's steps, the teacher follows it to the end of that step, and the
student's velocity there has to lead to the same place. What is learned is no mean over what might be, as in the
teacher, but where one state goes: a student that has learned it makes the teacher's images, from the same seeds.
"""

from __future__ import annotations

import json
from pathlib import Path

import tensorflow as tf

from aigc_tf.errors import UserError
from aigc_tf.families.diffusion import flow, sampling
from aigc_tf.paths import plain

_TEACHERS_STEPS = 4
"""Of Heun in one of the student's, the last of them Euler's: 7 evaluations."""
EVALUATIONS = 2 * _TEACHERS_STEPS - 1


def begins(evenly: tf.Tensor, steps: int) -> tf.Tensor:
    """For numbers [B] in (0, 1) the times [B] at which one of a student's steps begins, each as often as the others."""
    return tf.minimum(tf.floor(evenly * steps), steps - 1) / steps


def wanted(
    teacher: tf.keras.Model, states: tf.Tensor, times: tf.Tensor, classes: tf.Tensor | None, data_std: float, steps: int
) -> tf.Tensor:
    """The velocities [B, ...] that lead states [B, ...] at times [B] in one of `steps` where the teacher leads them."""
    length = 1.0 / steps

    def velocity(state: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
        return length * flow.velocity(teacher, state, times + length * share, classes, data_std)

    ends = sampling.integrate("heun", velocity, states, sampling.even_times(_TEACHERS_STEPS))
    return (ends - states) / length


def load(run: Path, network: tf.keras.Model) -> None:
    """Give `network` the averaged weights of the newest checkpoint of a run. Raises UserError for what is no run of a
    diffusion model with the same network."""
    try:
        with plain((run / "checkpoints").resolve()) as readable:
            checkpoint = tf.train.latest_checkpoint(str(readable))
            if checkpoint is None:
                raise UserError(f"{run} has no checkpoint to learn from")
            kept = tf.train.Checkpoint(model=tf.train.Checkpoint(ema_flow=network)).restore(checkpoint)
            kept.expect_partial().assert_existing_objects_matched()
    except (AssertionError, ValueError, OSError, tf.errors.OpError) as error:
        if isinstance(error, UserError):
            raise
        reason = "" if isinstance(error, AssertionError) else f" ({next(iter(str(error).splitlines()), '')})"
        raise UserError(f"{run} holds no diffusion model of the same network and shape of images{reason}") from None


def check_teacher(run: Path, data_std: float) -> None:
    """Raise UserError where what is in a run's checkpoints cannot be read as a flow with this `data_std`."""
    try:
        settings = json.loads((run / "config.json").read_text())
        teachers, distilled = settings["data_std"], settings["distil"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{run} does not tell how it was trained (config.json: {error})") from None
    if distilled:
        raise UserError(f"{run} was distilled itself, and its steps are no flow: take the run that it learned from")
    if teachers != data_std:
        raise UserError(f"{run} was trained with data_std {teachers}, not {data_std}: give --data-std {teachers} too")
