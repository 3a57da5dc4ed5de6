"""One image file, read as a viewer shows it, or refused by name."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from aigc_tf.datasets import image_reader
from aigc_tf.errors import UserError

GREY = np.arange(8 * 10, dtype=np.uint8).reshape(8, 10)
COLOUR = np.stack([GREY, GREY + 50, GREY + 100], -1)
SHAPE_IN_ALPHA = np.stack([np.zeros_like(GREY)] * 3 + [GREY * 3], -1)  # black all over, seen through its alpha


def written(path: Path, image: Image.Image | np.ndarray, **options: object) -> Path:
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **options)
    return path


def pixels(path: Path, channels: int = 1) -> np.ndarray:
    read = image_reader.read(path, channels).pixels
    assert read.dtype == np.uint8 and read.shape[2] == channels
    return read[..., 0] if channels == 1 else read


@pytest.mark.parametrize("ending", ["png", "webp", "tif"])
def test_a_shape_that_lies_in_alpha_is_seen_on_white(tmp_path, ending):
    path = written(tmp_path / f"shape.{ending}", SHAPE_IN_ALPHA, **({"lossless": True} if ending == "webp" else {}))
    np.testing.assert_array_equal(pixels(path), 255 - GREY * 3)
    np.testing.assert_array_equal(pixels(path, 3), np.stack([255 - GREY * 3] * 3, -1))
    np.testing.assert_array_equal(pixels(path, 4)[..., 3], GREY * 3)


def test_threads_that_read_leave_the_filters_of_warnings_alone(tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(100)]
    for path in paths:
        Image.new("L", (8, 8)).save(path)
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(pixels, paths))
    assert warnings.filters == before


def test_every_other_kind_of_transparency_is_laid_on_white_too(tmp_path):
    grey_alpha = written(tmp_path / "la.png", Image.fromarray(np.stack([GREY, GREY * 3], -1), "LA"))
    blended = np.rint((GREY * (GREY * 3.0) + 255 * (255 - GREY * 3.0)) / 255)
    np.testing.assert_array_equal(pixels(grey_alpha), blended)

    one_level = written(tmp_path / "trns.png", GREY, transparency=7)
    np.testing.assert_array_equal(pixels(one_level), np.where(GREY == 7, 255, GREY))
    one_colour = written(tmp_path / "rgb.png", COLOUR, transparency=(7, 57, 107))
    np.testing.assert_array_equal(pixels(one_colour, 3)[0, 6:9, 0], [6, 255, 8])
    deep = written(tmp_path / "deep.png", GREY.astype(np.uint16) * 257, transparency=7 * 257)
    np.testing.assert_array_equal(pixels(deep), np.where(GREY == 7, 255, GREY))

    palette = Image.fromarray(GREY % 4, "P")
    palette.putpalette([0, 0, 0, 10, 10, 10, 20, 20, 20, 30, 30, 30])
    for name, transparency in {
        "by-number.png": 2,
        "by-table.png": bytes([255, 255, 0, 255]),
        "by-number.gif": 2,
    }.items():
        seen = pixels(written(tmp_path / name, palette, transparency=transparency))
        np.testing.assert_array_equal(seen[0, :4], [0, 10, 255, 30], err_msg=name)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif"])
def test_an_image_is_turned_as_its_exif_says(tmp_path, ending):
    halves = np.zeros((16, 32), np.uint8)
    halves[:, 16:] = 255  # dark left, bright right
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter to the right
    path = written(tmp_path / f"turned.{ending}", halves, exif=exif)
    seen = image_reader.read(path, 1, (32, 16)).pixels[..., 0]
    assert seen.shape == (32, 16)
    assert seen[:12].max() < 30 and seen[-12:].min() > 225
    with pytest.raises(UserError, match=f"turned.{ending} is 32x16 pixels, but .* 16x32: resize"):
        image_reader.read(path, 1, (16, 32))


def test_what_a_viewer_never_shows_is_no_reason_to_refuse(tmp_path):
    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", "x" * 3_000_000, zip=True)
    np.testing.assert_array_equal(pixels(written(tmp_path / "text.png", GREY, pnginfo=info)), GREY)
    bomb = PngImagePlugin.PngInfo()
    bomb.add_text("bomb", "x" * 70_000_000, zip=True)
    with pytest.raises(UserError, match="bomb.png cannot be read as an image"):
        image_reader.read(written(tmp_path / "bomb.png", GREY, pnginfo=bomb), 1)


@pytest.mark.parametrize("colours", [300, 0x10000, 0xFFFFFFFF])
def test_a_bitmap_with_a_bad_palette_is_refused_by_name(tmp_path, colours):
    palette = Image.fromarray(GREY, "P")
    palette.putpalette(np.random.default_rng(0).integers(0, 256, 768).tolist())
    content = bytearray(written(tmp_path / "bad.bmp", palette).read_bytes())
    content[46:50] = struct.pack("<I", colours)
    (tmp_path / "bad.bmp").write_bytes(content)
    with pytest.raises(UserError, match="bad.bmp cannot be read as an image"):
        image_reader.read(tmp_path / "bad.bmp", 1)


def test_sixteen_bits_become_the_upper_eight(tmp_path):
    deep = GREY.astype(np.uint16) * 256 + 200
    for name in ("deep.png", "deep.tif"):
        np.testing.assert_array_equal(pixels(written(tmp_path / name, deep)), GREY, err_msg=name)
    inverted = written(tmp_path / "inverted.tif", 65535 - deep, tiffinfo={262: 0})
    np.testing.assert_array_equal(pixels(inverted), GREY)
    (tmp_path / "colour.png").write_bytes(png_of_16_bits(COLOUR))
    np.testing.assert_array_equal(pixels(tmp_path / "colour.png", 3), COLOUR)


def png_of_16_bits(colours: np.ndarray) -> bytes:
    """A PNG, whose upper bytes are `colours` uint8 [H, W, 3]; Pillow reads such files, and writes none."""
    height, width, _ = colours.shape
    rows = np.stack([colours, np.full_like(colours, 200)], -1).reshape(height, -1)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_other_colour_spaces_and_one_bit_are_read(tmp_path):
    cmyk = Image.fromarray(np.full((16, 16, 3), (200, 40, 40), np.uint8)).convert("CMYK")
    for name in ("print.jpg", "print.tif"):
        np.testing.assert_allclose(pixels(written(tmp_path / name, cmyk), 3)[8, 8], [200, 40, 40], atol=6)
    bits = written(tmp_path / "bits.png", Image.fromarray(GREY % 2 == 1))
    np.testing.assert_array_equal(pixels(bits), GREY % 2 * 255)


@pytest.mark.parametrize(("mode", "name"), [("F", "float.tif"), ("I", "long.tif"), ("LAB", "lab.tif")])
def test_pixels_that_no_viewer_agrees_on_are_refused(tmp_path, mode, name):
    with pytest.raises(UserError, match=f"{name} holds pixels of the kind {mode}"):
        image_reader.read(written(tmp_path / name, Image.new(mode, (8, 8))), 1)


def test_formats_beside_the_known_ones_are_not_decoded(tmp_path):
    written(tmp_path / "image.eps", COLOUR)
    (tmp_path / "image.eps").rename(tmp_path / "image.png")
    with pytest.raises(UserError, match="image.png cannot be read as an image"):
        image_reader.read(tmp_path / "image.png", 3)


def test_the_first_frame_is_read_and_more_are_noticed(tmp_path):
    second = Image.fromarray(255 - GREY)
    for name in ("moving.gif", "moving.webp", "moving.png", "pages.tif"):
        options = {"lossless": True} if name.endswith("webp") else {}
        path = written(tmp_path / name, GREY, save_all=True, append_images=[second], **options)
        picture = image_reader.read(path, 1)
        np.testing.assert_array_equal(picture.pixels[..., 0], GREY, err_msg=name)
        assert picture.has_more, name
        assert not image_reader.read(written(tmp_path / name, GREY, **options), 1).has_more


def test_a_huge_image_is_refused_by_its_header(tmp_path):
    written(tmp_path / "huge.png", GREY)
    content = bytearray((tmp_path / "huge.png").read_bytes())
    for width, height in ((30_000, 4_000), (60_000, 60_000)):
        content[16:24] = struct.pack(">II", width, height)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
        (tmp_path / "huge.png").write_bytes(content)
        with pytest.raises(UserError, match="huge.png (has 120,000,000 pixels|cannot be read .*exceeds limit)"):
            image_reader.read(tmp_path / "huge.png", 1)
        with pytest.raises(UserError, match="huge.png (is 4000x30000|cannot be read .*exceeds limit)"):
            image_reader.read(tmp_path / "huge.png", 1, (8, 10))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["png", "png-palette", "jpg", "gif", "bmp", "bmp-palette", "webp", "tif"])
def test_whatever_happened_to_a_file_it_is_read_or_refused_by_name(tmp_path, kind):
    ending, _, palette = kind.partition("-")
    image = Image.fromarray(COLOUR).convert("P") if palette else Image.fromarray(COLOUR)
    exif = Image.Exif()
    exif[0x0112] = 3
    buffer = io.BytesIO()
    options = {} if ending in ("bmp", "gif") else {"exif": exif}
    image.save(buffer, {"jpg": "jpeg", "tif": "tiff"}.get(ending, ending), **options)
    random, path = np.random.default_rng(0), tmp_path / f"damaged.{ending}"
    whole = np.frombuffer(buffer.getvalue(), np.uint8)
    read = refused = 0
    for _ in range(250):
        content = whole.copy()
        # Headers come first: most of the damage goes there.
        places = (random.random(random.integers(1, 4)) ** 3 * len(content)).astype(int)
        content[places] = random.choice([0, 1, 0x7F, 0x80, 0xFF, random.integers(256)], len(places))
        path.write_bytes(
            content[: random.choice([len(content), random.integers(len(content))], p=[0.8, 0.2])].tobytes()
        )
        try:
            read += image_reader.read(path, 3, (8, 10)).pixels.shape == (8, 10, 3)
        except UserError as error:
            refused += str(path) in str(error) and "\n" not in str(error)
    assert read + refused == 250 and refused > 20
