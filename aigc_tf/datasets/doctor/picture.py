"""One picture of the set: images of each class, evenly spaced and not picked by eye, and those that repeat others."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, ImageOps

from aigc_tf.datasets import image_reader
from aigc_tf.datasets.doctor.names import as_line
from aigc_tf.datasets.doctor.survey import Survey
from aigc_tf.datasets.image_reader import ImageError
from aigc_tf.image_grid import image_grid

_COLUMNS, _SIDE, _TITLE = 12, 64, 20  # tiles in a row; pixels of a tile, and of a line of text
_MOST, _MOST_CLASSES = 96, 12
_GROUND = (128, 128, 128)


def png(survey: Survey) -> bytes:
    """The picture of a survey, a PNG file."""
    strips = [strip for title, rows in _sections(survey) for strip in (_line(title), _tiles(survey, rows))]
    file = io.BytesIO()
    Image.fromarray(np.concatenate(strips)).save(file, "png", optimize=True)
    return file.getvalue()


def _sections(survey: Survey) -> Iterator[tuple[str, list[int]]]:
    """Titles, and the rows of the images below them."""
    by_class: dict[str, list[int]] = defaultdict(list)
    for row in survey.kept:
        by_class[survey.places[row].label].append(row)
    classes = sorted(by_class, key=lambda label: (-len(by_class[label]), label))
    yield (
        f"{len(survey.kept):,} images, mode {survey.mode}" + (f", {len(classes):,} classes" if classes[1:] else ""),
        [],
    )
    most = _COLUMNS if classes[1:] else _MOST
    for number, label in enumerate(classes[:_MOST_CLASSES], 1):
        rows = by_class[label]
        title = f"{_shown(label, number)}: {len(rows):,}" if label else ("no class" if classes[1:] else "")
        yield title, [rows[index] for index in np.linspace(0, len(rows) - 1, min(len(rows), most)).round().astype(int)]
    for kind in ("leak", "several classes", "near duplicate"):
        pairs = [(gone.of, row) for row, gone in sorted(survey.repeats.departures.items()) if gone.kind == kind]
        if pairs:
            yield f"{kind}: {len(pairs):,}, each behind what it repeats", sum(map(list, pairs[: _COLUMNS // 2]), [])


def _shown(label: str, number: int) -> str:
    """A class as the font can write it, which knows no letters but Latin ones."""
    name = as_line(label)
    return name if all(letter < "\u0180" for letter in name) else f"class {number}"


def _line(title: str) -> npt.NDArray[np.uint8]:
    strip = Image.new("RGB", (_COLUMNS * (_SIDE + 2) + 2, _TITLE if title else 0), _GROUND)
    if title:
        ImageDraw.Draw(strip).text((4, 3), title, "white", ImageFont.load_default(13))
    return np.asarray(strip).reshape(-1, strip.width, 3)


def _tiles(survey: Survey, rows: list[int]) -> npt.NDArray[np.uint8]:
    tiles = np.full((-(-len(rows) // _COLUMNS) * _COLUMNS, _SIDE, _SIDE, 3), _GROUND, np.uint8)
    for tile, row in zip(tiles, rows):
        try:
            pixels = image_reader.read(survey.folder / survey.facts[row].name, 3).pixels
        except ImageError:  # it went away since
            continue
        image = Image.fromarray(pixels)
        if max(image.size) > _SIDE:
            image.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
        tile[:] = np.asarray(ImageOps.pad(image, (_SIDE, _SIDE), Image.Resampling.NEAREST, _GROUND))
    return image_grid(tiles, _COLUMNS) if rows else np.empty((0, _COLUMNS * (_SIDE + 2) + 2, 3), np.uint8)
