"""Sharded, indexed record files.

images-00000-of-00004.tfrecord   a record an image: a tf.train.Example with the pixels as they are (`image/raw`), their
                                 `image/shape`, `image/class/text` and `split`
index.npz                        for each split and row its shard, the place of its pixels there, its label, its digest
about.json                       shape, classes, where the images came from, their figures, what was passed over

Any reader of TFRecord files can go through the records; ours goes by the index, to any row at once. Rows stand in the
order of their digests: a fair draw from the first on, whatever the files were called.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aigc_tf.atomic_files import write_atomically
from aigc_tf.datasets.dataset import Split
from aigc_tf.datasets.records import row
from aigc_tf.errors import FaultError, StorageError, UserError

if TYPE_CHECKING:
    import tensorflow as tf

FORMAT = "aigc_tf records 1"
ABOUT, INDEX = "about.json", "index.npz"
SPLITS: tuple[Split, ...] = ("train", "test")
_SHARD_BYTES = 2**28
_HEADER, _FOOTER = 12, 4  # bytes of a TFRecord before its data and behind


@dataclasses.dataclass(frozen=True)
class Rows:
    """The rows of one split, each array [N].

    Attributes:
        shards: int32, the number of the file.
        offsets: int64, where its pixels begin there.
        labels: int32.
        digests: uint8 [N, 16], or as many of the first bytes as are looked at.
    """

    shards: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int32]
    digests: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.labels)

    def among(self, shards: Iterable[int]) -> Rows:
        """Those in these shards."""
        kept = np.isin(self.shards, list(shards))
        return Rows(*(getattr(self, field.name)[kept] for field in dataclasses.fields(self)))


class ShardWriter:
    """Writes records, one after the other, into as many files as they need."""

    def __init__(self, folder: Path, most_rows: int, shape: tuple[int, int, int]) -> None:

        self._folder, self._shape = folder, shape
        self._rows_a_shard = max(1, _SHARD_BYTES // (int(np.prod(shape)) + 200))
        self._count = max(1, -(-most_rows // self._rows_a_shard))
        self._written, self._at = 0, 0
        self._writer: tf.io.TFRecordWriter | None = None

    def write(self, pixels: bytes, class_name: str, split: str) -> tuple[int, int]:
        """The number of the shard, and where in it the pixels begin."""
        import tensorflow as tf

        shard, within = divmod(self._written, self._rows_a_shard)
        if not within:
            self.close()
            with faults_told(self._folder):
                self._writer, self._at = tf.io.TFRecordWriter(str(self._folder / shard_name(shard, self._count))), 0
        assert self._writer is not None
        features = {
            "image/raw": tf.train.Feature(bytes_list=tf.train.BytesList(value=[pixels])),
            "image/shape": tf.train.Feature(int64_list=tf.train.Int64List(value=self._shape)),
            "image/class/text": tf.train.Feature(bytes_list=tf.train.BytesList(value=[class_name.encode()])),
            "split": tf.train.Feature(bytes_list=tf.train.BytesList(value=[split.encode()])),
        }
        record = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
        with faults_told(self._folder):
            self._writer.write(record)
        offset = self._at + _HEADER + record.index(pixels)  # wherever it is found first, these bytes stand
        self._at += _HEADER + len(record) + _FOOTER
        self._written += 1
        return shard, offset

    def close(self) -> None:
        """What was written lies on the disk then."""
        writer, self._writer = self._writer, None
        with faults_told(self._folder):
            if writer is not None:
                writer.close()


@contextlib.contextmanager
def faults_told(folder: Path) -> Iterator[None]:
    """A disk that is full, or fails, becomes a StorageError, one sentence, whoever writes, however that one says it."""
    import tensorflow as tf

    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        reason = error.strerror if isinstance(error, OSError) else error.message.rpartition("; ")[2]
        raise StorageError(
            f"{folder.parent} takes no more records ({reason or error}): make room, or take another place "
            "(AIGC_TF_CACHE moves the cache)"
        ) from None


def shard_name(number: int, count: int) -> str:
    return f"images-{number:05}-of-{count:05}.tfrecord"


def finish(folder: Path, rows: Mapping[Split, Rows], about: Mapping[str, Any]) -> None:
    """Write the index and, last of all, what makes the folder one of records. Raises StorageError where the disk
    does not take them."""
    arrays = {f"{split}_{name}": array for split in SPLITS for name, array in vars(rows[split]).items()}
    index = io.BytesIO()  # a zip file that cannot be closed on the disk would complain of that once more, unasked
    np.savez(index, **arrays)
    with faults_told(folder):
        write_atomically(folder / INDEX, index.getbuffer())
        sizes = {path.name: path.stat().st_size for path in sorted(folder.glob("images-*.tfrecord"))}
        about = {"format": FORMAT, **about, "shards": sizes}
        write_atomically(folder / ABOUT, json.dumps(about, indent=2, ensure_ascii=False) + "\n")


def read_about(folder: Path, origin: str | None = None) -> dict[str, Any]:
    """What `about.json` says. Raises UserError for a folder without records, and for one that lost some; it names
    `origin`, where the folder is a copy of that."""
    named = origin or folder
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise ValueError(f"it is of the format {str(about['format'])[:40]!r}")
        shards = about["shards"]
        if lacking := [name for name in ("shape", "class_names", "source", "licence", "figures") if name not in about]:
            raise ValueError(f"it does not tell the {', '.join(lacking)}")
        found = {name: (folder / name).stat().st_size for name in shards if (folder / name).is_file()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise UserError(
            f"{named} holds no records with their {ABOUT} ({reason}): make them with python -m aigc_tf data convert"
        ) from None
    for name, size in shards.items():
        if found.get(name, size) != size:
            raise UserError(f"{named}/{name} has {found[name]:,} bytes instead of {size:,}: take that of a copy")
    return about


def read_index(folder: Path) -> dict[Split, Rows]:
    """The rows of each split. Raises UserError for an index that is gone or damaged."""
    try:
        with np.load(folder / INDEX, allow_pickle=False) as arrays:
            names = [field.name for field in dataclasses.fields(Rows)]
            return {split: Rows(*(arrays[f"{split}_{name}"] for name in names)) for split in SPLITS}
    except Exception as error:  # as NumPy fails in whatever way the bytes of a damaged file lead it to
        raise UserError(f"{folder / INDEX} cannot be read ({error}): take that of a copy, or convert anew") from None


def fingerprint(shape: tuple[int, ...], class_names: tuple[str, ...], rows: Mapping[Split, Rows]) -> str:
    """Names the pixels of both splits with their classes, "sha256:…", however the files were called."""
    named = hashlib.sha256(json.dumps([list(shape), list(class_names)]).encode())
    for split in SPLITS:
        named.update(struct.pack("<q", len(rows[split])))
        named.update(np.ascontiguousarray(rows[split].digests).data)
        named.update(np.ascontiguousarray(rows[split].labels, "<i4").data)
    return f"sha256:{named.hexdigest()}"


class ShardReader:
    """Reads rows from files that stay open: what is taken away meanwhile can still be read. Each row must have the
    digest that the index tells: what a disk gives otherwise than it was written is noticed."""

    def __init__(self, folder: Path, names: list[str], shape: tuple[int, int, int]) -> None:
        self._files = {int(name[7:12]): (folder / name).open("rb", buffering=0) for name in names}
        self._shape, self._size = shape, int(np.prod(shape))

    def read(self, rows: Rows, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Pixels uint8 [B, H, W, C] of the rows with these numbers. Raises FaultError where the disk fails, or gives
        others than were written."""
        pixels = np.empty((len(numbers), self._size), np.uint8)
        for place, number in enumerate(numbers):
            file = self._files[int(rows.shards[number])]
            try:
                found = os.pread(file.fileno(), self._size, int(rows.offsets[number]))
            except OSError as error:
                raise FaultError(f"{file.name} cannot be read ({error.strerror}): look after the disk") from None
            if len(found) != self._size:
                raise FaultError(f"{file.name} was cut short while it was in use")
            pixels[place] = np.frombuffer(found, np.uint8)
            expected = rows.digests[number].tobytes()
            if row.digest(pixels[place].reshape(self._shape))[: len(expected)] != expected:
                raise FaultError(
                    f"{file.name} is damaged, and holds other images than were written: remove its folder, if it is in "
                    "the cache, which makes it anew, or take that of a copy"
                )
        return pixels.reshape(-1, *self._shape)
