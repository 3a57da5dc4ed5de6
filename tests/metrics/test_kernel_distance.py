"""The kernel distance against scikit-learn's kernel, its expectation and its standard error."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import polynomial_kernel

from aigc_tf.metrics import kernel_distance
from aigc_tf.metrics.evidence import Evidence, Figure, MissingEvidence, Observations


def points(seed: int, count: int, width: int = 5, mean: float = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, size=(count, width)).astype(np.float32)


def figure(real: np.ndarray, generated: np.ndarray, training: np.ndarray | None = None) -> Figure:
    evidence = Evidence(
        Observations(real), Observations(generated), None if training is None else Observations(training), "iris"
    )
    return kernel_distance.measure(evidence)["kid_iris"]


def brute_force(real: np.ndarray, generated: np.ndarray) -> float:
    """The unbiased estimate of MMD², from tables of all pairs."""
    real, generated = real.astype(np.float64), generated.astype(np.float64)

    def among(x: np.ndarray) -> float:
        return polynomial_kernel(x, degree=3, coef0=1)[~np.eye(len(x), dtype=bool)].mean()

    return among(real) + among(generated) - 2 * polynomial_kernel(real, generated, degree=3, coef0=1).mean()


@pytest.mark.parametrize("chunk", [2000, 37])
def test_it_is_the_mean_over_all_pairs_whatever_the_chunk(chunk, monkeypatch):
    monkeypatch.setattr(kernel_distance, "_CHUNK", chunk)
    real, generated, training = points(0, 150), points(1, 90, mean=0.5), points(2, 200)
    taken = figure(real, generated, training)
    assert taken.value == pytest.approx(brute_force(real, generated), rel=1e-9)
    floor = Evidence(Observations(real), Observations(generated), Observations(training)).floor
    assert floor is not None and floor.features is not None
    assert taken.reference == pytest.approx(brute_force(real, floor.features), rel=1e-9)
    assert taken.better == "lower"


def test_standard_normals_one_apart_in_one_dimension_follow_the_closed_form():
    # E (x y + 1)³ over independent x, y ~ N(m, 1) and N(n, 1): 1 + 3 mn + 3 (1 + m²)(1 + n²) + (m³ + 3m)(n³ + 3n).
    # So MMD² of N(1, 1) and N(0, 1) is (1 + 3 + 12 + 16) + (1 + 3) - 2 (1 + 6) = 22.
    values = [figure(points(seed, 500, 1), points(seed + 1000, 500, 1, mean=1)).value for seed in range(60)]
    assert np.mean(values) == pytest.approx(22, abs=3 * np.std(values) / np.sqrt(60))
    assert np.std(values) / np.sqrt(60) < 1


def test_of_the_same_distribution_it_is_0_on_average_and_negative_about_as_often_as_not():
    values = [figure(points(seed, 60), points(seed + 1000, 60)).value for seed in range(200)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(200)
    assert 0.3 < np.mean(np.array(values) < 0) < 0.7


def test_identical_sets_lie_no_further_apart_than_the_floor():
    real = points(3, 400)
    assert figure(real, real, points(4, 400)).value < figure(real, real, points(4, 400)).reference + 1e-3


@pytest.mark.parametrize("mean", [0.0, 0.5])
def test_the_standard_error_is_the_spread_of_fresh_samples(mean):
    real = points(5, 400)
    taken = [figure(real, points(seed, 100, mean=mean)) for seed in range(100, 250)]
    values = np.array([each.value for each in taken])
    errors = np.array([float(each.note.removeprefix("standard error ")) for each in taken])
    # Where the sets are alike the jackknife takes noise for spread, and errs to the safe side.
    assert 0.85 < np.mean(errors) / values.std() < (1.5 if mean == 0 else 1.15)
    inside = [each.interval[0] <= values.mean() <= each.interval[1] for each in taken]
    assert np.mean(inside) > 0.9


def test_leaving_one_out_needs_no_second_pass():
    real, generated = points(6, 80), points(7, 40)
    taken = figure(real, generated)
    leave_one_out = [brute_force(real, np.delete(generated, row, axis=0)) for row in range(40)]
    error = np.sqrt(39 * np.var(leave_one_out))
    assert float(taken.note.removeprefix("standard error ")) == pytest.approx(error, rel=0.05)  # two digits
    assert taken.interval is not None and taken.interval[1] - taken.value == pytest.approx(2.0227 * error, rel=1e-4)


def test_only_the_published_weights_give_kid():
    evidence = Evidence(Observations(points(0, 50)), Observations(points(1, 50)), extractor="inception")
    assert list(kernel_distance.measure(evidence)) == ["kid"]


def test_too_few_images_and_features_of_another_width_are_refused():
    with pytest.raises(MissingEvidence, match="2 real and 3 generated images, not 50 and 2"):
        figure(points(0, 50), points(1, 2))
    with pytest.raises(ValueError, match="width"):
        figure(points(0, 50), points(1, 50, width=6))
