"""Shipped and cached classifiers: which one is taken, what is checked, and what happens to damage."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aigc_tf.datasets import loading, mnist, mnist_5k
from aigc_tf.datasets.data_config import DataConfig
from aigc_tf.datasets.image_dataset import ImageDataset
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.errors import UserError
from aigc_tf.metrics import classifier, lenet, shipped, weights_file
from aigc_tf.metrics.extractor import observe
from aigc_tf.paths import default_cache


def stripes(num_classes: int = 2, fingerprint: str = "sha256:" + "0" * 64) -> ImageDataset:
    """Upright and level stripes: a data set of two classes that a classifier learns in a moment."""
    random = np.random.default_rng(2)
    labels = np.arange(120, dtype=np.int32) % 2
    upright = (np.arange(8) % 4 < 2) * np.ones((8, 8)) * 200
    images = np.where(labels[:, None, None] == 0, upright, upright.T) + random.integers(0, 50, (120, 8, 8))
    images = images.astype(np.uint8)[..., None]
    spec = DataSpec((8, 8, 1), num_classes, 100, ("upright", "level")[:num_classes], fingerprint, "made here", "CC0")
    return ImageDataset(spec, images[:100], labels[:100], images[100:], labels[100:])


@pytest.fixture(autouse=True)
def short_training(monkeypatch):
    """Stripes are learnt long before the 400 steps of a real training are over."""
    monkeypatch.setattr(lenet, "_LEAST_STEPS", 40)


class Counter:
    """Counts trainings, each of which is announced once."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)


def test_a_classifier_is_trained_once_and_then_read(tmp_path):
    say = Counter()
    made = classifier.load_classifier("stripes", stripes(), tmp_path, say)
    read = classifier.load_classifier("stripes", stripes(), tmp_path, say)
    assert len(say.lines) == 1 and "stripes" in say.lines[0]
    assert made.name == read.name == "lenet-stripes"
    assert made.hash == read.hash and made.held_out_accuracy == read.held_out_accuracy == 1.0
    images = stripes().test_images
    first, second = (observe(each, images) for each in (made, read))
    np.testing.assert_array_equal(first.features, second.features)
    assert first.probabilities.shape == (20, 2) and first.features.shape == (20, made.num_features)
    classifier.load_classifier("stripes", stripes(fingerprint="sha256:" + "1" * 64), tmp_path, say)
    assert len(say.lines) == 2 and len(list((tmp_path / "classifiers").iterdir())) == 2


def test_a_damaged_cache_is_made_anew_with_a_warning(tmp_path):
    say = Counter()
    made = classifier.load_classifier("stripes", stripes(), tmp_path, say)
    (path,) = (tmp_path / "classifiers").iterdir()
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.warns(UserWarning, match="made anew"):
        again = classifier.load_classifier("stripes", stripes(), tmp_path, say)
    assert again.hash == made.hash and len(say.lines) == 2
    weights_file.save(path, {"conv1/kernel": np.zeros(3, np.float32)}, 1.0)
    with pytest.warns(UserWarning, match="another network"):
        classifier.load_classifier("stripes", stripes(), tmp_path, say)
    assert classifier.load_classifier("stripes", stripes(), tmp_path, say).hash == made.hash and len(say.lines) == 3


def test_a_cache_that_cannot_be_written_costs_only_a_warning(tmp_path):
    (tmp_path / "file").touch()
    with pytest.warns(UserWarning, match="could not be kept"):
        made = classifier.load_classifier("stripes", stripes(), tmp_path / "file" / "cache", lambda line: None)
    assert made.held_out_accuracy == 1.0


def test_images_without_labels_are_refused(tmp_path):
    with pytest.raises(UserError, match="stripes carries no labels.*--extractor filters"):
        classifier.load_classifier("stripes", stripes(num_classes=0), tmp_path)


def test_the_cache_lies_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("AIGC_TF_CACHE", str(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.delenv("AIGC_TF_CACHE")
    assert default_cache() == Path.home() / ".cache" / "aigc_tf"


def test_shipped_weights_are_small_and_what_the_code_expects():
    path = shipped._WEIGHTS / "lenet_mnist.npz"
    assert path.stat().st_size < 1_000_000
    weights, accuracy = weights_file.load(path)
    assert weights_file.weights_hash(weights) == shipped.WEIGHTS_HASH
    assert accuracy > 0.99


@pytest.mark.parametrize("name", ["mnist", "mnist_5k", "anything"])
@pytest.mark.parametrize("digits", shipped.DIGITS)
def test_the_digits_take_the_shipped_weights_whatever_they_are_called(name, digits, tmp_path):
    say = Counter()
    judge = classifier.load_classifier(name, described((28, 28, 1), 10, digits), tmp_path, say)
    assert judge.hash == shipped.WEIGHTS_HASH and judge.name == "lenet-mnist" and not say.lines


def test_digits_in_a_file_of_ones_own_are_the_digits(tmp_path, monkeypatch):
    """What a file is called, and how its images are read, says nothing of whose they are."""
    monkeypatch.setenv("AIGC_TF_CACHE", str(tmp_path / "cache"))
    digits, say = mnist_5k.load(), Counter()
    pixels = {"x_train": digits.train_images[::-1, ..., 0], "x_test": digits.test_images[..., 0]}
    np.savez(tmp_path / "mine.npz", **pixels, y_train=digits.train_labels[::-1], y_test=digits.test_labels)
    data = loading.load(DataConfig(dataset=f"npz:{tmp_path}/mine.npz"), lambda line: None)
    assert classifier.load_classifier("mine", data, tmp_path, say).name == "lenet-mnist" and not say.lines


def test_other_images_called_mnist_are_judged_like_other_data_and_called_what_they_are(tmp_path):
    data, say = stripes(fingerprint="sha256:" + "0123456789abcdef" * 4), Counter()
    grown = [
        np.kron(images, np.ones((1, 4, 4, 1), np.uint8))[:, 2:30, 2:30]
        for images in (data.train_images, data.test_images)
    ]
    data = dataclasses.replace(
        data,
        spec=dataclasses.replace(data.spec, shape=(28, 28, 1), num_classes=10),
        train_images=grown[0],
        test_images=grown[1],
    )
    own = classifier.load_classifier("mnist", data, tmp_path, say)
    assert own.hash != shipped.WEIGHTS_HASH and len(say.lines) == 1
    assert own.name == "lenet-mnist-like-01234567" and "mnist-like-01234567" in say.lines[0]
    assert own.held_out_accuracy == 1.0


def test_changed_shipped_weights_are_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(shipped, "_WEIGHTS", tmp_path)
    weights = lenet.get_weights(lenet.build((28, 28, 1), 10))
    weights_file.save(tmp_path / "lenet_mnist.npz", weights, 0.99)
    with pytest.raises(ValueError, match="install the package again"):
        classifier.load_classifier("mnist", described((28, 28, 1), 10, shipped.DIGITS[0]), tmp_path)


def test_the_script_saves_weights_as_the_cache_holds_them(tmp_path):
    from aigc_tf.datasets import DATASETS

    out = tmp_path / "synthetic.npz"
    command = ["--dataset", "synthetic", "--data-dir", str(tmp_path), "--out", str(out)]
    ended = subprocess.run(
        [sys.executable, "-m", "aigc_tf.metrics.train_classifier", *command], capture_output=True, text=True, check=True
    )
    data = DATASETS["synthetic"](tmp_path)
    (tmp_path / "classifiers").mkdir()
    out.rename(tmp_path / "classifiers" / f"lenet-{classifier._cache_key(data.spec)}.npz")
    say = Counter()
    read = classifier.load_classifier("synthetic", data, tmp_path, say)
    assert not say.lines
    assert read.hash in ended.stdout and f"accuracy {read.held_out_accuracy:.4f}" in ended.stdout
    told = observe(read, data.test_images).probabilities.argmax(axis=1)
    assert read.held_out_accuracy == np.mean(told == data.test_labels) > 0.95


def described(shape: tuple[int, int, int], num_classes: int, fingerprint: str) -> ImageDataset:
    """Who judges is decided by the description alone."""
    spec = dataclasses.replace(stripes().spec, shape=shape, num_classes=num_classes, fingerprint=fingerprint)
    return dataclasses.replace(stripes(), spec=spec)


@pytest.mark.parametrize("digits", shipped.STACKED_DIGITS)
def test_stacked_digits_are_judged_one_channel_at_a_time_by_the_shipped_weights(digits, tmp_path):
    stacked = classifier.load_classifier("stacked_mnist", described((28, 28, 3), 1000, digits), tmp_path)
    digits = classifier.load_classifier("mnist", described((28, 28, 1), 10, shipped.DIGITS[0]), tmp_path)
    assert stacked.name == "lenet-mnist per channel" and stacked.short == "lenet"
    assert stacked.hash == digits.hash == shipped.WEIGHTS_HASH and stacked.num_features == 252
    assert stacked.held_out_accuracy == pytest.approx(digits.held_out_accuracy**3)
    images = np.random.default_rng(0).integers(0, 256, (6, 28, 28, 3), dtype=np.uint8)
    seen = observe(stacked, images)
    red, green, blue = (observe(digits, images[..., channel : channel + 1]) for channel in range(3))
    np.testing.assert_array_equal(seen.features, np.hstack([red.features, green.features, blue.features]))
    assert seen.probabilities.shape == (6, 1000) and seen.probabilities.dtype == np.float32
    np.testing.assert_allclose(seen.probabilities.sum(axis=1), 1, rtol=1e-5)
    for row in range(6):
        first, second, third = (each.probabilities[row] for each in (red, green, blue))
        assert seen.probabilities[row, 374] == pytest.approx(first[3] * second[7] * third[4])


def test_other_images_of_that_name_get_a_classifier_of_its_own(tmp_path):
    data = stripes()
    own = classifier.load_classifier("stacked_mnist", data, tmp_path, lambda line: None)
    assert own.name == "lenet-stacked_mnist-like-00000000"


def test_the_known_digits_are_those_of_the_data_sets():
    """Stacked digits are drawn at random, so a NumPy with another stream would make others."""
    from aigc_tf.datasets import DATASETS

    assert DATASETS["mnist_5k"]().spec.fingerprint == shipped.DIGITS[1]
    assert DATASETS["stacked_mnist_5k"]().spec.fingerprint == shipped.STACKED_DIGITS[1]
    assert shipped.DIGITS[0] is mnist.FINGERPRINT  # test_stacked_mnist.py knows what the whole of it gives
