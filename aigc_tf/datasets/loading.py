"""From what a run says of its data to the data."""

from __future__ import annotations

from collections.abc import Callable

from aigc_tf.datasets import DATASETS
from aigc_tf.datasets.data_config import DataConfig
from aigc_tf.datasets.dataset import Dataset
from aigc_tf.datasets.sources import SOURCES


def load(config: DataConfig, say: Callable[[str], None] = print) -> Dataset:
    """The data set that `config` names, or that its source holds.

    `say` is given a line before anything slow, and about files that were passed over. Raises UserError where there is
    no such data, or it cannot be learned.
    """
    if config.source is None:
        return DATASETS[config.dataset](config.data_dir)
    return SOURCES[config.source](config, say)
