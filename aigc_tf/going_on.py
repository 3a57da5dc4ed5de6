"""The beginning of a run that goes on from another model, and the record of where that came from."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aigc_tf import checkpoint_files, parentage
from aigc_tf.checkpoints import load_checkpoint
from aigc_tf.errors import UserError
from aigc_tf.families import taking_over
from aigc_tf.families.model import GenerativeModel
from aigc_tf.run_folder import RunFolder

_SHOWN = 12


def begin(model: GenerativeModel, checkpoint: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Give an untrained model the weights of a checkpoint, tell what fits and what begins anew, and return the record
    of both as JSON values.

    Raises UserError where the checkpoint cannot be had or hardly fits.
    """
    run = parentage.run_of(checkpoint)
    config, spec = run.read_config(), run.read_spec()
    if config.model != model.config.model:
        raise UserError(f"--from {run.path} is a model of the family {config.model}, not {model.config.model}")
    parent, content = _loaded(run, checkpoint)
    try:
        taken = taking_over.take_over(model, parent)
    except UserError as error:
        raise UserError(f"--from {run.path} cannot be gone on from: {error}") from None
    step = checkpoint_files.step_of(checkpoint.name)
    weights = ", ".join(f"{kept:,} of {there:,} of the {name}" for name, (kept, there) in taken.weights.items())
    say(f"begins with weights of {run.path}, step {step}: {weights}; optimizers and learning rates begin anew")
    if taken.new:
        more = len(taken.new) - _SHOWN
        say(f"new are {', '.join(taken.new[:_SHOWN])}" + (f", and {more} more" if more > 0 else ""))
    if model.config.freeze:
        say(f"frozen are {', '.join(model.config.freeze)}")
    return {
        "run": str(run.path),
        "step": step,
        "checkpoint": checkpoint.name,
        "checkpoint_hash": content,
        "fingerprint": parent.fingerprint(),
        "dataset": config.dataset,
        "data": {name: value for name, value in dataclasses.asdict(spec).items() if name in _TOLD},
        "taken": {name: list(numbers) for name, numbers in taken.weights.items()},
        "new": taken.new,
        "frozen": list(model.config.freeze),
        "parentage": run.read_parentage(),
    }


_TOLD = ("source", "licence", "num_examples", "class_names", "fingerprint")


def _loaded(run: RunFolder, checkpoint: Path) -> tuple[GenerativeModel, str]:
    """The model at a checkpoint, and the hash of that very checkpoint: a run that is still training removes old ones.
    Raises UserError where it did meanwhile."""
    try:
        before = _hash(checkpoint)
        parent = load_checkpoint(run, checkpoint.name)
        if _hash(checkpoint) == before:
            return parent, before
        reason = "it was written anew meanwhile"
    except FileNotFoundError:
        reason = "it is gone"
    raise UserError(f"--from {checkpoint} cannot be read, since {reason}: is its run training? Take another one")


def _hash(checkpoint: Path) -> str:
    """Of the content of its files."""
    digest = hashlib.sha256()
    for file in checkpoint_files.files_of(checkpoint.parent, checkpoint.name):
        digest.update(file.read_bytes())
    return f"sha256:{digest.hexdigest()}"
