"""The files of a run's checkpoints: which belong together, which count, which may go.

TensorFlow's CheckpointManager takes paths for patterns: in a folder `xa*` it deletes the checkpoints of the folder
`xa`, and in `a[1]` it finds nothing. So the names are kept here, in the index file that it keeps, which its other
functions and older versions of this code go on reading.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from aigc_tf.atomic_files import write_atomically

INDEX = "checkpoint"
_STEP = r"(0|[1-9]\d*)"
_logger = logging.getLogger("aigc_tf")


def name(kind: str, step: int) -> str:
    """What the names of a checkpoint's files begin with, which is what TensorFlow asks for."""
    return f"{kind}-{step}"


def step_of(name: str) -> int:
    """The step in such a name."""
    return int(name.rpartition("-")[2])


def present(folder: Path, kind: str) -> list[int]:
    """Steps of the checkpoints of a kind that lie in `folder`, in the index or not, ascending."""
    ours = re.compile(rf"{kind}-{_STEP}\.index", re.ASCII)
    return sorted(int(match[1]) for file in _entries(folder) if (match := ours.fullmatch(file.name)))


def indexed(folder: Path) -> list[int]:
    """Steps of the checkpoints that count, in the order in which they were written.

    Where the index is gone or broken, those that are there, with a warning; the next one to be saved writes it anew.
    """
    try:
        text = (folder / INDEX).read_text()
    except (FileNotFoundError, UnicodeDecodeError):
        text = ""
    steps = [int(step) for step in re.findall(r'^all_model_checkpoint_paths: "step-(\d+)"$', text, re.MULTILINE)]
    if not steps and (found := present(folder, "step")):
        _logger.warning("%s has lost its index; going by the %d checkpoints in it", folder, len(found))
        return found
    return steps


def write_index(folder: Path, steps: Sequence[int]) -> None:
    """Let these checkpoints count, at once. Raises OSError where the disk does not take it."""
    lines = [f'model_checkpoint_path: "{name("step", steps[-1])}"']  # names alone, so that the run can be moved
    for file in (name("step", step) for step in steps):
        written = (folder / f"{file}.index").stat().st_mtime
        lines += [f'all_model_checkpoint_paths: "{file}"', f"all_model_checkpoint_timestamps: {written}"]
    write_atomically(folder / INDEX, "\n".join(lines) + "\n")


def check_readable(folder: Path, name: str) -> None:
    """Raise what the system says where a file of the checkpoint is missing or closed to us."""
    for file in files_of(folder, name):
        with open(file, "rb"):
            pass


def files_of(folder: Path, name: str) -> list[Path]:
    """The files of a checkpoint: its index, and what else there is of it in the order of their names."""
    data = (file for file in _entries(folder) if file.name.startswith(f"{name}.data-"))
    return [folder / f"{name}.index", *sorted(data)]


def remove(folder: Path, kind: str, unwanted: Callable[[int], bool]) -> None:
    """Remove the files of the checkpoints of a kind whose step is unwanted, and no others."""
    ours = re.compile(rf"{kind}-{_STEP}\.(index|data-\d{{5}}-of-\d{{5}})", re.ASCII)
    for file in sorted(_entries(folder), reverse=True):  # the index of a checkpoint before its data
        if (match := ours.fullmatch(file.name)) and unwanted(int(match[1])):
            file.unlink(missing_ok=True)


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []
