"""`npz:FILE`: which arrays are taken for images and labels, and which are refused."""

from __future__ import annotations

import numpy as np
import pytest
from own_images import held

from aigc_tf.errors import UserError

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (80, 9, 11), np.uint8)
COLOUR = RANDOM.integers(0, 256, (80, 9, 11, 3), np.uint8)
LABELS = np.arange(80) % 3


@pytest.fixture
def save(tmp_path):
    def save(compressed: bool = False, **arrays: np.ndarray) -> str:
        (np.savez_compressed if compressed else np.savez)(tmp_path / "images.npz", **arrays)
        return f"npz:{tmp_path / 'images.npz'}"

    return save


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(("images", "shape"), [(GREY, (9, 11, 1)), (GREY[..., None], (9, 11, 1)), (COLOUR, (9, 11, 3))])
def test_images_alone(save, load, compressed, images, shape):
    data = load(save(compressed, anything=images))
    assert data.spec.image_shape == shape and data.spec.num_classes == 0
    both = held(data)
    assert both["train"] | both["test"] == {row.tobytes() for row in images} and both["test"]


def test_an_npy(tmp_path, load):
    np.save(tmp_path / "images.npy", COLOUR)
    assert load(f"npz:{tmp_path / 'images.npy'}").count("train") > 50


@pytest.mark.parametrize("labels", [LABELS + 5, (LABELS + 5)[:, None], (LABELS + 5).astype(np.uint8)])
def test_labels_beside_images(save, load, labels):
    data = load(save(images=GREY, labels=labels, other=np.ones(3)))
    assert data.spec.class_names == ("5", "6", "7")
    known = {row.tobytes(): label for row, label in zip(GREY, LABELS)}
    for split in ("train", "test"):
        assert data.labels(split).tolist() == [known[row.tobytes()] for row in data.stored(split)]


def test_labels_that_do_not_fit_are_told_and_numbers_of_images_are_none(save, load):
    data = load(save(images=GREY, labels=LABELS.astype(float)))
    assert data.spec.num_classes == 0
    assert data.spec.figures["passed_over"] == {"arrays of labels that do not fit the images": 1}
    data = load(save(images=GREY, ids=np.arange(80)))
    assert data.spec.num_classes == 0 and not data.spec.figures["passed_over"]


@pytest.mark.parametrize("form", ["x_{}", "{}_images", "{}.images"])
def test_arrays_of_splits(save, load, form):
    labels = {"x_{}": "y_{}", "{}_images": "{}_labels", "{}.images": "{}.labels"}[form]
    parts = {"train": slice(0, 60), "val": slice(60, 70), "test": slice(70, 80)}
    arrays = {form.format(name): GREY[rows] for name, rows in parts.items()}
    arrays |= {labels.format(name): LABELS[rows] for name, rows in parts.items()}
    data = load(save(**arrays))
    assert (data.count("train"), data.count("test"), data.spec.num_classes) == (60, 20, 3)
    assert held(data)["train"] == {row.tobytes() for row in GREY[:60]}


def test_it_is_brought_to_a_size(save, load):
    assert load(save(images=COLOUR), image_size="16x8", channels="gray").spec.image_shape == (16, 8, 1)


def test_other_images_are_other_data(save, load):
    before = load(save(images=COLOUR, labels=LABELS)).spec.fingerprint
    assert load(save(images=COLOUR, labels=LABELS)).spec.fingerprint == before
    changed = load(save(images=COLOUR[:-1], labels=LABELS[:-1])).spec.fingerprint
    assert len({before, changed, load(save(images=COLOUR, labels=LABELS[::-1])).spec.fingerprint}) == 3


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "it holds nothing"),
        ({"images": COLOUR / 255}, r"must hold images as uint8 .* images: float64 \[80, 9, 11, 3\]"),
        ({"images": COLOUR.transpose(0, 3, 1, 2)}, "must hold images as uint8"),
        ({"a": COLOUR, "b": COLOUR}, "with train, test or val in their names"),
        ({"x_test": COLOUR, "x_val": COLOUR}, "holds no images to train on"),
        (
            {"images": COLOUR, "labels": LABELS, "classes": LABELS},
            "several arrays that may be labels of images: labels, classes",
        ),
        ({"images": np.asfortranarray(COLOUR)}, "Fortran"),
        ({"images": np.array([None] * 5)}, "must hold images as uint8"),
        ({"images": COLOUR[:1]}, "at least 2 are needed|none is held out"),
    ],
)
def test_arrays_that_are_no_images_are_told_in_a_sentence(save, load, arrays, message):
    with pytest.raises(UserError, match=message) as caught:
        load(save(**arrays))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"nothing", b"PK\x03\x04 nothing"])
def test_files_that_are_none_are_told_in_a_sentence(tmp_path, load, content):
    (tmp_path / "images.npz").write_bytes(content)
    with pytest.raises(UserError, match="cannot be read as arrays of images") as caught:
        load(f"npz:{tmp_path / 'images.npz'}")
    assert "pickle" not in str(caught.value)
    with pytest.raises(UserError, match="does not exist"):
        load(f"npz:{tmp_path / 'other.npz'}")


def test_a_file_that_is_cut_short_is_told_in_a_sentence(save, load, tmp_path):
    dataset = save(images=np.concatenate([COLOUR] * 20))
    file = tmp_path / "images.npz"
    content = bytearray(file.read_bytes())
    content[10_000:10_010] = b"0123456789"  # the check sum tells
    file.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read as arrays of images .*CRC"):
        load(dataset)
    np.save(tmp_path / "images.npy", COLOUR)
    whole = (tmp_path / "images.npy").read_bytes()
    (tmp_path / "images.npy").write_bytes(whole[:-100])
    with pytest.raises(UserError, match="cut short"):
        load(f"npz:{tmp_path / 'images.npy'}")
