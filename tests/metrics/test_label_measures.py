"""Measures of what a model makes when it is asked for a class."""

import numpy as np
import pytest

from aigc_tf.metrics import METRICS
from aigc_tf.metrics.evidence import Evidence, MissingEvidence, Observations
from aigc_tf.metrics.fd import Gaussian, distance_of_few, frechet_distance
from aigc_tf.subjects import spread_labels

random = np.random.default_rng(0)
FEATURES, LABELS = random.normal(size=(400, 3)), np.arange(400) % 2


def told(classes: list[int], num_classes: int = 3) -> np.ndarray:
    return np.eye(num_classes)[classes]


def seen(features: np.ndarray, labels: np.ndarray = LABELS) -> Observations:
    return Observations(features=features, labels=labels)


def test_label_accuracy_is_the_share_that_is_what_was_asked_for():
    real = Observations(probabilities=told([0, 1, 2, 2]), labels=np.array([0, 1, 2, 0]))
    asked = np.array([0, 0, 1, 1, 2, 2, 2, 2])
    generated = Observations(probabilities=told([0, 0, 1, 2, 2, 2, 2, 0]), labels=asked)
    figure = METRICS["label_accuracy"](Evidence(real, generated))["label_accuracy"]
    assert figure.value == 6 / 8 and figure.reference == 3 / 4
    assert figure.interval[0] < 6 / 8 < figure.interval[1]
    assert figure.note == "class number 1 is missed most, 50.0% of the time"


def test_within_a_class_moved_means_count_with_the_class():
    """Of Gaussians with equal covariances only the squared distance of the means is left."""
    moved = FEATURES + np.where(LABELS[:, None] == 1, [3.0, 0.0, 4.0], 0.0)
    few = Evidence(seen(FEATURES), seen(moved), seen(FEATURES))
    figure = METRICS["fd_within_class"](few)["fd_within_class_lenet"]
    assert figure.value == pytest.approx(25 / 2, rel=1e-6)
    assert figure.reference == pytest.approx(0, abs=1e-9)


def test_within_a_class_swapped_classes_are_seen_where_all_images_together_look_right():
    apart = FEATURES + 10.0 * LABELS[:, None]
    swapped = Evidence(seen(apart), seen(apart, 1 - LABELS))
    assert METRICS["fd"](swapped)["fd_lenet"].value == pytest.approx(0, abs=1e-6)
    assert METRICS["fd_within_class"](swapped)["fd_within_class_lenet"].value > 250


def test_classes_of_one_image_are_left_out_and_named():
    labels = LABELS.copy()
    labels[0] = 7
    figure = METRICS["fd_within_class"](Evidence(seen(FEATURES, labels), seen(FEATURES)))["fd_within_class_lenet"]
    assert figure.note == "without classes of fewer than 2 images: 7"
    alone = np.arange(400)
    with pytest.raises(MissingEvidence, match="no class"):
        METRICS["fd_within_class"](Evidence(seen(FEATURES, alone), seen(FEATURES, alone)))


@pytest.mark.parametrize("count, width", [(12, 40), (40, 12)])
def test_few_images_give_the_same_distance_by_their_rows(count, width):
    first, second = random.normal(size=(count, width)), random.normal(1, 2, size=(count + 3, width))
    expected = frechet_distance(Gaussian.of(first), Gaussian.of(second))
    # Roots of a singular covariance hold the square roots of what its rounding left, some 1e-8 each.
    assert distance_of_few(first, second) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("classes, count", [(1000, 611), (25, 21), (30, 28), (100, 66), (10, 20)])
def test_classes_of_two_images_have_a_figure_but_no_interval(classes, count):
    features, labels = random.normal(size=(count, 4)), spread_labels(count, (1,) * classes)
    several = np.tile(np.arange(classes), 3)
    few = Evidence(seen(random.normal(size=(len(several), 4)), several), seen(features, labels))
    try:
        figure = METRICS["fd_within_class"](few)["fd_within_class_lenet"]
    except MissingEvidence:
        assert np.bincount(labels).max() < 2
    else:
        assert figure.value > 0 and figure.interval is None


def test_a_class_that_only_training_has_is_a_class(monkeypatch):
    monkeypatch.setattr("aigc_tf.metrics.classification_accuracy_score._MOST_STEPS", 2)
    images = random.integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)
    some = Observations(images=images, labels=np.arange(40) % 2)
    training = Observations(images=images, labels=np.arange(40) % 3)
    name = "classification_accuracy_score"
    assert METRICS[name](Evidence(some, some, training))[name].reference is not None


def test_a_classifier_is_taught_by_what_was_asked_for(monkeypatch):
    monkeypatch.setattr("aigc_tf.metrics.classification_accuracy_score._MOST_STEPS", 40)
    upright = (np.arange(8) % 4 < 2) * np.ones((8, 8)) * 200
    images = np.where(LABELS[:, None, None] == 0, upright, upright.T) + random.integers(0, 50, (400, 8, 8))
    images = images.astype(np.uint8)[..., None]
    rows = slice(0, 100), slice(100, 200), slice(200, 400)
    real, generated, training = (Observations(images=images[each], labels=LABELS[each]) for each in rows)
    swapped = Observations(images=images[100:200], labels=1 - LABELS[100:200])
    name = "classification_accuracy_score"
    right = METRICS[name](Evidence(real, generated, training))[name]
    assert right.value > 0.95 and right.reference > 0.95 and right.note == "trained on 100 images"
    assert METRICS[name](Evidence(real, swapped))[name].value < 0.05


@pytest.mark.parametrize("counts", [(1,) * 10, (60, 30, 10), (1,), (5, 0, 5), tuple(range(1, 1001))])
@pytest.mark.parametrize("count", [100, 2000])
def test_labels_are_asked_for_in_proportion_and_by_their_number_alone(counts, count):
    labels = spread_labels(count, counts)
    shares = np.array(counts) / np.sum(counts)
    found = np.bincount(labels, minlength=len(counts)) / count
    assert np.abs(found - shares).max() < 4 / count and labels.dtype == np.int64
    np.testing.assert_array_equal(spread_labels(count + 50, counts)[:count], labels)


def test_no_label_is_asked_for_without_classes():
    with pytest.raises(ValueError, match="no classes"):
        spread_labels(3, ())
