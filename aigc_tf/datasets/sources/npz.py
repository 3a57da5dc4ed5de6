"""`npz:FILE`: arrays of images, and of labels where there are any, in an `.npz` (or images in an `.npy`)."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import Image

from aigc_tf.datasets.data_config import DataConfig
from aigc_tf.datasets.dataset import Dataset
from aigc_tf.datasets.doctor.names import as_line
from aigc_tf.datasets.given_images import Header, headers, skip_header
from aigc_tf.datasets.records.originals import Original, Originals
from aigc_tf.datasets.sources import prepared
from aigc_tf.errors import UserError

_SPLIT_WORDS = {"train": "train", "test": "test", "val": "test", "valid": "test", "validation": "test"}
_LABEL_NAMES = r"(?i)(^|_)(y|labels?|targets?|classes)(_|$)"


def load(config: DataConfig, say: Callable[[str], None]) -> Dataset:
    """The images of `config.place`. Raises UserError where there are none, or they cannot be learned."""
    return prepared.load(originals(config), config, say)


def originals(config: DataConfig) -> Originals:
    """The arrays of the file, by their headers and their labels; images are read one after the other."""
    path = config.place
    with _told(path):
        status, found = path.stat(), headers(path)
        images = {name: each for name, each in found.items() if _are_images(each)}
        _check(path, images, found)
        sets = {name: _labels_of(name, each.shape[0], path, found, len(images)) for name, each in images.items()}
    given = [labels for labels in sets.values() if labels is not None]
    classes = np.unique(np.concatenate(given)) if len(given) == len(sets) else np.empty(0, int)
    if len(classes) < 2:
        classes = classes[:0]
    unused = [] if given and len(classes) else [name for name in found if re.search(_LABEL_NAMES, name)]

    def each() -> Iterator[Original]:
        with _told(path):
            for name, header in images.items():
                split = _split(name) if len(images) > 1 else ""
                labels = sets[name]
                numbers = np.zeros(header.shape[0], int)
                if len(classes) and labels is not None:
                    numbers = np.searchsorted(classes, labels)
                for row, pixels in enumerate(_pixels(path, name, header)):
                    yield Original(f"{name}[{row}]", int(numbers[row]), split, partial(_image, pixels))

    return Originals(
        source=f"the arrays in {as_line(str(path.resolve()))}",
        state=f"{path.resolve()} {status.st_size} {status.st_ino} {status.st_ctime_ns}",
        count=sum(header.shape[0] for header in images.values()),
        class_names=tuple(str(value) for value in classes),
        each=each,
        passed_over={"arrays of labels that do not fit the images": len(unused)} if unused else {},
    )


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: npz:FILE wants a file of arrays, as numpy.savez writes it") from None
    except Exception as error:  # as NumPy fails in whatever way the bytes of a damaged file lead it to
        # NumPy takes what it does not know for pickled data, and advises to allow that.
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        reason = "this is no npz file" if "pickle" in reason or "magic" in reason else reason
        raise UserError(f"{path} cannot be read as arrays of images ({reason}): mend it") from None


def _are_images(header: Header) -> bool:
    return header.kind == np.uint8 and (
        len(header.shape) == 3 or (len(header.shape) == 4 and header.shape[3] in (1, 3, 4))
    )


def _check(path: Path, images: dict[str, Header], found: dict[str, Header]) -> None:
    """Raise UserError where it is not clear which arrays hold the images, and to which split they belong."""
    splits = [_split(name) for name in images]
    if not images or (len(images) > 1 and "" in splits):
        held = "; ".join(f"{name or 'an array'}: {each.kind} {list(each.shape)}" for name, each in found.items())
        raise UserError(
            f"{path} must hold images as uint8 [N, H, W] or [N, H, W, C], C 1, 3 or 4, in one array, or in several "
            f"with train, test or val in their names; it holds {as_line(held) or 'nothing'}"
        )
    for name, header in images.items():
        if header.fortran_order:
            raise UserError(
                f"{name or 'the array'} in {path} is in Fortran's order: save numpy.ascontiguousarray of it"
            )
    if len(images) > 1 and "train" not in splits:
        raise UserError(f"{path} holds no images to train on, only {', '.join(images)}")


def _split(name: str) -> str:
    return _SPLIT_WORDS.get(_split_word(name), "")


def _split_word(name: str) -> str:
    words = re.split(r"[^a-z]+", name.lower())
    return next((word for word in words if word in _SPLIT_WORDS), "")


def _labels_of(
    images: str, count: int, path: Path, found: dict[str, Header], sets: int
) -> npt.NDArray[np.int64] | None:
    """The labels of one array of images: whole numbers, as many; None where there are none."""
    fitting = [
        name
        for name, each in found.items()
        if np.issubdtype(each.kind, np.integer)
        and each.shape in ((count,), (count, 1))
        and (sets == 1 or _split_word(name) == _split_word(images))
    ]
    called = [name for name in fitting if re.search(_LABEL_NAMES, name)]
    chosen = called or fitting
    if len(chosen) > 1:
        raise UserError(f"{path} holds several arrays that may be labels of {images}: {', '.join(chosen)}; keep one")
    if not chosen:
        return None
    with np.load(path, allow_pickle=False) as arrays:
        labels = np.asarray(arrays[chosen[0]], np.int64).reshape(-1)
    # Numbers that nobody called labels, and that hardly repeat, are the numbers of the images or the like.
    return labels if called or len(np.unique(labels)) <= count // 2 else None


def _pixels(path: Path, name: str, header: Header) -> Iterator[npt.NDArray[np.uint8]]:
    """One image after the other, uint8 [H, W] or [H, W, C], without unpacking the array."""
    shape = header.shape[1:]
    size = int(np.prod(shape))
    with _opened(path, name) as file:
        skip_header(file)
        for _ in range(header.shape[0]):
            pixels = file.read(size)
            if len(pixels) != size:
                raise UserError(f"{name or 'the array'} in {path} is cut short: mend it")
            yield np.frombuffer(pixels, np.uint8).reshape(shape)


@contextmanager
def _opened(path: Path, name: str) -> Iterator[IO[bytes]]:
    if not name:
        with path.open("rb") as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive:
        members = {member.removesuffix(".npy"): member for member in archive.namelist()}
        with archive.open(members[name]) as member:
            yield member


@contextmanager
def _image(pixels: npt.NDArray[np.uint8]) -> Iterator[tuple[Image.Image, str]]:
    yield Image.fromarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels), "array"
