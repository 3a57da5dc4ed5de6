"""Where generated content goes: a file each, arrays in one file, one sheet for the eye, or records to train on."""

from __future__ import annotations

import dataclasses
import shutil
import zipfile
from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aigc_tf import quiet
from aigc_tf.atomic_files import write_atomically, written_atomically
from aigc_tf.contract import Contract
from aigc_tf.datasets import given_images
from aigc_tf.datasets.data_config import DataConfig
from aigc_tf.datasets.folder_lock import held
from aigc_tf.datasets.sources import ORIGINALS, prepared
from aigc_tf.errors import UserError
from aigc_tf.modalities import MODALITIES
from aigc_tf.modalities.modality import Modality
from aigc_tf.paths import make_folder
from aigc_tf.serving.client import Row, save
from aigc_tf.serving.target import ServingError

MOST_ON_A_SHEET = 10_000

Made = Iterator[tuple[Row, bytes]]


@dataclasses.dataclass(frozen=True)
class Order:
    """What is to be made.

    Attributes:
        promised: by the model.
        rows: the seeds, and what is given with each.
        count: how many there are.
        make: asks for the files of rows, in their order.
        done: is told how many more are there.
    """

    promised: Contract
    rows: Iterable[Row]
    count: int
    make: Callable[[Iterator[Row]], Made]
    done: Callable[[int], object]

    @property
    def modality(self) -> Modality:
        return MODALITIES[self.promised.content]

    def files(self) -> Made:
        """All of them, one after the other."""
        for made in self.make(iter(self.rows)):
            yield made
            self.done(1)


def write_files(order: Order, out: Path) -> None:
    """A file for each seed (and class) in the folder `out`, but for those that are there.

    The first and the last of these are made all the same, and held against what is there: so an order goes on where it
    was broken off, and files of another model, or of another truncation, do not pass for its own.
    """
    make_folder(out)

    def place(row: Row) -> Path:
        seed, given = row
        name = f"{seed:08d}-{given['label']}" if "label" in given else f"{seed:08d}"
        return out / f"{name}{order.modality.suffix}"

    def wanted() -> Iterator[Row]:
        first, last = True, None
        for row in order.rows:
            if not place(row).exists():
                yield row
            elif first:
                first = False
                yield row
            else:
                order.done(last is not None)
                last = row
        if last is not None:
            yield last

    for row, file in dataclasses.replace(order, rows=wanted()).files():
        save(out, place(row).name, file)


def write_arrays(order: Order, out: Path) -> None:
    """One .npz file: the content as it is stored [N, ...], `seeds` and, if they were given, `labels` int64 [N], and
    `origin`. It is written as it comes: of what is made no more than a batch is held."""
    make_folder(out.parent)
    if out.exists() and not out.is_file():
        raise UserError(f"--out {out} is a device or a pipe, which arrays cannot go into: give a file")
    seeds, labels = array("q"), array("q")
    with written_atomically(out, shared=True) as whole, zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        with archive.open(f"{order.modality.name}s.npy", "w", force_zip64=True) as member:
            for (seed, given), stored in _stored(order):
                if not seeds:
                    header = {
                        "descr": np.lib.format.dtype_to_descr(stored.dtype),
                        "fortran_order": False,
                        "shape": (order.count, *stored.shape),
                    }
                    np.lib.format.write_array_header_2_0(member, header)
                member.write(stored.tobytes())
                seeds.append(seed)
                labels.extend([int(given["label"])] if "label" in given else [])
        others = {"seeds": np.array(seeds, np.int64), "origin": np.array(order.promised.origin)}
        if labels:
            others["labels"] = np.array(labels, np.int64)
        for name, values in others.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, values, allow_pickle=False)


def write_sheet(order: Order, out: Path) -> None:
    """All in one file of the model's kind, row by row, for the eye."""
    if order.count > MOST_ON_A_SHEET:
        raise UserError(f"--count {order.count} is too much for one sheet, which holds at most {MOST_ON_A_SHEET:,}")
    make_folder(out.parent)
    stored = np.stack([each for _, each in _stored(order)])
    classes = len(order.promised.class_names)
    columns = classes if 1 < classes <= 32 and order.count % classes == 0 else int(np.ceil(np.sqrt(order.count)))
    write_atomically(out, order.modality.sheet(stored, columns, order.promised.origin), shared=True)


def write_records(order: Order, out: Path) -> None:
    """Record files in the new folder `out`, which `train.py --dataset records:OUT` trains on."""
    if order.promised.content != "image":
        raise UserError(f"{order.promised.content}s cannot be kept as records: only images can")
    if out.exists():
        raise UserError(f"--out {out} is there already: records go into a new folder")
    make_folder(out.parent)
    quiet.import_tensorflow()  # whose shards they are
    part = out.with_name(f".{out.name}.generated")  # what a kill leaves there, the next one takes over
    with held(part, out):
        try:
            arrays = part / "images.npz"
            write_arrays(order, arrays)
            alpha = given_images.headers(arrays)["images"].shape[-1] == 4
            config = DataConfig(dataset=f"npz:{arrays}", channels="alpha" if alpha else None)
            originals = ORIGINALS["npz"](config)
            names = order.promised.class_names
            originals = dataclasses.replace(
                originals,
                source=order.promised.origin or "images that a machine-learning model made",
                class_names=tuple(names[int(name)] if names else name for name in originals.class_names),
            )
            prepared.make(originals, config, out)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _stored(order: Order) -> Iterator[tuple[Row, npt.NDArray]]:
    """All of them as they are stored. Raises ServingError for a file of another shape than the model promised, or than
    those before it: a server may have taken up another version meanwhile."""
    shape = order.promised.signatures["sample"].outputs[order.promised.made].row
    for row, file in order.files():
        try:
            stored = order.modality.read_file(file, shape)
        except ValueError as error:
            raise ServingError("INTERNAL", f"{row[0]} came as something else than the others: {error}") from None
        shape = stored.shape
        yield row, stored


FORMATS: dict[str, Callable[[Order, Path], None]] = {
    **{modality.file: write_files for modality in MODALITIES.values()},
    "npz": write_arrays,
    "grid": write_sheet,
    "records": write_records,
}
"""By name; the first ones are kinds of files."""
