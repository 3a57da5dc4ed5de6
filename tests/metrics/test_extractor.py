"""The contract: choosing an extractor, looking in batches, what is kept, what is said."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from aigc_tf.datasets import DATASETS
from aigc_tf.errors import UserError
from aigc_tf.metrics import lenet
from aigc_tf.metrics.evidence import Observations
from aigc_tf.metrics.extractor import Extractor, cautions, observe
from aigc_tf.metrics.extractors import load_extractor

IMAGES = np.random.default_rng(0).integers(0, 256, (23, 8, 9, 3), dtype=np.uint8)


class Looks:
    """Features are the mean and the first pixel; it counts the images it has looked at."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, images: np.ndarray) -> Observations:
        self.sizes.append(len(images))
        features = np.stack([images.mean(axis=(1, 2, 3)), images[:, 0, 0, 0]], axis=1).astype(np.float32)
        probabilities = np.tile(np.float32([0.25, 0.75]), (len(images), 1))
        return Observations(features, extractor_probabilities=probabilities)


def extractor(look: Callable[[np.ndarray], Observations], **changed: object) -> Extractor:
    made = Extractor("mean", "mean", "sha256:1", "none", None, 2, look, batch_size=10)
    return dataclasses.replace(made, **changed)


def test_images_are_looked_at_in_batches_with_progress():
    look, done = Looks(), []
    seen = observe(extractor(look), IMAGES, progress=done.append)
    assert look.sizes == done == [10, 10, 3]
    np.testing.assert_array_equal(seen.features, look(IMAGES).features)
    assert seen.extractor_probabilities.shape == (23, 2) and seen.probabilities is None and seen.images is None


def test_what_was_seen_is_kept_by_content_extractor_and_resizer(tmp_path):
    look, done = Looks(), []
    first = observe(extractor(look), IMAGES, content="a", cache=tmp_path)
    again = observe(extractor(look), IMAGES, content="a", cache=tmp_path, progress=done.append)
    assert look.sizes == [10, 10, 3] and done == [23]
    for field in ("features", "extractor_probabilities"):
        np.testing.assert_array_equal(getattr(first, field), getattr(again, field))
        assert getattr(again, field).dtype == np.float32
    observe(extractor(look), IMAGES, content="b", cache=tmp_path)
    observe(extractor(look, hash="sha256:2"), IMAGES, content="a", cache=tmp_path)
    observe(extractor(look, resizer="bilinear"), IMAGES, content="a", cache=tmp_path)
    assert len(look.sizes) == 12 and len(list((tmp_path / "features").iterdir())) == 4
    observe(extractor(look), IMAGES)
    assert len(look.sizes) == 15 and len(list((tmp_path / "features").iterdir())) == 4


def test_images_of_another_type_and_features_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="expected uint8 images"):
        observe(extractor(Looks()), IMAGES / np.float32(255))
    with pytest.raises(ValueError, match="at least one"):
        observe(extractor(Looks()), IMAGES[:0])
    blind = extractor(lambda images: Observations(np.full((len(images), 2), np.nan)))
    with pytest.raises(ValueError, match="NaN"):
        observe(blind, IMAGES)


def test_cautions_are_about_the_extractor_and_about_few_images():
    assert cautions(extractor(Looks()), 3, 3) == ()
    (few,) = cautions(extractor(Looks()), 3, 2)
    assert few.startswith("2 images are too few for the 2 features of mean")
    assert cautions(extractor(Looks(), caution="Beware."), 3, 3) == ("Beware.",)


def test_the_choice_is_the_small_classifier_or_a_path(tmp_path, monkeypatch):
    monkeypatch.setattr(lenet, "_LEAST_STEPS", 20)
    data = DATASETS["synthetic"]()
    lines: list[str] = []
    chosen = load_extractor("lenet", "synthetic", data, tmp_path, lines.append)
    assert chosen.name == "lenet-synthetic" and chosen.short == "lenet" and len(lines) == 1
    seen = observe(chosen, data.test_images)
    assert seen.features.shape == (500, chosen.num_features) and seen.probabilities.shape == (500, 4)
    features, probabilities = lenet.look(lenet_of(data, tmp_path), data.test_images)
    np.testing.assert_array_equal(seen.features, features)
    np.testing.assert_array_equal(seen.probabilities, probabilities)
    with pytest.raises(UserError, match="--extractor lenett does not exist: give lenet, filters, inception, or"):
        load_extractor("lenett", "synthetic", data, tmp_path)


def lenet_of(data, cache):
    """The network whose weights lie in `cache`."""
    from aigc_tf.metrics import weights_file

    network = lenet.build(data.spec.image_shape, data.spec.num_classes)
    (path,) = (cache / "classifiers").iterdir()
    weights, _ = weights_file.load(path)
    network.set_weights([weights[name] for name in lenet.get_weights(network)])
    return network
