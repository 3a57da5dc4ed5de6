"""The measures on real MNIST digits: a small floor, and worse figures the more the digits are spoilt."""

import dataclasses
import itertools
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from aigc_tf.datasets.spec import DataSpec
from aigc_tf.metrics import classifier, lenet
from aigc_tf.metrics.evidence import Evidence, Figure
from aigc_tf.metrics.judge import judge

MNIST = Path(__file__).parents[2].parent / "shared" / "data" / "mnist.npz"
pytestmark = pytest.mark.skipif(not MNIST.exists(), reason=f"needs all of MNIST in {MNIST}")
COUNT = 2000


@dataclasses.dataclass(frozen=True)
class Digits:
    """2,000 generated digits are compared with the 10,000 held-out ones; `spare` stands in for a generator."""

    real: np.ndarray
    real_labels: np.ndarray
    train: np.ndarray
    spare: np.ndarray
    spare_labels: np.ndarray
    figures: Callable[[np.ndarray], dict[str, Figure]]
    eyes: classifier.Classifier


@pytest.fixture(scope="module")
def digits() -> Digits:
    with np.load(MNIST) as file:
        images, labels = file["x_train"][..., None], file["y_train"]
        real, real_labels = file["x_test"][..., None], file["y_test"]
    spec = DataSpec((28, 28, 1), 10, len(images), tuple("0123456789"), "sha256:", "MNIST", "CC BY-SA 3.0")
    data = types.SimpleNamespace(spec=spec, train_images=images, train_labels=labels)
    eyes = classifier.load_classifier("mnist", data)
    order = np.random.default_rng(0).permutation(len(images))
    train, spare = order[:COUNT], order[COUNT : 10 * COUNT]
    seen_real, seen_train = eyes.observe(real), eyes.observe(images[train])

    def figures(generated: np.ndarray) -> dict[str, Figure]:
        return judge(Evidence(seen_real, eyes.observe(generated), seen_train)).figures

    return Digits(real, real_labels, images[train], images[spare], labels[spare], figures, eyes)


def rounded(images: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


def rises(values: list[float]) -> bool:
    return all(later > earlier for earlier, later in itertools.pairwise(values))


def test_the_recorded_accuracy_is_the_one_measured(digits):
    # An image or two may tip over on a machine that rounds otherwise.
    measured = lenet.accuracy(digits.eyes.network, digits.real, digits.real_labels)
    assert measured == pytest.approx(digits.eyes.held_out_accuracy, abs=3e-4)


def test_other_real_digits_reach_floor_and_ceiling(digits):
    figures = digits.figures(digits.spare[:COUNT])
    assert figures["fd_lenet"].value < 3 and figures["fd_lenet"].reference < 3
    assert figures["classifier_score"].value == pytest.approx(figures["classifier_score"].reference, abs=0.15)
    assert figures["class_coverage"].value == figures["class_coverage"].reference == 10
    assert figures["class_kl"].value < 0.01 and figures["class_kl"].reference < 0.01
    assert digits.figures(digits.spare[:COUNT]) == figures


def test_all_features_are_alive(digits):
    features = digits.eyes.observe(digits.real).features
    assert (features.std(axis=0) > 0.1).all()


def test_distance_rises_with_noise(digits):
    random = np.random.default_rng(1)
    images = digits.spare[:COUNT]
    noisy = [rounded(images + random.normal(0, sigma, images.shape)) for sigma in (0, 8, 16, 32, 64, 128)]
    assert rises([digits.figures(each)["fd_lenet"].value for each in noisy])


def test_distance_rises_and_score_falls_with_blur(digits):
    images = digits.spare[:COUNT].astype(np.float32)
    blurred = [rounded(gaussian_filter(images, (0, sigma, sigma, 0))) for sigma in (0, 0.5, 0.7, 1, 1.5, 2)]
    figures = [digits.figures(each) for each in blurred]
    assert rises([each["fd_lenet"].value for each in figures])
    assert rises([-each["classifier_score"].value for each in figures])


def test_all_class_figures_see_lost_classes(digits):
    figures = []
    for kept in range(10, 0, -1):
        figures.append(digits.figures(digits.spare[digits.spare_labels < kept][:COUNT]))
    assert rises([each["fd_lenet"].value for each in figures])
    assert rises([each["class_kl"].value for each in figures])
    assert rises([-each["classifier_score"].value for each in figures])
    assert [each["class_coverage"].value for each in figures] == list(range(10, 0, -1))
    assert figures[3]["class_coverage"].note == "classes lost: 7, 8, 9"


def test_few_digits_repeated_are_seen(digits):
    repeated = [np.tile(digits.spare[:count], (COUNT // count, 1, 1, 1)) for count in (COUNT, 100, 20)]
    assert rises([digits.figures(each)["fd_lenet"].value for each in repeated])
