"""`tfds:NAME`, where TensorFlow Datasets is installed (requirements-tfds.txt)."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from own_images import held, picture

from aigc_tf.errors import UserError

tfds = pytest.importorskip("tensorflow_datasets", reason="an extra: requirements-tfds.txt")


def build(folder, splits: dict[str, range], **more) -> None:
    """A data set `small` of images as of `picture`, in two classes, prepared in `folder`."""
    features = {"image": tfds.features.Image(shape=(12, 10, 3)), "label": tfds.features.ClassLabel(names=["a", "b"])}
    made = {
        name: tf.data.Dataset.from_tensor_slices(
            {
                "image": np.stack([np.asarray(picture(number)) for number in numbers]),
                "label": [number % 2 for number in numbers],
            }
        )
        for name, numbers in splits.items()
    }
    tfds.dataset_builders.store_as_tfds_dataset(
        "small", "1.0.0", features=tfds.features.FeaturesDict(features), split_datasets=made, data_dir=folder
    )


def test_splits_and_classes(tmp_path, load):
    build(tmp_path / "tfds", {"train": range(30), "test": range(30, 40)})
    data = load("tfds:small", data_dir=tmp_path / "tfds")
    assert (data.count("train"), data.count("test"), data.spec.class_names) == (30, 10, ("a", "b"))
    assert held(data)["test"] == {np.asarray(picture(number)).tobytes() for number in range(30, 40)}
    assert "small/1.0.0 of TensorFlow Datasets" in data.spec.source


def test_what_is_not_at_hand_is_told_in_a_sentence(tmp_path, load):
    for name in ("mnist", "nosuchset"):
        with pytest.raises(UserError, match="nothing is downloaded unasked|is no data set") as caught:
            load(f"tfds:{name}", data_dir=tmp_path)
        assert "\n" not in str(caught.value)
