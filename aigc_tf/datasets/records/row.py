"""One image, brought to the size and the channels that are learned."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from aigc_tf.datasets import image_reader
from aigc_tf.datasets.doctor import scan
from aigc_tf.datasets.image_reader import Colour

_FILTER = Image.Resampling.LANCZOS


@dataclasses.dataclass(frozen=True)
class Form:
    """What all images are brought to.

    Attributes:
        height, width: pixels.
        channels: 1 (grey), 3 (colour) or 4 (colour and alpha).
        fit: see `DataConfig.fit`.
        ground: what transparency is laid on, and the colour of borders; those of 4 channels are transparent.
    """

    height: int
    width: int
    channels: int
    fit: Literal["crop", "pad", "stretch"]
    ground: Colour

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels


@dataclasses.dataclass(frozen=True)
class Row:
    """One image as it is learned, and what is told of the one it was.

    Attributes:
        pixels: uint8 [H, W, C] as bytes.
        digest: names these pixels, 16 bytes of BLAKE2b.
        height, width: of the original, as shown.
        format: of the original, as Pillow names it.
        is_grey: whether all of the original's pixels are levels of grey.
        thumbnail: see `Facts.thumbnail`.
    """

    pixels: bytes
    digest: bytes
    height: int
    width: int
    format: str
    is_grey: bool
    thumbnail: bytes


def bring(image: Image.Image, form: Form, format: str) -> Row:
    """An image of 8 bits a channel, upright, in `form`.

    Transparency is laid on the ground before anything is resized; with alpha kept, colours weigh by their opacity, so
    that none bleeds out of what nobody sees.
    """
    kept = image_reader.converted(image, 4 if form.channels == 4 else 3, form.ground)
    is_grey, thumbnail = _is_grey(kept), scan.thumbnail(kept)
    if form.channels == 1:
        kept = kept.convert("L")
    fitted = np.ascontiguousarray(np.asarray(_fitted(kept, form)).reshape(form.shape))
    return Row(
        pixels=fitted.tobytes(),
        digest=digest(fitted),
        height=image.height,
        width=image.width,
        format=format,
        is_grey=is_grey,
        thumbnail=thumbnail,
    )


def _is_grey(image: Image.Image) -> bool:
    few = image.resize((min(image.width, 64), min(image.height, 64)), Image.Resampling.NEAREST)
    # A large image in colour is told by few of its pixels.
    return all(scan.are_grey(np.asarray(each)[..., :3]) for each in (few, image))


def digest(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Names the pixels uint8 [H, W, C] of a row."""
    named = hashlib.blake2b(str(pixels.shape).encode(), digest_size=16)
    named.update(pixels.data)
    return named.digest()


def _fitted(image: Image.Image, form: Form) -> Image.Image:
    size = form.width, form.height
    if image.size == size or form.fit == "stretch":
        return image.resize(size, _FILTER)
    if form.fit == "crop":
        return ImageOps.fit(image, size, _FILTER)
    scale = min(form.width / image.width, form.height / image.height)
    inner = max(1, min(form.width, round(image.width * scale))), max(1, min(form.height, round(image.height * scale)))
    ground = (0, 0, 0, 0) if form.channels == 4 else form.ground
    whole = Image.new("RGBA" if form.channels == 4 else "RGB", size, ground).convert(image.mode)
    whole.paste(image.resize(inner, _FILTER), ((form.width - inner[0]) // 2, (form.height - inner[1]) // 2))
    return whole
