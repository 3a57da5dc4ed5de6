"""Reading a folder of images that somebody else made."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from aigc_tf.datasets import image_files
from aigc_tf.errors import UserError

GREY = np.arange(8 * 10, dtype=np.uint8).reshape(8, 10)


def test_images_come_in_the_order_of_their_paths_and_keep_their_pixels(tmp_path):
    (tmp_path / "below").mkdir()
    for name, value in (("b.png", 2), ("a.PNG", 1), ("below/c.bmp", 3)):
        Image.fromarray(GREY + value).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    steps: list[int] = []
    images = image_files.read(tmp_path, (8, 10, 1), steps.append)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images[..., 0], [GREY + 1, GREY + 2, GREY + 3])
    assert steps == [1, 1, 1]


def test_channels_are_brought_to_the_ones_asked_for(tmp_path):
    colour = np.stack([GREY, GREY + 50, GREY + 100], -1)
    Image.fromarray(colour).save(tmp_path / "colour.png")
    np.testing.assert_array_equal(image_files.read(tmp_path, (8, 10, 3))[0], colour)
    assert image_files.read(tmp_path, (8, 10, 4))[0, ..., 3].min() == 255
    assert image_files.read(tmp_path, (8, 10, 1)).shape == (1, 8, 10, 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "bad.png cannot be read"),
        (b"\x89PNG\r\n\x1a\n broken", "bad.png cannot be read"),
        (None, "bad.png is 4x10 pixels, but .* 8x10: resize"),
    ],
)
def test_a_bad_file_is_named(tmp_path, content, said):
    Image.fromarray(GREY).save(tmp_path / "a.png")
    if content is None:
        Image.fromarray(GREY[:4]).save(tmp_path / "bad.png")
    else:
        (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(UserError, match=said):
        image_files.read(tmp_path, (8, 10, 1))


def test_a_file_that_was_cut_short_is_named(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "cut.png")
    whole = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) - 30])
    with pytest.raises(UserError, match="cut.png cannot be read"):
        image_files.read(tmp_path, (8, 10, 1))


def test_a_link_to_nowhere_is_told_of(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(UserError, match="b.png cannot be read"):
        image_files.read(tmp_path, (8, 10, 1))


def test_deeper_channels_are_refused_instead_of_turned_white(tmp_path):
    Image.fromarray((GREY.astype(np.uint16) + 1) * 300).save(tmp_path / "deep.png")
    with pytest.raises(UserError, match="deep.png holds more than 8 bits a channel"):
        image_files.read(tmp_path, (8, 10, 1))


def test_folders_without_images_are_refused(tmp_path):
    with pytest.raises(UserError, match="holds no images"):
        image_files.read(tmp_path, (8, 10, 1))
    with pytest.raises(UserError, match="is no folder"):
        image_files.read(tmp_path / "nowhere", (8, 10, 1))
