"""Images that anybody made, as judges take them: a folder of files, one of them, or an array in an .npz."""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from aigc_tf.datasets import image_files, image_reader
from aigc_tf.datasets.image_dataset import ImageDataset
from aigc_tf.errors import UserError

Progress = Callable[[int], object]
Shape = tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class GivenImages:
    """Images, and what lay beside them and was not read.

    Attributes:
        pixels: uint8 [N, H, W, C].
        left_out: numbers of what was left out, by what it is; empty where everything was read.
    """

    pixels: npt.NDArray[np.uint8]
    left_out: dict[str, int]


def read(path: Path, image_shape: Shape | None = None, progress: Progress = lambda count: None) -> GivenImages:
    """The images of a folder or of an `.npz` (`.npy`) file, or the one of an image file; `image_shape` is the
    (H, W, C) that each must have.

    Nothing is resized, since that would change what is judged; channels are brought to C as `image_reader.read` does.
    Without `image_shape` the first image decides on the size, and C is 1 where all files hold grey, else 3. A folder's
    images come in the order of their paths, those of the folders in it too. `progress` is called with 1 after each.

    Raises UserError, naming the file, for an image that cannot be read as asked, and where there is none.
    """
    if path.suffix.lower() in (".npz", ".npy") and path.is_file():
        return _read_array(path, image_shape, progress)
    paths, left_out = ([path], {}) if path.suffix.lower() in image_reader.SUFFIXES and path.is_file() else _find(path)
    return _read_files(paths, left_out, image_shape, progress)


def as_reference(path: Path) -> ImageDataset:
    """The images of `path` as a data set that nobody trains on and that carries no labels.

    Raises UserError as `read` does, and for fewer than two images.
    """
    given = read(path)
    if len(given.pixels) < 2:
        raise UserError(f"{path} holds one image: a reference needs at least 2, and thousands to be firm")
    left_out = f" ({in_words(given.left_out)})" if given.left_out else ""
    return ImageDataset.held_out(given.pixels, source=f"{len(given.pixels):,} images of {path}{left_out}")


def in_words(left_out: dict[str, int]) -> str:
    """What was left out, as a phrase: "left out: linked folders 1, files of other types (.txt) 3"."""
    return "left out: " + ", ".join(f"{what} {count:,}" for what, count in left_out.items())


def _read_files(
    paths: list[Path], left_out: dict[str, int], image_shape: Shape | None, progress: Progress
) -> GivenImages:
    if image_shape is None:
        height, width, _ = image_reader.read(paths[0], 3).pixels.shape
        image_shape = (height, width, 1 if all(map(image_reader.is_grey, paths)) else 3)
    pixels = np.empty((len(paths), *image_shape), np.uint8)
    animated = 0
    for row, path in enumerate(paths):
        picture = image_reader.read(path, image_shape[2], image_shape[:2])
        pixels[row] = picture.pixels
        animated += picture.has_more
        progress(1)
    return GivenImages(pixels, left_out | ({"files' further frames or pages": animated} if animated else {}))


def _find(folder: Path) -> tuple[list[Path], dict[str, int]]:
    """The image files of a folder, in the order of their paths, and the numbers of what else lies there."""
    if not folder.is_dir():
        raise UserError(
            f"{folder} is no folder and no image file: expected either ({', '.join(image_reader.SUFFIXES)}), or an .npz"
        )

    files = image_files.find(folder)
    for name, reason in files.closed.items():
        raise UserError(f"{folder / name} cannot be read ({reason}): change its permissions, or take it away")
    paths = [folder / name for name in files.images]
    left_out = {"linked folders": len(files.linked_folders), "pipes and devices": len(files.no_files)}
    if files.others:
        endings = {Path(name).suffix.lower() or "no ending" for name in files.others}
        left_out[f"files of other types ({', '.join(sorted(endings))})"] = len(files.others)
    found = {what: count for what, count in left_out.items() if count}
    if not paths:
        besides = f" ({in_words(found)})" if found else ""
        raise UserError(
            f"{folder} holds no images: expected files that end in {', '.join(image_reader.SUFFIXES)}{besides}"
        )
    return paths, found


def _read_array(path: Path, image_shape: Shape | None, progress: Progress) -> GivenImages:
    try:
        found = headers(path)
        images = {
            name: each.shape for name, each in found.items() if each.kind == np.uint8 and len(each.shape) in (3, 4)
        }
        if len(images) != 1:
            held = "; ".join(f"{name or 'an array'}: {each.kind} {list(each.shape)}" for name, each in found.items())
            raise UserError(f"{path} must hold one array of images, uint8 [N, H, W] or [N, H, W, C], and holds {held}")
        ((name, shape),) = images.items()
        shape = shape if len(shape) == 4 else (*shape, 1)
        if 0 in shape or shape[3] not in (1, 3, 4):
            raise UserError(f"{path} holds an array of shape {list(shape)}: expected [N, H, W, C] with C 1, 3 or 4")
        wanted = image_shape or (shape[1], shape[2], min(shape[3], 3))
        if shape[1:3] != wanted[:2]:
            raise UserError(
                f"the images of {path} are {shape[1]}x{shape[2]} pixels, but those that go with them are "
                f"{wanted[0]}x{wanted[1]}: resize them first"
            )
        file = np.load(path, allow_pickle=False)
        pixels = (file[name] if name else file).reshape(shape)
    except UserError:
        raise
    except Exception as error:  # as NumPy fails in whatever way the bytes of a damaged file lead it to
        raise UserError(f"{path} cannot be read as an array of images ({error}): mend it") from None
    if shape[3] != wanted[2]:
        rows = (Image.fromarray(row[..., 0] if shape[3] == 1 else row) for row in pixels)
        pixels = np.stack([image_reader.in_channels(row, wanted[2]) for row in rows])
    progress(len(pixels))
    others = len(found) - 1
    return GivenImages(np.ascontiguousarray(pixels), {"other arrays": others} if others else {})


@dataclasses.dataclass(frozen=True)
class Header:
    """Of an array in a file: its shape, its type, and whether its first axis runs fastest."""

    shape: tuple[int, ...]
    kind: np.dtype[Any]
    fortran_order: bool


def headers(path: Path) -> dict[str, Header]:
    """That of each array in an `.npz` by its name, of a `.npy` under "", without unpacking any."""
    with path.open("rb") as file:
        if file.read(2) != b"PK":
            file.seek(0)
            return {"": skip_header(file)}
    with zipfile.ZipFile(path) as archive:
        found = {}
        for name in archive.namelist():
            with archive.open(name) as member:
                found[name.removesuffix(".npy")] = skip_header(member)
        return found


def skip_header(file: Any) -> Header:
    """The header of an array, read from its file, which then stands at the first value."""
    version = np.lib.format.read_magic(file)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
    shape, fortran_order, kind = read_header(file)
    return Header(shape, kind, fortran_order)
