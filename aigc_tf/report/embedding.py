"""Images as files inside of a page. Imports neither TensorFlow nor scikit-learn."""

from __future__ import annotations

import base64
import dataclasses
import io
from collections.abc import Sequence

import numpy as np
from PIL import ExifTags, Image

from aigc_tf.modalities.image.png import with_origin

_QUALITY = 80


@dataclasses.dataclass(frozen=True)
class Embedded:
    """A file as the address that holds the whole of it, and its size in pixels."""

    address: str
    width: int
    height: int


def of_array(image: np.ndarray, origin: str = "") -> Embedded:
    """An image uint8 [H, W, C], pixel for pixel; it says `origin` where that is not empty."""
    return of_png(png(image, origin), image.shape[1], image.shape[0])


def of_image(image: Image.Image) -> Embedded:
    """An image as WebP, which may lose a little."""
    return of_webp(webp([image], [0]), *image.size)


def of_frames(frames: Sequence[Image.Image], durations: Sequence[int]) -> Embedded:
    """Images of one size and mode, each shown for so many milliseconds, then all again, as WebP."""
    return of_webp(webp(frames, durations), *frames[0].size)


def of_png(file: bytes, width: int, height: int) -> Embedded:
    """A PNG file that is there already."""
    return Embedded(_address(file, "png"), width, height)


def of_webp(file: bytes, width: int, height: int) -> Embedded:
    """A WebP file that is there already."""
    return Embedded(_address(file, "webp"), width, height)


def png(image: np.ndarray, origin: str = "") -> bytes:
    """An image uint8 [H, W, C], C being 1, 3 or 4, as a PNG file; it says `origin` where that is not empty."""
    file = io.BytesIO()
    as_pillow(image).save(file, "png", optimize=True)
    return with_origin(file.getvalue(), origin) if origin else file.getvalue()


def as_pillow(image: np.ndarray) -> Image.Image:
    """An image uint8 [H, W, C], C being 1, 3 or 4."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def spaced(count: int, most: int) -> np.ndarray:
    """At most `most` of the numbers 0 to count - 1, evenly spaced, int [min(count, most)]."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(int)


def webp(frames: Sequence[Image.Image], durations: Sequence[int], origin: str = "") -> bytes:
    """Images of one size and mode, each shown for so many milliseconds, then all again, as one WebP file, which may
    lose a little; its EXIF describes them as `origin` where that is not empty."""
    file, exif = io.BytesIO(), Image.Exif()
    if origin:
        exif[ExifTags.Base.ImageDescription] = origin
    several = {"save_all": True, "append_images": frames[1:], "duration": list(durations), "loop": 0}
    told = {"exif": exif} if origin else {}
    frames[0].save(file, "webp", quality=_QUALITY, method=2, **told, **(several if len(frames) > 1 else {}))
    return file.getvalue()


def gif(frames: Sequence[Image.Image], durations: Sequence[int], origin: str = "") -> bytes:
    """The same as a GIF file, of at most 256 colours a frame; its comment is `origin`."""
    file = io.BytesIO()
    several = {"save_all": True, "append_images": frames[1:], "duration": list(durations), "loop": 0}
    frames[0].save(file, "gif", comment=origin.encode(), **several)
    return file.getvalue()


def _address(file: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(file).decode()}"
