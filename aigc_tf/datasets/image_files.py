"""Reads a folder of image files into one array."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from aigc_tf.errors import UserError

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff"}
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_EIGHT_BITS = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}  # Pillow clips deeper ones to white


def read(
    folder: Path, image_shape: tuple[int, int, int], progress: Callable[[int], object] = lambda count: None
) -> np.ndarray:
    """All images of `folder` and of the folders in it, in the order of their paths: uint8 [N, H, W, C].

    `image_shape` is what each must have as (H, W, C).

    Grey, colour and palette images are brought to C channels; nothing is resized, since that would change what is
    judged. `progress` is called with 1 after each image. Raises UserError, naming the file, for one that is no
    image, is damaged or has another size, and for a folder without images.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder: expected one with image files ({', '.join(sorted(_SUFFIXES))})")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and not path.is_dir())
    if not paths:
        raise UserError(f"{folder} holds no images: expected files that end in {', '.join(sorted(_SUFFIXES))}")
    height, width, channels = image_shape
    images = np.empty((len(paths), *image_shape), np.uint8)
    for row, path in enumerate(paths):
        try:
            with Image.open(path) as image:  # reads the header only, so a huge image costs nothing yet
                if image.size != (width, height):
                    raise UserError(
                        f"{path} is {image.size[1]}x{image.size[0]} pixels, but the images it is judged against are "
                        f"{height}x{width}: resize it first"
                    )
                if image.mode not in _EIGHT_BITS:
                    raise UserError(f"{path} holds more than 8 bits a channel ({image.mode}): bring it to 8 first")
                images[row] = np.asarray(image.convert(_MODES[channels])).reshape(image_shape)
        except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise UserError(f"{path} cannot be read as an image ({error}): mend it or take it away") from None
        progress(1)
    return images
