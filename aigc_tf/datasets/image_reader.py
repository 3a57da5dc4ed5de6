"""Reads one image file as a viewer shows it: turned as its EXIF says, alpha on white, 8 bits a channel."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from aigc_tf.errors import UserError

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
MOST_PIXELS = Image.MAX_IMAGE_PIXELS or 89_000_000  # of one image; more is taken for a decompression bomb
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")  # by content; others can run programs (EPS) or hide files
_GREY = ("1", "L", "LA", "I;16", "I;16B", "I;16L", "I;16N")
_COLOUR = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"II*\0", b"MM\0*", b"BM")  # how files of _FORMATS begin
_BITS, _PHOTOMETRY, _WHITE_IS_ZERO = 258, 262, 0  # TIFF's tags, and a value of the second

# On what a viewer passes over: odd metadata, many pixels (see `read`). For the whole process, once: to change filters
# and to change them back, around each image, does not work in threads.
warnings.filterwarnings("ignore", module=r"PIL\.")

# Text in a PNG is nothing that a viewer shows: a long one is no reason to refuse the image. All of it together may
# still unpack to no more than 64 MB.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY


Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""
WHITE: Colour = (255, 255, 255)

Fault = Literal["gone", "closed", "empty", "no image", "truncated", "damaged", "odd pixels", "bomb"]
"""Why a file cannot be read as an image: it is not there (any more), the system does not let us, it holds no bytes,
something else, less than the whole image, an image that no decoder takes, pixels that no viewer agrees on, too many."""


class ImageError(UserError):
    """One file cannot be read as an image.

    Attributes:
        fault: why, in a word.
        reason: why, in a phrase without the file's name.
    """

    def __init__(self, message: str, fault: Fault, reason: str) -> None:
        super().__init__(message)
        self.fault, self.reason = fault, reason


@dataclasses.dataclass(frozen=True)
class Picture:
    """What one file shows.

    Attributes:
        pixels: uint8 [H, W, C].
        has_more: whether further frames or pages follow the one that was read, the first.
    """

    pixels: npt.NDArray[np.uint8]
    has_more: bool


def read(path: Path, channels: int, size: tuple[int, int] | None = None) -> Picture:
    """The first frame of an image file, brought to `channels`: 1 (grey), 3 (colour) or 4 (colour and alpha).

    With 1 or 3 channels what is transparent is laid on white; 16 bits become the upper 8. Colour profiles are not
    applied. Raises ImageError, naming the file, for what is no image of the formats of SUFFIXES, is damaged, has pixels
    that no viewer agrees on (32 bits, floats, CIELAB) or more than MOST_PIXELS, and UserError for another (height,
    width) than `size`; for the last two before any pixel is decoded.
    """
    with opened(path) as image:
        if size is not None and sorted(image.size) != sorted(size):
            raise _other_size(path, image, size)
        check_pixels(path, image)
        more = has_more(image)
        upright = shown(image)
        if size is not None and (upright.height, upright.width) != size:
            raise _other_size(path, upright, size)
        return Picture(in_channels(upright, channels), more)


def is_grey(path: Path) -> bool:
    """Whether a file holds levels of grey, by its header alone (alpha aside). Raises ImageError as `read` does."""
    with opened(path) as image:
        return image.mode in _GREY


def check_pixels(path: Path, image: Image.Image) -> None:
    """Raise ImageError where an image that `opened` gave has more than MOST_PIXELS, by its header."""
    if image.width * image.height > MOST_PIXELS:
        reason = f"{image.width * image.height:,} pixels: at most {MOST_PIXELS:,} are read"
        raise ImageError(f"{path} has {reason}", "bomb", reason)


def has_more(image: Image.Image) -> bool:
    """Whether further frames or pages follow the first."""
    return getattr(image, "is_animated", False) and image.format != "MPO"  # whose second one is a thumbnail


def shown(image: Image.Image) -> Image.Image:
    """An image that `opened` gave as a viewer shows it: decoded, turned as its EXIF says, 8 bits a channel."""
    upright = ImageOps.exif_transpose(image)
    return _upper_bits(upright, getattr(image, "tag_v2", {})) if upright.mode.startswith("I;16") else upright


def in_channels(image: Image.Image, channels: int) -> npt.NDArray[np.uint8]:
    """An image of 8 bits a channel as uint8 [H, W, channels]; without a channel for it, alpha is laid on white."""
    return np.asarray(converted(image, channels)).reshape(image.height, image.width, channels)


def converted(image: Image.Image, channels: int, ground: Colour = WHITE) -> Image.Image:
    """An image of 8 bits a channel with 1 (L), 3 (RGB) or 4 (RGBA) of them; without one for it, alpha is laid on
    `ground`."""
    if channels != 4 and image.has_transparency_data:
        laid = Image.new("RGBA", image.size, ground)
        laid.alpha_composite(image.convert("RGBA"))
        image = laid.convert("RGB")
    return image.convert(_MODES[channels])


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """The image by its header; whatever fails in reading it, then and within the block, becomes an ImageError."""
    try:
        # By its name Pillow would map an uncompressed TIFF into memory, and garble one that is to be turned.
        with path.open("rb") as file, Image.open(file, formats=_FORMATS) as image:
            if image.mode not in _GREY + _COLOUR:
                reason = (
                    f"pixels of the kind {image.mode}, more than 8 or 16 bits or of another colour space: bring "
                    "them to 8 bits of grey or RGB first"
                )
                raise ImageError(f"{path} holds {reason}", "odd pixels", reason)
            yield image
    except UserError:
        raise
    except Exception as error:  # a decoder fails in whatever way the bytes of a damaged file lead it to
        fault, reason = _why(path, error)
        message = f"{path} cannot be read as an image ({reason}): mend it or take it away"
        raise ImageError(message, fault, reason) from None


def _why(path: Path, error: Exception) -> tuple[Fault, str]:
    """The fault that an error of Pillow or of the system tells of, and the reason in a phrase."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, UnidentifiedImageError):
        try:
            with path.open("rb") as file:
                beginning = file.read(4)
        except OSError as later:
            return _why(path, later)
        if not beginning:
            return "empty", "it is empty"
        known = beginning.startswith(_SIGNATURES)
        return ("damaged", "its header is damaged") if known else ("no image", f"none of {', '.join(_FORMATS)}")
    if isinstance(error, Image.DecompressionBombError):
        return "bomb", reason
    if isinstance(error, OSError) and error.errno is not None:
        return ("gone" if isinstance(error, FileNotFoundError) else "closed"), error.strerror or reason
    return ("truncated" if "truncated" in reason.lower() else "damaged"), reason


def _other_size(path: Path, image: Image.Image, size: tuple[int, int]) -> UserError:
    return UserError(
        f"{path} is {image.height}x{image.width} pixels, but the images that go with it are {size[0]}x{size[1]}: "
        "resize it first"
    )


def _upper_bits(image: Image.Image, tags: Mapping[int, Any]) -> Image.Image:
    """16 (or a TIFF's 12) bits of grey as 8, truncated, as Pillow brings colours of 16 bits to 8."""
    values = np.asarray(image)
    (bits,) = tags.get(_BITS, (16,))
    shown = Image.fromarray((values >> (bits - 8)).astype(np.uint8))
    if tags.get(_PHOTOMETRY) == _WHITE_IS_ZERO:
        shown = ImageOps.invert(shown)
    if "transparency" in image.info:
        opaque = values != image.info["transparency"]
        shown.putalpha(Image.fromarray(opaque.astype(np.uint8) * np.uint8(255)))
    return shown
