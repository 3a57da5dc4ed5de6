"""Images that show the same or almost the same: found, and settled."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aigc_tf.datasets import DATASETS
from aigc_tf.datasets.doctor import duplicates, scan, survey


def settled(folder: Path) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """(kind, name of the other) of all departures, and all lookalikes, by name."""
    seen = survey.examine(folder)
    names = [facts.name for facts in seen.facts]
    gone = seen.repeats.departures.items()
    likes = seen.repeats.lookalikes.items()
    return (
        {names[row]: (each.kind, names[each.of]) for row, each in gone},
        {names[row]: names[other] for row, other in likes},
    )


def test_of_the_same_images_the_first_path_stays(paint, tmp_path):
    first = paint("b/one.png")
    paint("c/other.png")
    Image.open(first).save(tmp_path / "images" / "b" / "two.bmp")
    shutil.copy(first, tmp_path / "images" / "b" / "3.png")
    assert settled(tmp_path / "images")[0] == {
        "b/one.png": ("duplicate", "b/3.png"),
        "b/two.bmp": ("duplicate", "b/3.png"),
    }


def test_with_two_classes_nobody_knows_which_is_right(paint, tmp_path):
    shutil.copy(paint("cat/1.png"), paint("dog/2.png"))
    paint("dog/3.png")
    assert settled(tmp_path / "images")[0] == {
        "cat/1.png": ("several classes", "dog/2.png"),
        "dog/2.png": ("several classes", "cat/1.png"),
    }


def test_what_has_no_class_or_no_split_gives_way(paint, tmp_path):
    shutil.copy(paint("train/cat/1.png"), paint("train/0.png"))
    shutil.copy(paint("train/dog/2.png"), paint("more/2.png"))
    paint("test/dog/3.png")
    large = Image.open(tmp_path / "images" / "train" / "dog" / "2.png").resize((48, 48), Image.Resampling.BICUBIC)
    large.save(tmp_path / "images" / "more" / "large.png")
    assert settled(tmp_path / "images")[0] == {
        "train/0.png": ("duplicate", "train/cat/1.png"),
        "more/2.png": ("duplicate", "train/dog/2.png"),
        "more/large.png": ("near duplicate", "train/dog/2.png"),
    }


def test_a_leak_leaves_the_split_that_is_trained_on(paint, tmp_path):
    held_out = paint("test/cat/1.png")
    for name in ("train/cat/2.png", "train/dog/3.png", "val/cat/4.png"):
        shutil.copy(held_out, paint(name))
    paint("train/dog/5.png")
    Image.open(held_out).resize((48, 48), Image.Resampling.BICUBIC).save(
        tmp_path / "images" / "train" / "dog" / "6.png"
    )
    gone, _ = settled(tmp_path / "images")
    leak = ("leak", "test/cat/1.png")
    assert gone == {name: leak for name in gone}
    assert set(gone) == {"train/cat/2.png", "train/dog/3.png", "val/cat/4.png", "train/dog/6.png"}


def test_of_almost_the_same_images_the_largest_stays(paint, tmp_path):
    small = Image.open(paint("cat/small.png"))
    small.resize((60, 60), Image.Resampling.BICUBIC).save(tmp_path / "images" / "cat" / "zoomed.png")
    small.save(tmp_path / "images" / "cat" / "again.jpg", quality=90, subsampling=0)
    paint("dog/other.png")
    small.resize((36, 36), Image.Resampling.BICUBIC).save(tmp_path / "images" / "dog" / "same.png")
    gone, likes = settled(tmp_path / "images")
    assert gone == {name: ("near duplicate", "cat/zoomed.png") for name in ("cat/again.jpg", "cat/small.png")}
    assert likes == {"dog/same.png": "cat/zoomed.png"}


def thumbnail(image: Image.Image) -> bytes:
    return scan.thumbnail(image)


@pytest.fixture(scope="module")
def digits() -> list[Image.Image]:
    data = DATASETS["mnist_5k"](None)
    return [Image.fromarray(each[..., 0]) for each in (*data.train_images, *data.test_images)]


def test_no_two_real_digits_are_taken_for_the_same(digits):
    assert duplicates.almost_same([thumbnail(digit) for digit in digits], lambda row, other: True) == {}


def test_digits_saved_anew_are_found_among_all_others(digits):
    thumbnails = [thumbnail(digit) for digit in digits]
    for digit in digits[::50]:
        file = io.BytesIO()
        digit.resize((56, 56), Image.Resampling.BICUBIC).save(file, "jpeg", quality=85)
        thumbnails.append(thumbnail(Image.open(file)))
    like = duplicates.almost_same(thumbnails, lambda row, other: True)
    expected = {len(digits) + index: [50 * index] for index in range(len(digits) // 50)}
    assert sum(like.get(row) == others for row, others in expected.items()) >= 0.9 * len(expected)
    assert like.items() <= expected.items()


def test_the_chunks_of_the_comparison_cannot_be_seen(monkeypatch):
    random = np.random.default_rng(0)
    centres = random.integers(0, 256, (20, 768))
    images = np.clip(centres[random.integers(20, size=300)] + random.normal(0, 3.5, (300, 768)), 0, 255)
    images = [*images.astype(np.uint8), np.full(768, 7, np.uint8), np.full(768, 8, np.uint8)]
    like = duplicates.almost_same([image.tobytes() for image in images], lambda row, other: True)
    assert like[301] == [300] and 250 < len(like) < 290  # each is like the first of its centre
    monkeypatch.setattr(duplicates, "_AT_ONCE", 7)
    assert duplicates.almost_same([image.tobytes() for image in images], lambda row, other: True) == like

    def by_hand(row: int, other: int) -> bool:
        a, b = (images[each].astype(float) for each in (row, other))
        contrast = max(min(a.std(), b.std()), 15)
        return np.sqrt(((a - b) ** 2).mean()) <= 0.1 * contrast and abs(a - b).max() <= 0.4 * contrast

    stays: list[int] = []
    for row in range(len(images)):
        alike = [other for other in stays if by_hand(row, other)]
        assert like.get(row, []) == alike
        stays += [] if alike else [row]


def test_of_very_many_that_are_near_only_the_nearest_are_looked_at(monkeypatch):
    """Noise of one grey: all sums are alike, and no two images."""
    random = np.random.default_rng(0)
    images = [*random.integers(0, 256, (300, 768), np.uint8)]
    images += [image ^ 1 for image in images[::10]]
    monkeypatch.setattr(duplicates, "_BLOCK", 16)
    looked_at: list[int] = []
    are_alike = duplicates._are_alike

    def counted(small, variance, row, others):
        looked_at.append(len(others))
        return are_alike(small, variance, row, others)

    monkeypatch.setattr(duplicates, "_are_alike", counted)
    like = duplicates.almost_same([image.tobytes() for image in images], lambda row, other: True)
    assert like == {300 + number: [10 * number] for number in range(30)}
    assert max(looked_at) == 64


def test_a_face_with_another_mouth_is_another_image():
    face = np.full((64, 64, 3), (255, 204, 77), np.uint8)
    face[20:28, 16:24] = face[20:28, 40:48] = 60
    smile, frown = face.copy(), face.copy()
    smile[46:50, 20:44] = smile[42:46, 16:20] = smile[42:46, 44:48] = 60
    frown[42:46, 20:44] = frown[46:50, 16:20] = frown[46:50, 44:48] = 60
    pair = [thumbnail(Image.fromarray(each)) for each in (smile, frown)]
    assert duplicates.almost_same(pair, lambda row, other: True) == {}
