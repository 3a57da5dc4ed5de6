"""`records:GLOB`: record files that `data convert` made, all or some of those in one folder."""

from __future__ import annotations

import glob
from collections.abc import Callable
from pathlib import Path

from aigc_tf.datasets.data_config import DataConfig
from aigc_tf.datasets.dataset import Dataset
from aigc_tf.datasets.records import record_dataset, shards
from aigc_tf.datasets.sources import remote
from aigc_tf.errors import UserError

_FIXED = ("image_size", "fit", "channels", "background", "max_bad")


def load(config: DataConfig, say: Callable[[str], None]) -> Dataset:
    """The images of the record files. Raises UserError where there are none, or one is gone or cut short."""
    if given := [name for name in _FIXED if getattr(config, name) is not None]:
        raise UserError(
            f"{', '.join(given)} cannot be combined with records, whose images are as they were converted: say it to "
            "python -m aigc_tf data convert"
        )
    if config.url is not None:
        return remote.load(config.url, config.licence, say)
    folder, names = _chosen(config.place)
    return record_dataset.load(folder, config.licence, names)


def _chosen(place: Path) -> tuple[Path, list[str] | None]:
    """The folder of the records, and the names of its shards that are meant, None for all."""
    if place.is_dir():
        return place, None
    found = sorted(map(Path, glob.glob(str(place))))
    folders = {path.parent for path in found}
    if not found:
        raise UserError(f"{place} matches no file: records:GLOB wants record files, or their folder")
    if len(folders) > 1:
        raise UserError(f"{place} matches files in {len(folders)} folders: give records of one")
    folder = folders.pop()
    known = shards.read_about(folder)["shards"]
    names = [path.name for path in found if path.name in known]
    if not names:
        raise UserError(f"{place} matches none of the record files that {folder / shards.ABOUT} tells of")
    return folder, names
