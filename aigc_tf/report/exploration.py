"""The page of an exploration: what a model makes along ways through what it can make, each picture in a file too."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aigc_tf.atomic_files import write_atomically
from aigc_tf.report import embedding, html
from aigc_tf.report.embedding import Embedded, as_pillow
from aigc_tf.report.pictures import Pair

PAGE = "index.html"
_MILLISECONDS = 90
_SIDE = 48  # pixels of an image that can be seen; smaller ones are shown larger, pixel by pixel


@dataclasses.dataclass(frozen=True)
class Picture:
    """What is shown of one way.

    Attributes:
        name: of its files, without their endings.
        title: what it is.
        still: uint8 [H, W, C].
        still_told: what is to be seen there.
        frames: the same as an animation that begins again at its end, uint8 [H, W, C] each; empty where nothing moves.
        told: what is to be seen there.
    """

    name: str
    title: str
    still: np.ndarray
    still_told: str
    frames: Sequence[np.ndarray] = ()
    told: str = ""


@dataclasses.dataclass(frozen=True)
class Section:
    """Pictures that belong together; `told` says what they are, or why there are none.

    Attributes:
        name: its address on the page.
        title: its heading.
        told: a few sentences.
        pictures: of ways.
        pairs: of generated images beside real ones.
    """

    name: str
    title: str
    told: str
    pictures: Sequence[Picture] = ()
    pairs: Sequence[Pair] = ()


def write(folder: Path, about: Mapping[str, Any], sections: Sequence[Section], origin: str) -> Path:
    """Write the page into `folder`, and beside it the pictures as files, each of which says `origin`: PNG as they stand
    still, GIF and WebP as they move. Returns the page. Raises OSError where the disk does not take it."""
    shown = []
    for section in sections:
        pictures = [(each, *_kept(folder, each, origin)) for each in section.pictures]
        pairs = [(embedding.of_array(pair.picture, origin), pair.distance) for pair in section.pairs]
        shown.append({"section": section, "pictures": pictures, "pairs": pairs})
    html.write(folder / PAGE, "explore.html", about=about, shown=shown, origin=origin)
    return folder / PAGE


def magnified(image: np.ndarray, side: int) -> np.ndarray:
    """An image uint8 [H, W, C] with each pixel as a square, where its parts of `side` pixels would be hard to see."""
    times = -(-_SIDE // side)
    return image.repeat(times, axis=0).repeat(times, axis=1)


def _kept(folder: Path, picture: Picture, origin: str) -> tuple[Embedded, Embedded | None, Embedded, list[str]]:
    """For the page the picture as it stands still, as it moves and where that begins, and the names of its files."""
    png = embedding.png(picture.still, origin)
    still = embedding.of_png(png, picture.still.shape[1], picture.still.shape[0])
    files = {f"{picture.name}.png": png}
    moving, held = None, still
    if picture.frames:
        frames = [as_pillow(frame) for frame in picture.frames]
        durations = [_MILLISECONDS] * len(frames)
        coloured = [frame.convert("RGBA" if frame.mode == "RGBA" else "RGB") for frame in frames]  # as WebP has it
        files[f"{picture.name}.gif"] = embedding.gif(frames, durations, origin)
        files[f"{picture.name}.webp"] = webp = embedding.webp(coloured, durations, origin)
        moving, held = embedding.of_webp(webp, *frames[0].size), embedding.of_array(picture.frames[0], origin)
    for name, content in files.items():
        write_atomically(folder / name, content, shared=True)
    return still, moving, held, list(files)
