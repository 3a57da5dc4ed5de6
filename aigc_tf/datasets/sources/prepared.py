"""Originals as a data set: their records are made once, and kept in the cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aigc_tf.datasets.data_config import DataConfig
from aigc_tf.datasets.dataset import Dataset
from aigc_tf.datasets.records import keeping, preparing, record_dataset, shards
from aigc_tf.datasets.records.originals import Originals


def load(originals: Originals, config: DataConfig, say: Callable[[str], None]) -> Dataset:
    """The data set of these originals in the form that `config` asks for, as `keeping.load` has it."""

    def read(folder: Path) -> Dataset:
        about = shards.read_about(folder)
        preparing.check_bad(about, config.max_bad)
        for line in preparing.told(about):
            say(line)
        return record_dataset.load(folder, config.licence)

    recipe = keeping.Recipe(
        signature=preparing.signature(originals, config),
        write=lambda folder: preparing.prepare(originals, config, folder),
        doing=f"reading {originals.count:,} images of {originals.source}",
        done="brought into one form",
    )
    return keeping.load(recipe, read, say)


def make(originals: Originals, config: DataConfig, folder: Path) -> None:
    """Make the records, whole or not at all, in a new folder; raises as `keeping.whole` and `preparing.prepare` do."""
    keeping.whole(lambda part: preparing.prepare(originals, config, part), folder)
