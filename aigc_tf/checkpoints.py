"""Saving and restoring everything that training depends on."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow as tf

from aigc_tf import checkpoint_files as files
from aigc_tf.config import TrainConfig
from aigc_tf.errors import DivergedError, StorageError, UserError
from aigc_tf.families import FAMILIES
from aigc_tf.families.model import GenerativeModel
from aigc_tf.paths import plain
from aigc_tf.run_folder import RunFolder
from aigc_tf.shell import quoted

_REGULAR, _BEST = "step", "best"
# TensorFlow's reader tells a broken file in all of these ways, depending on where it is cut.
_UNREADABLE = (tf.errors.OpError, IndexError, RuntimeError, ValueError)
_logger = logging.getLogger("aigc_tf")


class Checkpoints:
    """The checkpoints of one run, named by step; the newest `keep` are kept.

    A checkpoint counts from the moment that the index file `checkpoint` names it, which is replaced atomically after
    all data are written: a process that dies while saving leaves the one before in force.

    Of several workers one `writes`; the others do what else saving is (they find the same weights at fault), and read.

    Attributes:
        seconds: the time trained so far, saved with the model. A plain number, since a variable costs more to move on
            at each step than all else that is counted there.
    """

    def __init__(self, folder: Path, model: GenerativeModel, keep: int, writes: bool = True) -> None:
        self._model, self._folder, self._keep, self._writes = model, folder, keep, writes
        self.seconds = 0.0
        self._saved_seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False, name="seconds")
        self._checkpoint = tf.train.Checkpoint(model=model, seconds=self._saved_seconds)
        self._steps = files.indexed(folder)
        self._good_step: int | None = None  # written or read by us, so known to be whole

    @property
    def last_step(self) -> int | None:
        """Step of the newest checkpoint, None if there is none."""
        return self._steps[-1] if self._steps else None

    def save(self, again: bool = False) -> None:
        """Write a checkpoint of the current step, unless it was just written or restored, and shall not be `again`: in
        that case a process that dies meanwhile leaves the checkpoint before that step in force.

        Raises DivergedError where a weight is not finite, and StorageError where the disk does not take it; either way
        the checkpoints before stay as they are.
        """
        step = int(self._model.step.numpy())
        if step == self._good_step and not again:
            return
        self.check_finite()
        if not self._writes:
            self._steps, self._good_step = [*self._steps, step], step
            return
        # TensorFlow's manager counts too, and restoring a second time in a process wants that number in the file.
        self._checkpoint.save_counter.assign_add(1)
        there = set(files.present(self._folder, _REGULAR)) - {step}
        steps = [*(other for other in self._steps if other in there), step]
        old = steps[: -self._keep]
        try:
            self._write(_REGULAR, step)
            files.write_index(self._folder, steps)
            self._steps = steps
            if old:
                files.remove(self._folder, _REGULAR, old.__contains__)
                self._steps = steps[len(old) :]
                files.write_index(self._folder, self._steps)
        except (tf.errors.OpError, OSError) as error:
            raise StorageError(
                f"the checkpoint of step {step} could not be written to {self._folder} "
                f"({_reason(error)}); {self.describe_last()}"
            ) from None
        self._good_step = step

    def check_finite(self) -> None:
        """Raise DivergedError where a weight is not finite."""
        for variable in self._model.variables:
            if variable.dtype.is_floating and not np.isfinite(variable.numpy()).all():
                raise DivergedError(f"weight {variable.name} is not finite at step {int(self._model.step.numpy())}")

    @property
    def best_step(self) -> int | None:
        """Step of the checkpoint kept by `save_best`, None if there is none."""
        return max(files.present(self._folder, _BEST), default=None)

    def save_best(self) -> None:
        """Keep the model of the current step as the best one, beside the checkpoints that come and go.

        Training does not go on from it. Raises OSError where the disk does not take it.
        """
        step = int(self._model.step.numpy())
        if step in files.present(self._folder, _BEST):
            return
        try:
            self._write(_BEST, step)
        except tf.errors.OpError as error:
            raise StorageError(
                f"the best checkpoint could not be written to {self._folder} ({_reason(error)})"
            ) from None
        files.remove(self._folder, _BEST, lambda other: other != step)

    def trim_best(self, step: int) -> None:
        """Forget a best checkpoint from behind `step`: going on from there will find it again."""
        files.remove(self._folder, _BEST, lambda other: other > step)

    def _write(self, kind: str, step: int) -> None:
        self._saved_seconds.assign(self.seconds)
        self._checkpoint.write(str(self._folder / files.name(kind, step)))

    def describe_last(self) -> str:
        """The newest checkpoint in words."""
        return (
            "there is no checkpoint yet" if self.last_step is None else f"the last good one is of step {self.last_step}"
        )

    def restore(self) -> int:
        """Go back to the newest checkpoint that can be read, and return its step. Raises UserError if there is none."""
        if not self._writes:
            self._steps = files.indexed(self._folder)  # which were written by now
        names = [files.name(_REGULAR, step) for step in self._steps]
        self._good_step = files.step_of(_restore_newest(self._checkpoint, self._folder, names))
        self.seconds = float(self._saved_seconds.numpy())
        return self._good_step


def load_model(run: RunFolder, step: int | Literal["best"] | None = None) -> GenerativeModel:
    """The model of a run as it was at a checkpoint, for sampling and judging.

    `step` chooses it: a number, "best" for the one that judgements during training found best, None for the newest
    that can be read.

    Raises UserError where that checkpoint does not exist or cannot be read.
    """
    config = run.read_config()
    names = [files.name(_REGULAR, found) for found in files.indexed(run.checkpoints)]
    best = [files.name(_BEST, found) for found in files.present(run.checkpoints, _BEST)]
    if not names:
        resume = f"train.py --resume {quoted(run.path)}"
        raise UserError(f"{run.path} has no checkpoint yet: train it first ({resume})")
    if step == "best":
        names = best
        if not names:
            raise UserError(f"{run.path} keeps no best checkpoint: train with --evaluate-every to have one")
    elif step is not None:
        names = [*best, *names]
        steps = [files.step_of(name) for name in names]
        if step not in steps:
            raise UserError(
                f"{run.path} has no checkpoint of step {step}; it has {', '.join(map(str, sorted(set(steps))))}"
            )
        names = [name for name in names if files.step_of(name) == step]
    model, name = _restored(run, config, names)
    if model.caution:
        _logger.warning("%s of %s: %s", name, run.path, model.caution)
    return model


def load_checkpoint(run: RunFolder, name: str) -> GenerativeModel:
    """The model of a run as it was at the checkpoint of this name. Raises UserError where it cannot be read."""
    return _restored(run, run.read_config(), [name])[0]


def _restored(run: RunFolder, config: TrainConfig, names: Sequence[str]) -> tuple[GenerativeModel, str]:
    """The model of a run at the last of these checkpoints that can be read, and the name of that one."""
    model = FAMILIES[config.model].create(run.read_spec(), config)
    return model, _restore_newest(tf.train.Checkpoint(model=model), run.checkpoints, names)


def _restore_newest(checkpoint: tf.train.Checkpoint, folder: Path, names: Sequence[str]) -> str:
    """Restore the last of the checkpoints (oldest first) that can be read, and return its name."""
    with plain(folder) as readable:
        for name in reversed(names):
            try:
                files.check_readable(folder, name)
                checkpoint.restore(str(readable / name)).assert_existing_objects_matched().expect_partial()
                return name
            except FileNotFoundError:
                _logger.warning("checkpoint %s is gone, though %s names it", folder / name, files.INDEX)
            except _UNREADABLE as error:
                _logger.warning("checkpoint %s is damaged (%s)", folder / name, _reason(error))
    raise UserError(f"{folder} holds no checkpoint that can be read ({len(names)} tried): start a new run")


def _reason(error: Exception) -> str:
    first_line = (str(error) or type(error).__name__).splitlines()[0]
    return re.sub(r"\{\{.*?\}\} ", "", first_line)  # without the names of TensorFlow's nodes
