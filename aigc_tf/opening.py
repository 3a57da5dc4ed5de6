"""A run or an export, opened as a person names it. TensorFlow is imported only then."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from aigc_tf import quiet
from aigc_tf.errors import UserError
from aigc_tf.run_folder import RunFolder

if TYPE_CHECKING:
    from aigc_tf.subjects import Subject

Step = int | Literal["best"] | None
"""Of a run's checkpoint, or the best one that was judged in training; None for the newest."""


def is_run(of: Path) -> bool:
    """Whether a folder is that of a run."""
    return (of / "config.json").is_file()


def check_step(of: Path | None, step: Step) -> None:
    """Raise UserError for a step of what is no run."""
    if step is not None and (of is None or not is_run(of)):
        raise UserError("--step chooses among what a run keeps: give a run folder")


def check(of: Path, step: Step, seed: int) -> None:
    """Raise UserError for a step of what is no run, and for a first seed that leaves no room for others behind it."""
    check_step(of, step)
    if not 0 <= seed < 2**62:
        raise UserError(f"--seed {seed} must be from 0 to {2**62 - 1}")


def subject(of: Path, step: Step = None, workers: int = 1) -> Subject:
    """The model of a run, at a step of it, with TensorFlow's kernels as the run had them; or that of an export, in one
    of so many processes that open it. Raises UserError for what is neither."""
    run = RunFolder.open(of) if is_run(of) else None
    if run is not None:
        run.choose_kernels()
    quiet.import_tensorflow()
    from aigc_tf import devices, subjects

    if workers > 1:
        devices.share(0)

    return subjects.of_export(of) if run is None else subjects.of_run(run, step)
