"""Stacked digits: which digit lies in which channel, and that no class is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aigc_tf.datasets import DATASETS, mnist_5k, stacked_mnist
from aigc_tf.datasets.image_dataset import ImageDataset
from aigc_tf.errors import UserError
from aigc_tf.metrics.evidence import need
from aigc_tf.metrics.extractor import observe

WHOLE = Path(__file__).parents[3] / "shared" / "data"


def ten_digits(kept: int = 10) -> ImageDataset:
    """Three plain images a digit, whose brightness tells digit and split: 20 d + (0, 1 or 2) + 10 if held out."""
    labels = np.repeat(np.arange(kept), 3)
    values = (20 * labels + np.tile(np.arange(3), kept)).astype(np.uint8)
    images = np.tile(values[:, None, None], (1, 28, 28))
    return ImageDataset.of(
        (images, labels), (images + 10, labels), class_names=tuple("0123456789"), source="ten", licence="CC0"
    )


def test_each_channel_holds_a_digit_of_its_place_in_the_class() -> None:
    stacked = stacked_mnist.stack(ten_digits(), "some")
    assert stacked.spec.name == "some" and stacked.spec.image_shape == (28, 28, 3)
    assert stacked.spec.class_names[7] == "007" and stacked.spec.source.endswith("of: ten")
    for images, labels, held_out in (
        (stacked.train_images, stacked.train_labels, 0),
        (stacked.test_images, stacked.test_labels, 10),
    ):
        values = images[:, 5, 5].astype(int) - held_out
        np.testing.assert_array_equal(values // 20 @ [100, 10, 1], labels)
        chosen = values % 20
        assert (np.bincount(chosen.ravel(), minlength=3) > 0.3 * chosen.size).all(), "all of a kind are drawn alike"
        assert abs(np.corrcoef(chosen[:, 0], chosen[:, 1])[0, 1]) < 0.02, "the channels are drawn apart"


def test_every_class_has_as_many_images_in_no_order() -> None:
    stacked = stacked_mnist.stack(ten_digits(), "")
    assert set(np.bincount(stacked.train_labels)) == {60} and set(np.bincount(stacked.test_labels)) == {26}
    assert len(np.bincount(stacked.test_labels)) == 1000
    assert len(set(stacked.train_labels[:100])) > 80


def test_digits_that_lack_one_are_refused() -> None:
    with pytest.raises(UserError, match="the digits 8, 9 are missing"):
        stacked_mnist.stack(ten_digits(8), "")


def test_without_network_it_goes_by_the_name_that_gives_the_same_images_again(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fallback, named = DATASETS["stacked_mnist"](), DATASETS["stacked_mnist_5k"]()
    assert "5,000 digits" in capfd.readouterr().err
    assert fallback.spec == named.spec and named.spec.name == "stacked_mnist_5k"
    digits = {image.tobytes() for image in mnist_5k.load().test_images}
    assert {image[..., 1].tobytes() for image in named.test_images[:50]} <= digits


@pytest.mark.skipif(not (WHOLE / "mnist.npz").exists(), reason="the whole of MNIST is not beside the repository")
def test_the_whole_of_mnist_is_told_by_the_shipped_classifier_one_channel_at_a_time() -> None:
    from aigc_tf.metrics.classifier import load_classifier  # here, since it imports TensorFlow

    stacked = DATASETS["stacked_mnist"](WHOLE)
    assert stacked.train_images.shape == (60000, 28, 28, 3) and stacked.test_images.shape == (26000, 28, 28, 3)
    assert stacked.spec.name == "" and stacked.spec.num_classes == 1000
    assert stacked.spec.fingerprint == "sha256:c0ea83d9b11599a387315e6b00ace2c81ffbaaafa6a1e350913dac4e5cd48d48"
    eyes = load_classifier("stacked_mnist", stacked)
    told = need(observe(eyes, stacked.test_images[:3000]), "probabilities", "real").argmax(axis=1)
    assert np.mean(told == stacked.test_labels[:3000]) == pytest.approx(eyes.held_out_accuracy, abs=0.01)
