"""Which checkpoint a new run begins with, and the settings that it takes from there. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any, Literal

from aigc_tf import checkpoint_files
from aigc_tf.config import TrainConfig
from aigc_tf.datasets.data_config import DataConfig, located
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.errors import UserError
from aigc_tf.run_folder import RunFolder

_CHANNELS: dict[int, Literal["gray", "colour", "alpha"]] = {1: "gray", 3: "colour", 4: "alpha"}
_NAME = re.compile(r"(step|best)-\d+", re.ASCII)
_OF_FILE = re.compile(r"\.(index|data-\d{5}-of-\d{5})$")


def run_of(checkpoint: Path) -> RunFolder:
    """The run that a checkpoint, RUN/checkpoints/NAME, is of. Raises UserError for what is none."""
    return RunFolder.open(checkpoint.parent.parent)


def checkpoint(given: Path, step: int | Literal["best"] | None) -> Path:
    """The checkpoint that a person means, RUN/checkpoints/NAME, by a run folder or a checkpoint in it.

    `step` chooses one of a run's, as it does for judging and exporting: "best" for the one that judgements during
    training found best, None for the newest. Raises UserError where there is no such checkpoint, or none to begin with.
    """
    path = given.absolute()
    if path.parent.name == "checkpoints" and not (path / "config.json").is_file():
        if step is not None:
            raise UserError(f"--from-step chooses among the checkpoints of a run, but --from {given} is one of them")
        path = path.with_name(_OF_FILE.sub("", path.name))
    else:
        RunFolder.open(given)
        folder = path.resolve() / "checkpoints"
        regular, best = checkpoint_files.indexed(folder), checkpoint_files.present(folder, "best")
        if step is None:
            path = folder / checkpoint_files.name("step", regular[-1] if regular else 0)
        elif step == "best":
            if not best:
                raise UserError(f"{given} keeps no best checkpoint: train with --evaluate-every to have one")
            path = folder / checkpoint_files.name("best", best[-1])
        else:
            path = folder / checkpoint_files.name("best" if step in best and step not in regular else "step", step)
    if not _NAME.fullmatch(path.name) or not path.with_name(f"{path.name}.index").is_file():
        there = sorted(file.stem for file in path.parent.glob("*.index") if _NAME.fullmatch(file.stem))
        raise UserError(f"--from {given}: there is no {path}; there are {', '.join(there) or 'none'}")
    if reason := run_of(path).read_config().family.no_parent:
        raise UserError(f"--from {given} cannot be gone on from: {reason}")
    return path


def settings(checkpoint: Path, dataset: str | None) -> TrainConfig:
    """What a run that begins with this checkpoint is like unless flags say otherwise: family and batches as there, and
    images as there, or others (`dataset`) in the form of those; all else has its default."""
    run = run_of(checkpoint)
    before, spec = run.read_config(), run.read_spec()
    return TrainConfig.of(
        model=before.model,
        **vars(before.family),
        parent=checkpoint,
        global_batch_size=before.global_batch_size,
        **_data(before, spec, dataset),
    )


def _data(before: TrainConfig, spec: DataSpec, dataset: str | None) -> dict[str, Any]:
    same = {field.name: getattr(before, field.name) for field in dataclasses.fields(DataConfig)}
    if dataset is None:
        return same
    data = DataConfig(dataset=dataset)
    if located(data)["dataset"] == before.dataset:
        return same
    if data.source in (None, "records") or spec.kind != "image":  # these have a form of their own
        return {"dataset": dataset}
    height, width, channels = spec.image_shape
    size = f"{height}" if height == width else f"{height}x{width}"
    same |= {"image_size": size, "channels": _CHANNELS[channels], "data_dir": None, "licence": None, "max_bad": None}
    return {**same, "dataset": dataset}
