"""A data set of records on the disk; small ones are read into memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from aigc_tf.datasets.dataset import Dataset, Split
from aigc_tf.datasets.image_dataset import ImageDataset
from aigc_tf.datasets.records import shards
from aigc_tf.datasets.records.shards import SPLITS, Rows, ShardReader
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.errors import FaultError, UserError

if TYPE_CHECKING:
    import tensorflow as tf

IN_MEMORY = 2**26
"""Bytes of both splits up to which they are held in memory (twice, by TensorFlow too): with the smallest networks, a
read a row would show. More of it would show in what a process holds."""
AT_HAND = 2**29
"""Bytes of each split that judges hold in memory at once."""
_CHUNK = 1024


@dataclasses.dataclass(frozen=True, eq=False)
class RecordDataset(Dataset):
    """Rows that are read from records whenever they are asked for.

    Attributes:
        spec: what the rest of the house may know about them.
        rows: where those of each split lie.
        files: reads them.
    """

    spec: DataSpec
    rows: dict[Split, Rows]
    files: ShardReader

    def count(self, split: Split) -> int:
        return len(self.rows[split])

    def at_hand(self, split: Split) -> int:
        return min(self.count(split), max(2, AT_HAND // int(np.prod(self.spec.shape))))

    def stored(self, split: Split, rows: slice = slice(None)) -> npt.NDArray[np.uint8]:
        numbers = np.arange(self.count(split))[rows]
        pixels = np.empty((len(numbers), *self.spec.shape), np.uint8)
        for start in range(0, len(numbers), _CHUNK):
            part = numbers[start : start + _CHUNK]
            pixels[start : start + len(part)] = self.files.read(self.rows[split], part)
        pixels.flags.writeable = False
        return pixels

    def labels(self, split: Split) -> npt.NDArray[np.int32]:
        return self.rows[split].labels

    def reader(self, split: Split) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
        import tensorflow as tf

        to_model, rows = self.spec.modality.graph.to_model, self.rows[split]
        with tf.device("CPU:0"):
            labels = tf.Variable(rows.labels, trainable=False)

        def pixels(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
            try:
                return self.files.read(rows, numbers)
            except FaultError as fault:
                self.faults.append(fault)
                raise

        def read(numbers: tf.Tensor) -> dict[str, tf.Tensor]:
            stored = tf.numpy_function(pixels, [numbers], tf.uint8, stateful=False)
            stored.set_shape([numbers.shape[0], *self.spec.shape])
            return {self.spec.modality.name: to_model(stored), "label": tf.gather(labels, numbers)}

        return read

    @property
    def nbytes(self) -> int:
        return 0


def load(folder: Path, licence: str | None, names: Iterable[str] | None = None) -> Dataset:
    """The data set of the records in `folder`, or of those of its shards that are called `names`.

    Raises UserError where there are none, some are gone or cut short, or too few images are left in a split, and
    FaultError where those of a small set, which are read at once, are not what was written.
    """
    about = shards.read_about(folder)
    chosen = sorted(about["shards"] if names is None else names)
    missing = [name for name in chosen if not (folder / name).is_file()]
    if missing:
        raise UserError(f"{folder / missing[0]} is gone, of {len(missing)} missing record files: take that of a copy")
    rows = shards.read_index(folder)
    if len(chosen) < len(about["shards"]):
        numbers = [int(name[7:12]) for name in chosen]
        rows = {split: rows[split].among(numbers) for split in SPLITS}
    check_counts({split: len(rows[split]) for split in SPLITS}, about["source"])
    shape, class_names = tuple(about["shape"]), tuple(about["class_names"])
    train = rows["train"].labels
    spec = DataSpec(
        shape=shape,
        num_classes=len(class_names),
        num_examples=len(train),
        class_names=class_names,
        fingerprint=shards.fingerprint(shape, class_names, rows),
        source=about["source"],
        licence=licence or about["licence"] or "not known: nobody said (--licence)",
        class_counts=tuple(np.bincount(train, minlength=len(class_names)).tolist()) if class_names else (),
        figures=about["figures"] if len(chosen) == len(about["shards"]) else {},  # they are of all images
    )
    # What only the fingerprint needed is let go; by what stays, one damage in four billion passes unnoticed.
    rows = {split: dataclasses.replace(rows[split], digests=rows[split].digests[:, :4].copy()) for split in SPLITS}
    data = RecordDataset(spec, rows, ShardReader(folder, chosen, shape))
    if sum(map(len, rows.values())) * int(np.prod(shape)) > IN_MEMORY:
        return data
    return ImageDataset(spec, data.stored("train"), data.labels("train"), data.stored("test"), data.labels("test"))


def check_counts(counts: dict[Split, int], source: str) -> None:
    """Raise UserError where there is nothing to learn, or nothing to hold it against."""
    if counts["train"] < 2:
        raise UserError(
            f"{source} leaves {counts['train']} images to train on: at least 2 are needed, thousands wanted"
        )
    if not counts["test"]:
        raise UserError(
            f"of {counts['train']:,} images of {source} none is held out, which their content decides for one in ten: "
            "give more, or the folders train and test"
        )
