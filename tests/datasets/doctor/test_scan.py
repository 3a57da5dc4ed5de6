"""One file: what is wrong with it, and what is special about it."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aigc_tf.datasets.doctor import scan
from aigc_tf.datasets.doctor.scan import Facts

RANDOM = np.random.default_rng(1)
GREY = RANDOM.integers(0, 256, (16, 20), np.uint8)
COLOUR = RANDOM.integers(0, 256, (16, 20, 3), np.uint8)


def facts(path: Path, mode: scan.Mode = "colour") -> Facts:
    return scan.examine(path.parent, mode, path.name)


def written(path: Path, image: Image.Image | np.ndarray, **options: object) -> Path:
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **options)
    return path


def test_a_sound_file_has_its_size_and_no_marks(tmp_path):
    path = written(tmp_path / "猫 ü.png", COLOUR)
    found = facts(path)
    assert (found.fault, found.marks, found.format, found.is_grey) == ("", frozenset(), "PNG", False)
    assert (found.height, found.width, found.size) == (16, 20, path.stat().st_size)
    assert found.is_learnable and len(found.thumbnail) == 16 * 16 * 3


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "bmp", "tif", "webp"])
def test_what_was_cut_short_is_told(tmp_path, ending):
    path = written(tmp_path / f"cut.{ending}", np.tile(COLOUR, (4, 4, 1)))
    whole = path.read_bytes()
    faults = set()
    for share in (0.5, 0.8):
        path.write_bytes(whole[: int(len(whole) * share)])
        found = facts(path)
        assert found.reason and not found.is_learnable
        faults.add(found.fault)
    # A decoder of WebP does not say what it misses.
    assert faults == ({"damaged"} if ending == "webp" else {"truncated"})


def test_faults_are_told_apart(tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("<html>404</html>")
    (tmp_path / "header.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing that belongs there")
    (tmp_path / "nowhere.png").symlink_to("gone.png")
    (tmp_path / "circle.png").symlink_to("circle.png")
    written(tmp_path / "float.tif", Image.new("F", (16, 16)))
    expected = {
        "empty.png": "empty",
        "text.png": "no image",
        "header.png": "damaged",
        "nowhere.png": "gone",
        "never-there.png": "gone",
        "circle.png": "closed",
        "float.tif": "odd pixels",
    }
    assert {name: facts(tmp_path / name).fault for name in expected} == expected


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_we_may_not_read_is_told(tmp_path):
    path = written(tmp_path / "closed.png", COLOUR)
    path.chmod(0)
    assert facts(path).fault == "closed"


def png_header(width: int, height: int) -> bytes:
    """A PNG that says to be of that size, and holds next to nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(10_000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [10_000, 20_000, 60_000])
def test_a_bomb_is_refused_by_its_header(tmp_path, side):
    (tmp_path / "bomb.png").write_bytes(png_header(side, side))
    found = facts(tmp_path / "bomb.png")
    assert found.fault == "bomb" and "pixels" in found.reason


def test_what_is_special_is_marked(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6
    clear = np.dstack([COLOUR, GREY])
    palette = Image.fromarray(COLOUR).quantize(16)
    frames = [Image.fromarray(COLOUR[::-1])]
    files = {
        "turned.jpg": (COLOUR, {"exif": turned}, {"turned"}),
        "print.jpg": (Image.fromarray(COLOUR).convert("CMYK"), {}, {"cmyk"}),
        "deep.png": (GREY.astype(np.uint16) * 257, {}, {"16 bits"}),
        "palette.png": (palette, {}, {"palette"}),
        "hole.png": (palette, {"transparency": 3}, {"palette", "transparent"}),
        "clear.webp": (clear, {"lossless": True}, {"transparent"}),
        "opaque.png": (np.dstack([COLOUR, np.full_like(GREY, 255)]), {}, set()),
        "moving.gif": (COLOUR, {"save_all": True, "append_images": frames}, {"animated"}),
        "moving.png": (COLOUR, {"save_all": True, "append_images": frames}, {"animated"}),
        "misnamed.png": (COLOUR, {"format": "JPEG"}, {"misnamed"}),
        "misnamed.dat": (COLOUR, {"format": "PNG"}, {"misnamed"}),
        "upper.JPEG": (COLOUR, {}, set()),
        "tiny.png": (COLOUR[:7], {}, {"tiny"}),
        "blank.png": (np.full_like(COLOUR, 9), {}, {"blank"}),
        "huge.png": (Image.new("1", (4096, 4097)), {}, {"huge", "blank"}),
    }
    for name, (image, options, marks) in files.items():
        found = facts(written(tmp_path / name, image, **options))
        assert (found.fault, set(found.marks)) == ("", marks), name
        assert found.is_learnable == (not marks & {"tiny", "blank"})
    assert (facts(tmp_path / "turned.jpg").height, facts(tmp_path / "turned.jpg").width) == (20, 16)


def test_colours_of_16_bits_are_noticed(tmp_path):
    from test_image_reader import png_of_16_bits

    (tmp_path / "deep.png").write_bytes(png_of_16_bits(COLOUR))
    assert facts(tmp_path / "deep.png").marks == {"16 bits"}


def test_the_same_pixels_have_the_same_digest_however_they_are_stored(tmp_path):
    opaque = np.full_like(GREY, 255)
    grey = [
        written(tmp_path / "a.png", GREY),
        written(tmp_path / "b.bmp", np.stack([GREY] * 3, -1)),
        written(tmp_path / "c.png", np.dstack([GREY, GREY, GREY, opaque])),
        written(tmp_path / "d.tif", GREY.astype(np.uint16) * 257),
    ]
    digests = {facts(path, mode).digest for path in grey for mode in ("gray", "colour", "alpha")}
    assert len(digests) == 1 and len(digests.pop()) == 32
    assert all(facts(path).is_grey for path in grey)
    other = GREY.copy()
    other[3, 3] ^= 1
    assert facts(written(tmp_path / "e.png", other)).digest != facts(grey[0]).digest
    reshaped = written(tmp_path / "f.png", GREY.reshape(20, 16))
    assert facts(reshaped).digest != facts(grey[0]).digest


def test_colours_that_nobody_sees_make_no_other_image(tmp_path):
    shape = np.dstack([np.zeros_like(COLOUR), (GREY > 100) * np.uint8(255)])
    hidden = np.where(shape[..., 3:] == 0, np.uint8(77), shape)
    hidden[..., 3] = shape[..., 3]
    paths = written(tmp_path / "a.png", shape), written(tmp_path / "b.png", hidden)
    assert facts(paths[0], "alpha").digest == facts(paths[1], "alpha").digest
    white = 255 - shape
    white[..., 3] = shape[..., 3]
    path = written(tmp_path / "c.png", white)
    assert "blank" in facts(path).marks and "blank" not in facts(path, "alpha").marks
    assert facts(path, "alpha").digest != facts(paths[0], "alpha").digest
    assert facts(path, "alpha").thumbnail != facts(paths[0], "alpha").thumbnail
