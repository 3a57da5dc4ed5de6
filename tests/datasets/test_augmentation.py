"""Training images changed by chance in the stream of batches: as the seed, the number and the place of a row say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from aigc_tf.config import TrainConfig
from aigc_tf.datasets import augmentation
from aigc_tf.datasets.augmentation_config import AugmentationConfig
from aigc_tf.datasets.image_dataset import ImageDataset
from aigc_tf.datasets.pipeline import batches
from aigc_tf.modalities.image.graph import to_model, to_stored
from aigc_tf.parts.augmentations import CHANGES, MOVES

ALL = {"flip": 0.5, "flip_vertical": 0.3, "shift": 0.7, "rotate": 0.4, "zoom": 0.4, "crop": 0.4, "colour": 0.4}


def numbered(count: int = 30) -> ImageDataset:
    """Images that can be told apart by their label, which is their index."""
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 10, 3), np.uint8)
    labelled = images, np.arange(count)
    names = tuple(map(str, range(count)))
    return ImageDataset.of(labelled, labelled, class_names=names, source="chance", licence="")


def shown(settings: dict[str, float], start: int, stop: int, seed: int = 1) -> dict[str, np.ndarray]:
    data = numbered()
    change = augmentation.change_of(AugmentationConfig(**settings), data.spec, seed)
    steps = list(batches(data, "train", 10, seed, start, stop, change))
    return {name: np.concatenate([step[name] for step in steps]) for name in ("image", "label")}


def test_all_is_off_by_default():
    assert augmentation.change_of(TrainConfig(), numbered().spec, 0) is None


def test_each_setting_is_an_augmentation_of_images():
    assert AugmentationConfig(**ALL).augmentations.keys() == ALL.keys() == {*MOVES, *CHANGES} - {"cutout"}
    assert AugmentationConfig(rotate=0.25, rotate_by=90.0).augmentations == {"rotate": (0.25, 90.0)}


def test_a_stream_can_be_joined_at_any_step():
    whole, rest = shown(ALL, 0, 6), shown(ALL, 2, 6)
    for name, rows in rest.items():
        np.testing.assert_array_equal(rows, whole[name][20:])


def test_order_and_labels_stay_and_images_are_drawn_anew_for_each_epoch_place_and_seed():
    plain, changed, other = shown({}, 0, 6), shown(ALL, 0, 6), shown(ALL, 0, 6, seed=2)
    np.testing.assert_array_equal(changed["label"], plain["label"])
    passed_over = (changed["image"] == plain["image"]).all((1, 2, 3))
    assert passed_over.sum() < 10
    for label in range(30):
        versions = [*changed["image"][changed["label"] == label], *other["image"][other["label"] == label]]
        assert len(versions) == 4 and len({version.tobytes() for version in versions}) >= 3


def test_a_probability_is_a_share_of_the_rows():
    plain, changed = shown({}, 0, 60)["image"], shown({"flip": 0.3}, 0, 60)["image"]
    same = (changed == plain).all((1, 2, 3))
    assert np.mean(~same) == pytest.approx(0.3, abs=0.06)
    np.testing.assert_array_equal(changed[~same], plain[~same, :, ::-1])


def test_what_is_shown_could_be_stored():
    """Likelihoods count on levels, and on nothing beyond white and black."""
    images = shown({"rotate": 1.0, "colour": 1.0, "colour_by": 1.0}, 0, 3)["image"]
    np.testing.assert_array_equal(to_model(to_stored(images)), images)
    assert images.min() == -1.0 and images.max() == 1.0


def test_only_what_is_trained_on_is_changed():
    data = numbered()
    (batch,) = batches(data, "test", 30, 0, 0, 1)
    np.testing.assert_array_equal(batch["image"], to_model(data.test_images[batch["label"]]))


def test_the_same_seed_draws_other_numbers_for_data_than_for_noise(monkeypatch):
    """Streams of noise count from 0 under the same seed."""
    changed = shown({"flip": 0.5}, 0, 20)["image"]
    monkeypatch.setattr(augmentation, "_STREAM", 0)
    assert not np.array_equal(shown({"flip": 0.5}, 0, 20)["image"], changed)


def test_replicas_share_batches_that_were_changed_as_a_whole():
    """`fit` cuts what the stream gives, so a row is the same whoever gets it: here is that row alone."""
    data = numbered()
    change = augmentation.change_of(AugmentationConfig(**ALL), data.spec, 3)
    (whole,) = batches(data, "train", 30, 3, 4, 5, change)
    number = tf.constant(4, tf.int64)
    again = change({"image": to_model(data.train_images[whole["label"]]), "label": whole["label"]}, number)
    np.testing.assert_array_equal(again["image"], whole["image"])


def test_settings_are_probabilities():
    for name in ALL:
        with pytest.raises(ValueError, match=f"{name} is 1.5, but must be from 0 to 1"):
            TrainConfig.of(**{name: 1.5})
    assert dataclasses.replace(TrainConfig(), flip=0.5).to_json() != TrainConfig().to_json()
