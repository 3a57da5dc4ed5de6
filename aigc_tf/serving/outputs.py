"""Where generated content goes: a file each, arrays in one file, one sheet for the eye, or records to train on."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aigc_tf.atomic_files import write_atomically
from aigc_tf.contract import Contract
from aigc_tf.datasets.data_config import DataConfig
from aigc_tf.datasets.sources import ORIGINALS, prepared
from aigc_tf.errors import UserError
from aigc_tf.modalities import MODALITIES
from aigc_tf.modalities.modality import Modality
from aigc_tf.serving.client import Row, save

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
        done: is called for each that is there.
    """

    promised: Contract
    rows: Iterable[Row]
    count: int
    make: Callable[[Iterator[Row]], Made]
    done: Callable[[], object]

    @property
    def modality(self) -> Modality:
        return MODALITIES[self.promised.content]

    def files(self) -> Made:
        """All of them, one after the other."""
        for made in self.make(iter(self.rows)):
            yield made
            self.done()


def write_files(order: Order, out: Path) -> None:
    """A file for each seed (and class) in the folder `out`. What is there already, and says that it is of the same
    weights, is not made again, unless more than seed and class decides what it shows."""
    suffix = order.modality.suffix

    def path(row: Row) -> Path:
        seed, given = row
        return out / (f"{seed:08d}-{given['label']}{suffix}" if "label" in given else f"{seed:08d}{suffix}")

    def missing() -> Iterator[Row]:
        for row in order.rows:
            if row[1].keys() <= {"label"} and _says(path(row), order):
                order.done()
            else:
                yield row

    _make_folder(out)
    for row, file in order.make(missing()):
        save(out, path(row).name, file)
        order.done()


def _says(path: Path, order: Order) -> bool:
    """Whether a file is whole, and says where it came from as those of this model do."""
    try:
        return bool(order.promised.origin) and order.promised.origin in order.modality.texts(path.read_bytes())
    except (OSError, ValueError):
        return False


def write_arrays(order: Order, out: Path) -> None:
    """One .npz file: the content as it is stored [N, ...], `seeds` and, if they were given, `labels` int64 [N], and
    `origin`. It is written as it comes, in little memory."""
    seeds: list[int] = []
    labels: list[float] = []
    with _whole_file(out) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        with archive.open(f"{order.modality.name}s.npy", "w", force_zip64=True) as member:
            for (seed, given), file in order.files():
                stored = _stored(order, file)
                if not seeds:
                    header = {
                        "descr": np.lib.format.dtype_to_descr(stored.dtype),
                        "fortran_order": False,
                        "shape": (order.count, *stored.shape),
                    }
                    np.lib.format.write_array_header_2_0(member, header)
                member.write(stored.tobytes())
                seeds.append(seed)
                labels += [given["label"]] if "label" in given else []
        others = {"seeds": np.array(seeds, np.int64), "origin": np.array(order.promised.origin)}
        if labels:
            others["labels"] = np.array(labels, np.int64)
        for name, array in others.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def write_sheet(order: Order, out: Path) -> None:
    """All in one file of the model's kind, row by row, for the eye."""
    _make_folder(out.parent)
    if order.count > MOST_ON_A_SHEET:
        raise UserError(f"--count {order.count} is too much for one sheet, which holds at most {MOST_ON_A_SHEET:,}")
    stored = np.stack([_stored(order, file) for _, file in order.files()])
    classes = len(order.promised.class_names)
    columns = classes if 1 < classes <= 32 and order.count % classes == 0 else int(np.ceil(np.sqrt(order.count)))
    write_atomically(out, order.modality.sheet(stored, columns, order.promised.origin), shared=True)


def write_records(order: Order, out: Path) -> None:
    """Record files in the new folder `out`, which `train.py --dataset records:OUT` trains on."""
    if order.promised.content != "image":
        raise UserError(f"{order.promised.content}s cannot be kept as records: only images can")
    if out.exists():
        raise UserError(f"--out {out} is there already: records go into a new folder")
    _make_folder(out.parent)
    with tempfile.TemporaryDirectory(prefix=".generated-", dir=out.parent) as scratch:
        arrays = Path(scratch) / "images.npz"
        write_arrays(order, arrays)
        with np.load(arrays) as kept:
            alpha = kept["images"].shape[-1] == 4
        config = DataConfig(dataset=f"npz:{arrays}", channels="alpha" if alpha else None)
        originals = ORIGINALS["npz"](config)
        names = order.promised.class_names
        originals = dataclasses.replace(
            originals,
            source=order.promised.origin or "images that a machine-learning model made",
            class_names=tuple(names[int(name)] if names else name for name in originals.class_names),
        )
        prepared.make(originals, config, out)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"nothing can be saved in {folder}: {error.strerror}") from None


@contextlib.contextmanager
def _whole_file(path: Path) -> Iterator[Path]:
    """A name to write to; what is there becomes `path` when the block ends, and is gone where it fails."""
    _make_folder(path.parent)
    if path.is_dir():
        raise UserError(f"--out {path} is a folder: give a file")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _stored(order: Order, file: bytes) -> npt.NDArray:
    promised = order.promised
    return order.modality.read_file(file, promised.signatures["sample"].outputs[promised.made].row)


FORMATS: dict[str, Callable[[Order, Path], None]] = {
    **{modality.file: write_files for modality in MODALITIES.values()},
    "npz": write_arrays,
    "grid": write_sheet,
    "records": write_records,
}
"""By name; the first ones are kinds of files."""
