"""`folder:PATH`: image files in a folder, in folders of classes or not (see docs/own-images.md for how it is read)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from PIL import Image

from aigc_tf.datasets import image_files, image_reader
from aigc_tf.datasets.data_config import DataConfig
from aigc_tf.datasets.dataset import Dataset
from aigc_tf.datasets.doctor import clean_copy, layout
from aigc_tf.datasets.doctor.names import as_line
from aigc_tf.datasets.records.originals import Original, Originals
from aigc_tf.datasets.sources import prepared
from aigc_tf.errors import UserError


def load(config: DataConfig, say: Callable[[str], None]) -> Dataset:
    """The images of `config.place`. Raises UserError where there are none, or they cannot be learned."""
    return prepared.load(originals(config), config, say)


def originals(config: DataConfig) -> Originals:
    """What lies in the folder, by its listing alone."""
    folder = config.place
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise UserError(f"{folder} {what}: folder:PATH wants one with images, npz:FILE an array, records:GLOB records")
    copy = clean_copy.read_marker(folder) or {"complete": True}
    if not copy.get("complete"):
        raise UserError(f"{folder} is a clean copy that is not whole: end it with python -m aigc_tf data check --fix")
    files = image_files.find(folder)
    for name, reason in files.closed.items():
        raise UserError(f"{folder / name} cannot be read ({reason}): change its permissions, or take it away")
    places = layout.places(files.images, files.folders)
    splits, labels = layout.splits_among(files.folders), sorted({place.label for place in places} - {""})
    numbers = {label: number for number, label in enumerate(labels)}
    rows = [row for row, place in enumerate(places) if (place.split or not splits) and (place.label or not labels)]
    if not rows:
        beside = f", but {len(files.images):,} images beside its splits or classes" if files.images else ""
        raise UserError(
            f"{folder} holds no images to learn from{beside}: expected files that end in "
            f"{', '.join(image_reader.SUFFIXES)}, in folders of classes or not"
        )
    ours = {clean_copy.MARKER, clean_copy.DECISIONS}
    left_out = {
        "in folders behind links": len(files.linked_folders),
        "outside of the splits": sum(not place.split for place in places) if splits else 0,
        "without a class": sum(not place.label for place in places if place.split or not splits) if labels else 0,
        "files of other kinds": len([name for name in files.others if name not in ours]),
    }

    def each() -> Iterator[Original]:
        for row in rows:
            name, place = files.images[row], places[row]
            split = "" if not place.split else "train" if place.split == layout.TRAIN else "test"
            yield Original(name, numbers.get(place.label, 0), split, partial(_opened, folder / name))

    return Originals(
        source=f"the folder {as_line(str(folder.resolve()))}",
        state=_state(folder, [files.images[row] for row in rows]),
        count=len(rows),
        class_names=tuple(map(as_line, labels)),
        each=each,
        passed_over={what: count for what, count in left_out.items() if count},
        licence=str((copy.get("data") or {}).get("licence", "")),
    )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Image.Image, str]]:
    with image_reader.opened(path) as image:
        image_reader.check_pixels(path, image)
        yield image_reader.shown(image), image.format or ""


def _state(folder: Path, names: list[str]) -> str:
    """Names the files with what the system says of each: size, place on the disk, and when it was last changed."""
    named = hashlib.sha256(os.fsencode(folder.resolve()))
    for name in names:
        try:
            status = os.stat(folder / name)
            said = f"{status.st_size} {status.st_ino} {status.st_ctime_ns}"
        except OSError as error:  # whoever reads it will say so
            said = str(error.errno)
        named.update(os.fsencode(name) + f"\0{said}\0".encode())
    return named.hexdigest()
