"""Images as files inside of a page. Imports neither TensorFlow nor scikit-learn."""

from __future__ import annotations

import base64
import dataclasses
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

_QUALITY = 80


@dataclasses.dataclass(frozen=True)
class Embedded:
    """A file as the address that holds the whole of it, and its size in pixels."""

    address: str
    width: int
    height: int


def of_array(image: np.ndarray) -> Embedded:
    """An image uint8 [H, W, C], pixel for pixel."""
    return Embedded(_address(png(image), "png"), image.shape[1], image.shape[0])


def of_image(image: Image.Image) -> Embedded:
    """An image as WebP, which may lose a little."""
    return Embedded(_address(_webp([image], [0]), "webp"), *image.size)


def of_frames(frames: Sequence[Image.Image], durations: Sequence[int]) -> Embedded:
    """Images of one size and mode, each shown for so many milliseconds, then all again, as WebP."""
    return Embedded(_address(_webp(frames, durations), "webp"), *frames[0].size)


def png(image: np.ndarray) -> bytes:
    """An image uint8 [H, W, C], C being 1, 3 or 4, as a PNG file."""
    file = io.BytesIO()
    as_pillow(image).save(file, "png", optimize=True)
    return file.getvalue()


def as_pillow(image: np.ndarray) -> Image.Image:
    """An image uint8 [H, W, C], C being 1, 3 or 4."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def spaced(count: int, most: int) -> np.ndarray:
    """At most `most` of the numbers 0 to count - 1, evenly spaced, int [min(count, most)]."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(int)


def _webp(frames: Sequence[Image.Image], durations: Sequence[int]) -> bytes:
    file = io.BytesIO()
    several = {"save_all": True, "append_images": frames[1:], "duration": list(durations), "loop": 0}
    frames[0].save(file, "webp", quality=_QUALITY, method=2, **(several if len(frames) > 1 else {}))
    return file.getvalue()


def _address(file: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(file).decode()}"
