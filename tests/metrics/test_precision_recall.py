"""Precision, recall, density and coverage against the package of the paper that brought the last two, and by hand."""

import numpy as np
import pytest
from prdc import compute_prdc

from aigc_tf.metrics.evidence import Evidence, Figure, MissingEvidence, Observations
from aigc_tf.metrics.precision_recall import measure

NAMES = ("precision", "recall", "density", "coverage")


def points(seed: int, count: int, width: int = 6, mean: float = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, size=(count, width)).astype(np.float32)


def figures(real: np.ndarray, generated: np.ndarray, training: np.ndarray | None = None) -> dict[str, Figure]:
    train = None if training is None else Observations(training)
    return measure(Evidence(Observations(real), Observations(generated), train))


def values(real: np.ndarray, generated: np.ndarray) -> list[float]:
    taken = figures(real, generated)
    return [taken[name].value for name in NAMES]


def reference(real: np.ndarray, generated: np.ndarray) -> list[float]:
    three, five = (compute_prdc(real, generated, k) for k in (3, 5))
    return [three["precision"], three["recall"], five["density"], five["coverage"]]


@pytest.mark.parametrize(("numbers", "mean"), [((500, 500), 0.0), ((700, 300), 0.7), ((300, 700), 0.7)])
def test_they_agree_with_the_package_of_the_paper(numbers, mean):
    real, generated = points(0, numbers[0]), points(1, numbers[1], mean=mean)
    expected = reference(real, generated)
    assert values(real, generated) == pytest.approx(expected, abs=1e-9)
    assert min(expected) > 0.2 and max(expected) < 1.2


def test_the_reference_is_the_same_of_training_images():
    real, generated, training = points(0, 300), points(1, 300, mean=1), points(2, 300)
    taken = figures(real, generated, training)
    expected = dict(zip(NAMES, reference(real, training)))
    assert {name: figure.reference for name, figure in taken.items()} == pytest.approx(expected)
    assert not any(figure.note for figure in taken.values())
    unequal = figures(real, generated[:200], training[:100])["precision"]
    assert unequal.note == "of 300 real, 200 generated, 100 training images"
    assert figures(real, generated, training[:3])["recall"].reference is None


def test_identical_sets_are_perfect():
    # A ball holds its surface: six of the real images, itself among them, lie in each ball that reaches to the fifth.
    assert values(points(0, 400), points(0, 400)) == pytest.approx([1, 1, 6 / 5, 1])
    copies = np.repeat(points(0, 40), 10, axis=0)
    assert values(copies, copies)[:2] == [1, 1] and values(copies, copies)[3] == 1


def test_sets_far_apart_share_nothing():
    assert values(points(0, 100), points(1, 100, mean=50)) == [0, 0, 0, 0]


def test_a_collapsed_set_is_precise_and_covers_next_to_nothing():
    real = points(0, 500)
    collapsed = np.tile(real[np.abs(real).sum(axis=1).argmin()], (500, 1))
    precision, recall, density, coverage = values(real, collapsed)
    assert precision == 1 and density > 1
    assert recall == 1 / 500 and coverage < 0.1


def test_noise_costs_precision_and_lost_modes_cost_recall():
    centres = np.random.default_rng(3).normal(0, 20, size=(10, 6))

    def modes(seed: int, kept: int, noise: float = 0) -> np.ndarray:
        random = np.random.default_rng(seed)
        images = centres[random.integers(kept, size=300)] + random.normal(size=(300, 6))
        return (images + random.normal(0, noise, size=images.shape)).astype(np.float32)

    real = modes(0, 10)
    dropping = np.array([values(real, modes(1, kept)) for kept in (10, 7, 4, 1)])
    assert (np.diff(dropping[:, 1]) < 0).all() and (np.diff(dropping[:, 3]) < 0).all()
    assert (dropping[:, 0] > 0.8).all()
    noisy = np.array([values(real, modes(1, 10, noise)) for noise in (0, 0.5, 1, 2)])
    assert (np.diff(noisy[:, 0]) < 0).all() and (np.diff(noisy[:, 2]) < 0).all()


def test_nineteen_of_twenty_intervals_hold_what_fresh_samples_score():
    real = points(0, 200)
    taken = [figures(real, points(seed, 150, mean=0.4)) for seed in range(100, 140)]
    for name in NAMES:
        mean = np.mean([each[name].value for each in taken])
        held = [each[name].interval[0] <= mean <= each[name].interval[1] for each in taken]
        assert np.mean(held) > 0.87, name


def test_a_few_images_have_figures_without_intervals_and_fewer_are_refused():
    few = figures(points(0, 6), points(1, 4))
    assert few["recall"].interval is None and few["coverage"].interval is None
    with pytest.raises(MissingEvidence, match="at least 6 real images, not 5"):
        figures(points(0, 5), points(1, 50))
    with pytest.raises(MissingEvidence, match="at least 4 generated images, not 3"):
        figures(points(0, 50), points(1, 3))
    with pytest.raises(ValueError, match="width"):
        figures(points(0, 50), points(1, 50, width=5))
