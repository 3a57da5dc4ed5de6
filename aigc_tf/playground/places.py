"""Where things lie: the version that a path of an export means, and the ratings of what it makes."""

from __future__ import annotations

from pathlib import Path

from aigc_tf.errors import UserError
from aigc_tf.rollout import versions


def version_folder(given: Path) -> Path:
    """The folder of a version, as given, or the newest one below a model's base path. Raises UserError for what is
    neither."""
    if (given / "saved_model.pb").is_file():
        return given
    found = versions.versions(given) if given.is_dir() else []
    if not found:
        raise UserError(f"{given} is neither a run (it has no config.json) nor an export: give one of these folders")
    return given / str(found[-1])


def base_path(folder: Path) -> Path:
    """Of the model whose version this is; the folder itself where it is not called by a number."""
    whole = folder.resolve()
    return whole.parent if whole.name.isdecimal() else whole


def ratings_of(folder: Path) -> Path:
    """The file beside the base path, for that model's ratings."""
    base = base_path(folder)
    return base.with_name(f"{base.name}.ratings.jsonl")
