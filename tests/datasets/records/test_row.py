"""How one image comes to the size and the channels that are learned."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from aigc_tf.datasets.records.row import Form, bring

WHITE, BLUE = (255, 255, 255), (0, 0, 255)


def form(height: int = 8, width: int = 8, channels: int = 3, fit: str = "crop", ground=WHITE) -> Form:
    return Form(height, width, channels, fit, ground)


def pixels(image: Image.Image, wanted: Form) -> np.ndarray:
    return np.frombuffer(bring(image, wanted, "PNG").pixels, np.uint8).reshape(wanted.shape)


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_image_of_that_size_keeps_its_pixels(fit, channels):
    image = noise(8, 12, channels)
    np.testing.assert_array_equal(
        pixels(Image.fromarray(image), form(8, 12, channels, fit)), image.reshape(8, 12, channels)
    )


def wide() -> Image.Image:
    """40x80: red, green, green, blue."""
    columns = np.repeat(np.array([[255, 0, 0], [0, 255, 0], [0, 255, 0], [0, 0, 255]], np.uint8), 20, axis=0)
    return Image.fromarray(np.tile(columns, (40, 1, 1)))


def test_crop_takes_the_middle():
    assert (pixels(wide(), form(20, 20, fit="crop"))[:, 4:-4] == (0, 255, 0)).all()


def test_stretch_shows_all():
    made = pixels(wide(), form(20, 20, fit="stretch"))
    assert (made[:, 0] == (255, 0, 0)).all() and (made[:, -1] == (0, 0, 255)).all()


def test_pad_shows_all_between_borders_of_the_ground():
    made = pixels(wide(), form(20, 20, fit="pad", ground=(9, 8, 7)))
    assert (made[:5] == (9, 8, 7)).all() and (made[-5:] == (9, 8, 7)).all()
    assert (made[5:15, 0] == (255, 0, 0)).all() and (made[5:15, -1] == (0, 0, 255)).all()
    grey = pixels(wide(), form(20, 20, 1, "pad", (200, 200, 200)))
    assert (grey[:5] == 200).all() and (grey[5:15] != 200).all()
    assert (pixels(wide(), form(20, 20, 4, "pad"))[:5] == 0).all()


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("size", [(1, 3000), (3000, 1), (1, 1)])
def test_the_thinnest_images_come_to_that_size(fit, size):
    assert pixels(Image.new("RGB", size, "red"), form(8, 16, fit=fit)).shape == (8, 16, 3)


def test_what_is_transparent_is_laid_on_the_ground():
    image = np.zeros((8, 8, 4), np.uint8)
    image[:, 4:] = (255, 0, 0, 255)
    made = pixels(Image.fromarray(image), form(ground=BLUE))
    assert (made[:, :4] == BLUE).all() and (made[:, 4:] == (255, 0, 0)).all()


def test_no_colour_bleeds_out_of_what_is_transparent():
    """An opaque red square in transparent green, made smaller: its edge stays red."""
    image = np.full((64, 64, 4), (0, 255, 0, 0), np.uint8)
    image[18:46, 18:46] = (255, 0, 0, 255)
    made = pixels(Image.fromarray(image), form(16, 16, 4))
    seen = made[..., 3] > 0
    assert seen.any() and (made[..., 3] < 255).any()
    assert (made[seen][:, 1] <= 8).all()


def test_details_that_are_too_fine_become_their_mean():
    """A checkerboard of single pixels, eight times smaller, is grey: no aliasing."""
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    made = pixels(Image.fromarray(board), form(8, 8, 1))
    assert abs(made.astype(int) - 127).max() <= 8


def test_it_tells_of_the_original():
    row = bring(Image.fromarray(noise(30, 20)), form(), "JPEG")
    assert (row.height, row.width, row.format, row.is_grey, len(row.thumbnail)) == (30, 20, "JPEG", False, 768)
    assert bring(Image.fromarray(noise(9, 9, 1)).convert("RGB"), form(), "PNG").is_grey


def test_the_digest_names_the_row():
    image = Image.fromarray(noise(8, 8))
    assert bring(image, form(), "PNG").digest == bring(image, form(), "BMP").digest
    assert bring(image, form(), "PNG").digest != bring(image, form(channels=1), "PNG").digest
    assert bring(image.resize((16, 4)), form(4 * 2, 8), "PNG").digest != bring(image, form(), "PNG").digest
