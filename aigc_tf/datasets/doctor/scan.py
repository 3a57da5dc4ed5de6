"""What there is to know about one image file: its header, then its pixels as a viewer shows them."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from aigc_tf.datasets import image_reader
from aigc_tf.datasets.image_reader import ImageError

Mode = Literal["gray", "colour", "alpha"]
"""What is learned of an image: levels of grey, colours (transparency on white), or colours and transparency."""

CHANNELS: dict[Mode, int] = {"gray": 1, "colour": 3, "alpha": 4}
THUMBNAIL = 16  # pixels on each side of Facts.thumbnail
SMALLEST, LARGE = (
    8,
    4096**2,
)  # shortest side that a network takes; pixels from which on reading is what training waits for
_ORIENTATION = 0x0112
_ENDINGS = {
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "JPEG": (".jpg", ".jpeg"),
    "MPO": (".jpg", ".jpeg"),
    "PNG": (".png",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
}


@dataclasses.dataclass(frozen=True)
class Facts:
    """One file, as `examine` found it.

    Attributes:
        name: its path relative to the folder.
        fault: why it cannot be read, as ImageError says it; "" where it can, and only then the rest means something.
        reason: the same in a phrase.
        size: bytes of the file.
        format: by content, as Pillow names it.
        height, width: pixels, as shown.
        marks: what is special about it: "misnamed", "animated", "16 bits", "cmyk", "palette", "transparent", "turned",
            "tiny", "huge", "blank".
        is_grey: whether all pixels, as learned from, are levels of grey.
        digest: names the pixels as learned from, 32 hex digits; other files with the same pixels have the same one.
        thumbnail: the pixels made small, uint8 [THUMBNAIL * THUMBNAIL * 3] as bytes.
    """

    name: str
    fault: str = ""
    reason: str = ""
    size: int = 0
    format: str = ""
    height: int = 0
    width: int = 0
    marks: frozenset[str] = frozenset()
    is_grey: bool = False
    digest: str = ""
    thumbnail: bytes = b""

    @property
    def is_learnable(self) -> bool:
        """Whether there is something in it to learn from."""
        return not self.fault and not self.marks & {"tiny", "blank"}


def examine(folder: Path, mode: Mode, name: str) -> Facts:
    """The facts of the file `name` in `folder`, whatever state it is in."""
    path = folder / name
    try:
        with image_reader.opened(path) as image:
            image_reader.check_pixels(path, image)
            kind = image.format or ""
            marks = _marks_of_header(path, image)
            shown = image_reader.shown(image)
            pixels = image_reader.in_channels(shown, CHANNELS[mode])
            if _is_transparent(shown):
                marks.add("transparent")
        size = path.stat().st_size
    except ImageError as error:
        return Facts(name, error.fault, error.reason)
    except OSError as error:  # it went away behind its last pixel
        return Facts(name, "gone", error.strerror or str(error))
    if min(shown.size) < SMALLEST:
        marks.add("tiny")
    if (pixels == pixels[:1, :1]).all():
        marks.add("blank")
    return Facts(
        name=name,
        size=size,
        format=kind,
        height=shown.height,
        width=shown.width,
        marks=frozenset(marks),
        is_grey=pixels.shape[2] == 1 or are_grey(pixels[..., :3]),
        digest=digest(pixels),
        thumbnail=thumbnail(Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)),
    )


def digest(pixels: npt.NDArray[np.uint8]) -> str:
    """A name for pixels uint8 [H, W, 1, 3 or 4], 32 hex digits of BLAKE2b: the same whenever they show the same.

    Opaque pixels have the same name with and without alpha, and levels of grey the same in one channel and in three.
    """
    if pixels.shape[2] == 4:
        opacity = pixels[..., 3:]
        pixels = pixels[..., :3] if opacity.min() == 255 else np.where(opacity > 0, pixels, np.uint8(0))
    if pixels.shape[2] == 3 and are_grey(pixels):
        pixels = pixels[..., :1]
    named = hashlib.blake2b(str(pixels.shape).encode(), digest_size=16)
    named.update(np.ascontiguousarray(pixels).data)
    return named.hexdigest()


def _marks_of_header(path: Path, image: Image.Image) -> set[str]:
    marks = {
        "misnamed": path.suffix.lower() not in _ENDINGS.get(image.format or "", ()),
        "animated": image_reader.has_more(image),
        "16 bits": image.mode.startswith("I;16") or any(";16" in str(tile) for tile in getattr(image, "tile", ())),
        "cmyk": image.mode == "CMYK",
        "palette": image.mode in ("P", "PA") and image.format != "GIF",  # a GIF's is no accident
        "turned": image.getexif().get(_ORIENTATION, 1) in range(2, 9),
        "huge": image.width * image.height > LARGE,
    }
    return {mark for mark, holds in marks.items() if holds}


def _is_transparent(image: Image.Image) -> bool:
    return image.has_transparency_data and np.asarray(image.convert("RGBA").getchannel("A")).min() < 255


def are_grey(colours: npt.NDArray[np.uint8]) -> bool:
    """Whether all of uint8 [..., 3] are levels of grey."""
    first = colours[..., 0]
    return bool((first == colours[..., 1]).all() and (first == colours[..., 2]).all())


def thumbnail(image: Image.Image) -> bytes:
    """An image (L, RGB or RGBA) as `Facts.thumbnail` holds it."""
    if image.mode == "RGBA":  # on neither white nor black, on which white or black shapes would be gone
        ground = Image.new("RGBA", image.size, (128, 128, 128, 255))
        ground.alpha_composite(image)
        image = ground
    return image.convert("RGB").resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR).tobytes()
