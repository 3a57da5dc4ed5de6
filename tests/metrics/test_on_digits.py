"""The measures on real MNIST digits: a small floor, and worse figures the more the digits are spoilt."""

import dataclasses
import itertools
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from aigc_tf.datasets import mnist
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.metrics import classifier
from aigc_tf.metrics.evidence import Evidence, Figure
from aigc_tf.metrics.extractor import Extractor, observe
from aigc_tf.metrics.judge import judge

MNIST = Path(__file__).parents[2].parent / "shared" / "data" / "mnist.npz"
pytestmark = pytest.mark.skipif(not MNIST.exists(), reason=f"needs all of MNIST in {MNIST}")
COUNT = 2000
QUICK = ("fd", "kernel_distance", "classifier_score", "class_coverage", "class_kl")
FIDELITY, VARIETY = ("precision", "density"), ("recall", "coverage")


@dataclasses.dataclass(frozen=True)
class Digits:
    """2,000 generated digits are compared with as many held-out ones; `spare` stands in for a generator."""

    real: np.ndarray
    real_labels: np.ndarray
    compared: np.ndarray
    train: np.ndarray
    spare: np.ndarray
    spare_labels: np.ndarray
    figures: Callable[..., dict[str, Figure]]
    eyes: Extractor


@pytest.fixture(scope="module")
def digits() -> Digits:
    with np.load(MNIST) as file:
        images, labels = file["x_train"][..., None], file["y_train"]
        real, real_labels = file["x_test"][..., None], file["y_test"]
    spec = DataSpec((28, 28, 1), 10, len(images), tuple("0123456789"), mnist.FINGERPRINT, "MNIST", "CC BY-SA 3.0")
    data = types.SimpleNamespace(spec=spec, train_images=images, train_labels=labels)
    eyes = classifier.load_classifier("mnist", data)
    order = np.random.default_rng(0).permutation(len(images))
    train, spare = order[:COUNT], order[COUNT : 10 * COUNT]
    some = np.random.default_rng(1).permutation(len(real))[:COUNT]
    seen_real, seen_train = observe(eyes, real[some]), observe(eyes, images[train])

    def figures(generated: np.ndarray, names: tuple[str, ...] = (*QUICK, "precision_recall")) -> dict[str, Figure]:
        return judge(Evidence(seen_real, observe(eyes, generated), seen_train), names).figures

    return Digits(real, real_labels, real[some], images[train], images[spare], labels[spare], figures, eyes)


def rounded(images: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


def rises(values: list[float]) -> bool:
    return all(later > earlier for earlier, later in itertools.pairwise(values))


def falls(name: str, figures: list[dict[str, Figure]]) -> bool:
    return rises([-each[name].value for each in figures])


def test_the_recorded_accuracy_is_the_one_measured(digits):
    # An image or two may tip over on a machine that rounds otherwise.
    told = observe(digits.eyes, digits.real).probabilities.argmax(axis=1)
    measured = np.mean(told == digits.real_labels)
    assert measured == pytest.approx(digits.eyes.held_out_accuracy, abs=3e-4)


def test_other_real_digits_reach_floor_and_ceiling(digits):
    figures = digits.figures(digits.spare[:COUNT])
    assert figures["fd_lenet"].value < 4 and figures["fd_lenet"].reference < 4
    low, high = figures["kid_lenet"].interval
    assert low < 0 < high and low < figures["kid_lenet"].reference < high
    for name in FIDELITY + VARIETY:
        assert figures[name].value == pytest.approx(figures[name].reference, abs=0.04)
    assert figures["classifier_score"].value == pytest.approx(figures["classifier_score"].reference, abs=0.15)
    assert figures["class_coverage"].value == figures["class_coverage"].reference == 10
    assert figures["class_kl"].value < 0.01 and figures["class_kl"].reference < 0.01
    assert digits.figures(digits.spare[:COUNT]) == figures


def test_identical_digits_score_no_worse_than_the_floor(digits):
    figures = digits.figures(digits.compared)
    assert figures["fd_lenet"].value < 1e-6 < figures["fd_lenet"].reference
    assert figures["kid_lenet"].value < figures["kid_lenet"].reference
    assert [figures[name].value for name in ("precision", "recall", "coverage")] == [1, 1, 1]
    assert figures["density"].value > figures["density"].reference
    assert figures["class_kl"].value == 0


def test_all_features_are_alive(digits):
    features = observe(digits.eyes, digits.real).features
    assert (features.std(axis=0) > 0.1).all()


def noisy(images: np.ndarray, sigma: float) -> np.ndarray:
    return rounded(images + np.random.default_rng(1).normal(0, sigma, images.shape))


def blurred(images: np.ndarray, sigma: float) -> np.ndarray:
    return rounded(gaussian_filter(images.astype(np.float32), (0, sigma, sigma, 0)))


@pytest.mark.parametrize(
    ("spoil", "strengths"), [(noisy, (0, 8, 16, 32, 64, 128)), (blurred, (0, 0.5, 0.7, 1, 1.5, 2))]
)
def test_distances_rise_and_the_score_falls_with_noise_and_blur(digits, spoil, strengths):
    figures = [digits.figures(spoil(digits.spare[:COUNT], strength), QUICK) for strength in strengths]
    for name in ("fd_lenet", "kid_lenet"):
        assert rises([each[name].value for each in figures])
    assert falls("classifier_score", figures)


# Noise of up to 32 of 255 levels moves digits to where many are, so that more of them lie in a ball: only recall falls.
@pytest.mark.parametrize(("spoil", "strengths"), [(noisy, (0, 64, 96, 128)), (blurred, (0, 0.7, 1, 2))])
def test_fidelity_and_variety_fall_with_noise_and_blur(digits, spoil, strengths):
    figures = [digits.figures(spoil(digits.spare[:COUNT], strength), ("precision_recall",)) for strength in strengths]
    for name in (*FIDELITY, "coverage"):
        assert falls(name, figures)
    assert falls("recall", figures[:3]) and figures[-1]["recall"].value < 0.01


def test_all_but_fidelity_see_lost_classes(digits):
    dropped = [digits.spare[digits.spare_labels < kept][:COUNT] for kept in range(10, 0, -1)]
    figures = [digits.figures(each, QUICK) for each in dropped]
    for name in ("fd_lenet", "kid_lenet", "class_kl"):
        assert rises([each[name].value for each in figures])
    assert falls("classifier_score", figures)
    assert [each["class_coverage"].value for each in figures] == list(range(10, 0, -1))
    assert figures[3]["class_coverage"].warning == "classes lost: 7, 8, 9"
    figures = [digits.figures(each, ("precision_recall",)) for each in dropped[::3]]
    for name in VARIETY:
        assert falls(name, figures)
    for name in FIDELITY:
        assert figures[-1][name].value == pytest.approx(figures[0][name].value, abs=0.12)


def test_few_digits_repeated_are_seen(digits):
    repeated = [np.tile(digits.spare[:count], (COUNT // count, 1, 1, 1)) for count in (COUNT, 100, 20, 1)]
    figures = [digits.figures(each) for each in repeated]
    for name in ("fd_lenet", "kid_lenet"):
        assert rises([each[name].value for each in figures])
    assert falls("coverage", figures)
    collapsed = figures[-1]
    assert collapsed["precision"].value == 1 and collapsed["coverage"].value < 0.01
    assert collapsed["coverage"].interval[1] < 0.1 * collapsed["coverage"].reference
