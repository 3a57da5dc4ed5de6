"""Saving and restoring everything that training depends on."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import Literal

import numpy as np
import tensorflow as tf

from aigc_tf.atomic_files import write_atomically
from aigc_tf.errors import DivergedError, UserError
from aigc_tf.models import MODELS
from aigc_tf.models.generative_model import GenerativeModel
from aigc_tf.run_folder import RunFolder

_PREFIX = "step"
_BEST = "best"
# TensorFlow's reader tells a broken file in all of these ways, depending on where it is cut.
_UNREADABLE = (tf.errors.OpError, IndexError, RuntimeError, ValueError)
_logger = logging.getLogger("aigc_tf")


class Checkpoints:
    """The checkpoints of one run, named by step; the newest `keep` are kept.

    A checkpoint counts from the moment that TensorFlow's index file `checkpoint` names it, which is replaced
    atomically after all data are written: a process that dies while saving leaves the one before in force.

    Attributes:
        seconds: the time trained so far, saved with the model. A plain number, since a variable costs more to move on
            at each step than all else that is counted there.
    """

    def __init__(self, folder: Path, model: GenerativeModel, keep: int) -> None:
        self._model, self._folder = model, folder
        self.seconds = 0.0
        self._saved_seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False, name="seconds")
        self._checkpoint = tf.train.Checkpoint(model=model, seconds=self._saved_seconds)
        _repair_index(folder)
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, str(folder), max_to_keep=keep, checkpoint_name=_PREFIX
        )
        self._good_step: int | None = None  # written or read by us, so known to be whole

    @property
    def last_step(self) -> int | None:
        """Step of the newest checkpoint, None if there is none."""
        return _step_of(self._manager.latest_checkpoint) if self._manager.latest_checkpoint else None

    def save(self) -> None:
        """Write a checkpoint of the current step, unless it was just written or restored.

        Raises DivergedError where a weight is not finite, and OSError where the disk does not take it; either way
        the checkpoints before stay as they are.
        """
        step = int(self._model.step.numpy())
        if step == self._good_step:
            return
        self.check_finite()
        self._saved_seconds.assign(self.seconds)
        try:
            self._manager.save(checkpoint_number=step)
        except tf.errors.OpError as error:
            raise OSError(
                f"the checkpoint of step {step} could not be written to {self._manager.directory} "
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
        paths = _best_paths(self._folder)
        return _step_of(paths[-1]) if paths else None

    def save_best(self) -> None:
        """Keep the model of the current step as the best one, beside the checkpoints that come and go.

        Training does not go on from it. Raises OSError where the disk does not take it.
        """
        step = int(self._model.step.numpy())
        path = str(self._folder / f"{_BEST}-{step}")
        if path in _best_paths(self._folder):
            return
        self._saved_seconds.assign(self.seconds)
        try:
            self._checkpoint.write(path)
        except tf.errors.OpError as error:
            raise OSError(f"the best checkpoint could not be written to {path} ({_reason(error)})") from None
        self._forget_best(lambda other: other != step)

    def trim_best(self, step: int) -> None:
        """Forget a best checkpoint from behind `step`: going on from there will find it again."""
        self._forget_best(lambda other: other > step)

    def _forget_best(self, forget: Callable[[int], bool]) -> None:
        for file in self._folder.glob(f"{_BEST}-*"):
            if forget(_step_of(file.name.partition(".")[0])):
                file.unlink()

    def describe_last(self) -> str:
        """The newest checkpoint in words."""
        return (
            "there is no checkpoint yet" if self.last_step is None else f"the last good one is of step {self.last_step}"
        )

    def restore(self) -> int:
        """Go back to the newest checkpoint that can be read, and return its step. Raises UserError if there is none."""
        path = _restore_newest(self._checkpoint, self._manager.checkpoints, self._manager.directory)
        self.seconds = float(self._saved_seconds.numpy())
        self._good_step = _step_of(path)
        return self._good_step


def load_model(run: RunFolder, step: int | Literal["best"] | None = None) -> GenerativeModel:
    """The model of a run as it was at a checkpoint, for sampling and judging.

    `step` chooses it: a number, "best" for the one that judgements during training found best, None for the newest
    that can be read.

    Raises UserError where that checkpoint does not exist or cannot be read.
    """
    config = run.read_config()
    _repair_index(run.checkpoints)
    state = tf.train.get_checkpoint_state(str(run.checkpoints))
    paths = list(state.all_model_checkpoint_paths) if state else []
    if not paths:
        resume = f"train.py --resume {quote(str(run.path))}"
        raise UserError(f"{run.path} has no checkpoint yet: train it first ({resume})")
    if step == "best":
        paths = _best_paths(run.checkpoints)
        if not paths:
            raise UserError(f"{run.path} keeps no best checkpoint: train with --evaluate-every to have one")
    elif step is not None:
        paths = [*_best_paths(run.checkpoints), *paths]
        steps = [_step_of(path) for path in paths]
        if step not in steps:
            raise UserError(
                f"{run.path} has no checkpoint of step {step}; it has {', '.join(map(str, sorted(set(steps))))}"
            )
        paths = [path for path in paths if _step_of(path) == step]
    model = MODELS[config.model](run.read_spec(), config)
    _restore_newest(tf.train.Checkpoint(model=model), paths, str(run.checkpoints))
    return model


def _restore_newest(checkpoint: tf.train.Checkpoint, paths: list[str], folder: str) -> str:
    """Restore the last of `paths` (oldest first) that can be read, and return it."""
    for path in reversed(paths):
        try:
            checkpoint.restore(path).assert_existing_objects_matched().expect_partial()
            return path
        except _UNREADABLE as error:
            _logger.warning("checkpoint %s is damaged (%s)", path, _reason(error))
    raise UserError(f"{folder} holds no checkpoint that can be read ({len(paths)} tried): start a new run")


def _best_paths(folder: Path) -> list[str]:
    return sorted((str(path.with_suffix("")) for path in folder.glob(f"{_BEST}-*.index")), key=_step_of)


def _repair_index(folder: Path) -> None:
    """Where the file that names the checkpoints is gone, write it anew from the checkpoints that are there."""
    found = sorted((path.with_suffix("") for path in folder.glob(f"{_PREFIX}-*.index")), key=lambda p: _step_of(str(p)))
    if found and tf.train.get_checkpoint_state(str(folder)) is None:
        _logger.warning("%s has lost its index; going by the %d checkpoints in it", folder, len(found))
        lines = [f'model_checkpoint_path: "{found[-1].name}"']  # names alone, so that the run can be moved
        for path in found:
            written = path.with_name(f"{path.name}.index").stat().st_mtime
            lines += [f'all_model_checkpoint_paths: "{path.name}"', f"all_model_checkpoint_timestamps: {written}"]
        write_atomically(folder / "checkpoint", "\n".join(lines) + "\n")


def _step_of(path: str) -> int:
    return int(path.rpartition("-")[2])


def _reason(error: Exception) -> str:
    first_line = (str(error) or type(error).__name__).splitlines()[0]
    return re.sub(r"\{\{.*?\}\} ", "", first_line)  # without the names of TensorFlow's nodes
