"""Splits and classes by folders."""

from __future__ import annotations

import pytest

from aigc_tf.datasets.doctor.layout import places


def found(*names: str) -> list[tuple[str, str]]:
    return [(place.split, place.label) for place in places(names)]


@pytest.mark.parametrize("held_out", ["test", "val", "valid", "validation"])
def test_train_and_a_held_out_folder_are_splits(held_out):
    assert found("train/a/1.png", "train/b/deep/2.png", f"{held_out}/a/3.png", "4.png") == [
        ("train", "a"),
        ("train", "b"),
        (held_out, "a"),
        ("", ""),
    ]
    assert found("Train/1.png", f"{held_out.upper()}/2.png") == [("train", ""), (held_out, "")]


def test_train_alone_is_a_class_like_any_other():
    assert found("train/1.png", "car/2.png", "3.png") == [("", "train"), ("", "car"), ("", "")]
    assert found("train.png", "test.png") == [("", ""), ("", "")]


def test_a_single_folder_is_no_class():
    assert found("all/1.png", "all/2.png", "3.png") == [("", "")] * 3
    assert found("train/all/1.png", "test/all/2.png") == [("train", ""), ("test", "")]


def test_folders_beside_splits_are_no_classes():
    assert found("train/a/1.png", "train/b/2.png", "test/a/3.png", "new/4.png")[-1] == ("", "")


def test_folders_without_images_count():
    held_out = places(["train/a/1.png", "train/b/2.png"], ["train", "test"])
    assert [(place.split, place.label) for place in held_out] == [("train", "a"), ("train", "b")]
