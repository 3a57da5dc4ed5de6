"""Reading images that somebody else made: a folder of files, or an array; what is left out is counted."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aigc_tf.datasets import given_images
from aigc_tf.errors import UserError

GREY = np.arange(8 * 10, dtype=np.uint8).reshape(8, 10)


def test_images_come_in_the_order_of_their_paths_and_keep_their_pixels(tmp_path):
    (tmp_path / "below").mkdir()
    for name, value in (("b.png", 2), ("a.PNG", 1), ("below/c.bmp", 3)):
        Image.fromarray(GREY + value).save(tmp_path / name)
    steps: list[int] = []
    given = given_images.read(tmp_path, (8, 10, 1), steps.append)
    assert given.pixels.dtype == np.uint8 and given.left_out == {}
    np.testing.assert_array_equal(given.pixels[..., 0], [GREY + 1, GREY + 2, GREY + 3])
    assert steps == [1, 1, 1]


def test_what_is_left_out_is_counted(tmp_path):
    folder, elsewhere = tmp_path / "images", tmp_path / "elsewhere"
    (folder / "below").mkdir(parents=True)
    elsewhere.mkdir()
    Image.fromarray(GREY).save(folder / "a.png")
    Image.fromarray(GREY).save(elsewhere / "b.png")
    Image.fromarray(GREY).save(folder / "c.gif", save_all=True, append_images=[Image.fromarray(GREY + 1)] * 2)
    for name in ("notes.txt", "below/d.avif", "below/e.AVIF", "README"):
        (folder / name).write_text("no image that we read")
    (folder / "linked").symlink_to(elsewhere)
    (folder / "below" / "linked.png").symlink_to(elsewhere)
    (folder / "linked-file.png").symlink_to(elsewhere / "b.png")
    os.mkfifo(folder / "pipe.png")
    given = given_images.read(folder, (8, 10, 1))
    assert len(given.pixels) == 3  # a, c, and the file that is linked
    assert given.left_out == {
        "linked folders": 2,
        "files of other types (.avif, .txt, no ending)": 4,
        "pipes and devices": 1,
        "files' further frames or pages": 1,
    }
    assert "linked folders 2, " in given_images.in_words(given.left_out)


def test_channels_are_brought_to_the_ones_asked_for(tmp_path):
    colour = np.stack([GREY, GREY + 50, GREY + 100], -1)
    Image.fromarray(colour).save(tmp_path / "colour.png")
    np.testing.assert_array_equal(given_images.read(tmp_path, (8, 10, 3)).pixels[0], colour)
    assert given_images.read(tmp_path, (8, 10, 4)).pixels[0, ..., 3].min() == 255
    assert given_images.read(tmp_path, (8, 10, 1)).pixels.shape == (1, 8, 10, 1)


def test_without_a_shape_the_images_themselves_decide(tmp_path):
    Image.fromarray(np.stack([GREY, GREY], -1), "LA").save(tmp_path / "a.png")
    Image.fromarray(GREY).save(tmp_path / "b.png")
    assert given_images.read(tmp_path).pixels.shape == (2, 8, 10, 1)
    Image.fromarray(np.stack([GREY] * 3, -1)).save(tmp_path / "c.png")
    assert given_images.read(tmp_path).pixels.shape == (3, 8, 10, 3)
    Image.fromarray(GREY[:, :9]).save(tmp_path / "d.png")
    with pytest.raises(UserError, match="d.png is 8x9 pixels, but .* 8x10: resize"):
        given_images.read(tmp_path)


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
        given_images.read(tmp_path, (8, 10, 1))


def test_a_file_that_was_cut_short_is_named(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "cut.png")
    whole = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) - 30])
    with pytest.raises(UserError, match="cut.png cannot be read"):
        given_images.read(tmp_path, (8, 10, 1))


def test_a_link_to_nowhere_is_told_of(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(UserError, match="b.png cannot be read"):
        given_images.read(tmp_path, (8, 10, 1))


def test_folders_without_images_are_refused(tmp_path):
    with pytest.raises(UserError, match="holds no images"):
        given_images.read(tmp_path, (8, 10, 1))
    (tmp_path / "a.avif").touch()
    with pytest.raises(UserError, match=r"holds no images.*\(left out: files of other types \(.avif\) 1\)"):
        given_images.read(tmp_path, (8, 10, 1))
    with pytest.raises(UserError, match="is no folder"):
        given_images.read(tmp_path / "nowhere", (8, 10, 1))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read_is_named(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.png")
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(UserError, match="closed cannot be read"):
        given_images.read(tmp_path, (8, 10, 1))


IMAGES = np.stack([GREY, GREY + 1, GREY + 2])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_array_of_images_is_read(tmp_path, save):
    save(tmp_path / "samples.npz", IMAGES[..., None], np.arange(3))
    given = given_images.read(tmp_path / "samples.npz", (8, 10, 1))
    np.testing.assert_array_equal(given.pixels[..., 0], IMAGES)
    assert given.left_out == {"other arrays": 1}
    np.save(tmp_path / "samples.npy", np.asfortranarray(IMAGES))
    np.testing.assert_array_equal(given_images.read(tmp_path / "samples.npy").pixels[..., 0], IMAGES)


def test_arrays_are_brought_to_the_channels_asked_for_as_files_are(tmp_path):
    alpha = np.stack([np.zeros_like(IMAGES)] * 3 + [IMAGES], -1)
    np.savez(tmp_path / "alpha.npz", alpha)
    np.testing.assert_array_equal(given_images.read(tmp_path / "alpha.npz", (8, 10, 1)).pixels[..., 0], 255 - IMAGES)
    assert given_images.read(tmp_path / "alpha.npz").pixels.shape == (3, 8, 10, 3)
    np.savez(tmp_path / "grey.npz", IMAGES)
    np.testing.assert_array_equal(given_images.read(tmp_path / "grey.npz", (8, 10, 3)).pixels[..., 2], IMAGES)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ([IMAGES.astype(np.float32)], r"must hold one array .* arr_0: float32 \[3, 8, 10\]"),
        ([IMAGES, IMAGES], "must hold one array .* arr_0: .*; arr_1: "),
        ([], "must hold one array|cannot be read"),
        ([IMAGES[:, :4]], "are 4x10 pixels, but .* 8x10"),
        ([np.zeros((3, 1, 8, 10), np.uint8)], r"an array of shape \[3, 1, 8, 10\]: expected \[N, H, W, C\]"),
        ([IMAGES[:0]], r"an array of shape \[0, 8, 10, 1\]"),
        ([np.array([{}], object)], r"arr_0: object \[1\]"),
    ],
)
def test_arrays_that_are_no_images_are_refused(tmp_path, arrays, said):
    np.savez(tmp_path / "samples.npz", *arrays)
    with pytest.raises(UserError, match=f"samples.npz .*{said}"):
        given_images.read(tmp_path / "samples.npz", (8, 10, 1))


def test_damaged_arrays_are_refused(tmp_path):
    path = tmp_path / "samples.npz"
    np.savez_compressed(path, IMAGES)
    whole = path.read_bytes()
    for content in (b"", b"no array", whole[:50], whole[:-30], whole[:100] + b"xxxx" + whole[104:]):
        path.write_bytes(content)
        with pytest.raises(UserError, match="samples.npz cannot be read as an array of images"):
            given_images.read(path, (8, 10, 1))


def test_an_array_of_another_size_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "bomb.npz", np.zeros((3, 1000, 1000), np.uint8))
    monkeypatch.setattr(np, "load", lambda *given, **options: pytest.fail("unpacked"))
    with pytest.raises(UserError, match="are 1000x1000 pixels"):
        given_images.read(tmp_path / "bomb.npz", (8, 10, 1))


def test_a_reference_is_a_data_set_that_nobody_trains_on(tmp_path):
    np.savez(tmp_path / "real.npz", IMAGES, np.arange(3))
    data = given_images.as_reference(tmp_path / "real.npz")
    assert len(data.train_images) == data.spec.num_examples == data.spec.num_classes == 0
    np.testing.assert_array_equal(data.test_images[..., 0], IMAGES)
    assert data.spec.source == f"3 images of {tmp_path / 'real.npz'} (left out: other arrays 1)"
    np.savez(tmp_path / "real.npz", IMAGES + 1)
    assert given_images.as_reference(tmp_path / "real.npz").spec.fingerprint != data.spec.fingerprint
    np.savez(tmp_path / "one.npz", IMAGES[:1])
    with pytest.raises(UserError, match="holds one image"):
        given_images.as_reference(Path(tmp_path / "one.npz"))
