"""Publishes a model for TensorFlow Serving: whole or not at all, never over another version."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow as tf

from aigc_tf import verification
from aigc_tf.checkpoints import load_model
from aigc_tf.contract import Contract
from aigc_tf.errors import ExportError, StorageError
from aigc_tf.export import contents
from aigc_tf.families.model import GenerativeModel
from aigc_tf.paths import is_pattern, plain
from aigc_tf.rollout import versions
from aigc_tf.run_folder import RunFolder

_logger = logging.getLogger("aigc_tf")
_SEEDS = np.array([0, 1, 2**40], np.int64)


def publish(run: RunFolder, base: Path | None = None, step: int | Literal["best"] | None = None) -> Path:
    """Publish a run's model, with its averaged weights, as the next version below `base` and return its folder.

    It is built beside the versions, checked in a fresh process, and only then renamed to the next number (see
    `aigc_tf.rollout.versions`).

    Args:
        run: the run to export.
        base: the model's base path, whose last part is the model's name; by default `export/<data>` in the run.
        step: the checkpoint, as for `load_model`.

    Raises:
        UserError: the run has no such checkpoint, or `base` cannot be written.
        ExportError: the written export failed its checks; nothing was published.
    """
    in_run = base is None
    base = run.export / run.read_config().data_name if base is None else base
    model = load_model(run, step)
    try:
        with versions.building(base) as folder:
            promised = contents.write(model, run, base.resolve().name, folder)
            _verify(folder, model, promised)
            published = versions.publish(folder, base)
    except tf.errors.OpError as error:
        raise StorageError(f"the export could not be written to {base}: {error.message}") from None
    if in_run and is_pattern(base.resolve()):
        _logger.warning("TensorFlow Serving takes %s for a pattern: to serve it, copy it to a plain path", published)
    return published


def _verify(folder: Path, model: GenerativeModel, promised: Contract) -> None:
    with tempfile.TemporaryDirectory() as scratch, plain(folder.resolve()) as readable:
        expected = Path(scratch) / "expected.npz"
        np.savez(expected, **_expected(model, promised))
        verdict = verification.verify(readable, expected)
    if verdict.faults:
        raise ExportError(f"the export failed its checks and was not published: {'; '.join(verdict.faults)}")
    for note in verdict.notes:
        _logger.warning("%s", note)


def _expected(model: GenerativeModel, promised: Contract) -> dict[str, np.ndarray]:
    """What the model itself makes, as `verify_export` wants it: a few seeds with each variant of the other inputs."""
    sample = promised.signatures["sample"]
    variants = [(seed, given) for given in sample.variants() for seed in _SEEDS]
    rows = {"seed": np.array([seed for seed, _ in variants])}
    others = {name: each for name, each in sample.inputs.items() if name != "seed"}
    rows |= {name: np.array([given[name] for _, given in variants], each.dtype) for name, each in others.items()}
    made = model.bulk_sampler()(**{name: tf.constant(each) for name, each in rows.items()})
    return {**rows, promised.made: model.spec.modality.graph.to_numbers(made).numpy()}
