"""The Fréchet distance against closed forms and against SciPy's matrix square root."""

import numpy as np
import pytest
from scipy import linalg

from aigc_tf.metrics import intervals
from aigc_tf.metrics.evidence import Evidence, MissingEvidence, Observations
from aigc_tf.metrics.fd import Gaussian, frechet_distance, measure


def covariance(random: np.random.Generator, size: int, rank: int) -> np.ndarray:
    factor = random.normal(size=(size, rank))
    return factor @ factor.T


def distance(mean_1: np.ndarray, covariance_1: np.ndarray, mean_2: np.ndarray, covariance_2: np.ndarray) -> float:
    return frechet_distance(Gaussian(mean_1, covariance_1, 1000), Gaussian(mean_2, covariance_2, 1000))


def feature_distance(first: np.ndarray, second: np.ndarray) -> float:
    return frechet_distance(Gaussian.of(first), Gaussian.of(second))


def test_shifted_gaussians_of_one_shape_are_as_far_apart_as_their_means():
    shape = covariance(np.random.default_rng(0), 5, 5)
    shift = np.array([3.0, 0.0, -4.0, 0.0, 12.0])
    assert distance(np.zeros(5), shape, shift, shape) == pytest.approx(9 + 16 + 144)


def test_diagonal_gaussians_follow_the_closed_form():
    first, second = np.array([1.0, 4.0, 9.0, 0.0]), np.array([4.0, 4.0, 1.0, 2.0])
    expected = np.sum((np.sqrt(first) - np.sqrt(second)) ** 2)
    zero = np.zeros(4)
    assert distance(zero, np.diag(first), zero, np.diag(second)) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_full_gaussians_agree_with_scipy(seed):
    random = np.random.default_rng(seed)
    mean_1, mean_2 = random.normal(size=(2, 20))
    first, second = covariance(random, 20, 30), covariance(random, 20, 25)
    trace = np.trace(first + second - 2 * np.real(linalg.sqrtm(first @ second)))
    expected = np.sum((mean_1 - mean_2) ** 2) + trace
    assert distance(mean_1, first, mean_2, second) == pytest.approx(expected, rel=1e-9)


def test_singular_covariances_give_a_finite_distance_and_zero_from_themselves():
    random = np.random.default_rng(4)
    few = random.normal(size=(5, 64)) * 100 + 1000  # 5 points span 4 of 64 dimensions
    assert feature_distance(few, few) < 1e-6
    other = feature_distance(few, random.normal(size=(7, 64)))
    assert np.isfinite(other) and other > 1e6
    same = np.ones((10, 8), np.float32)
    assert feature_distance(same, same + 1) == pytest.approx(8)


def test_moments_are_those_of_numpy_in_float64_across_chunks():
    features = np.random.default_rng(5).normal(1000, 1, size=(9001, 6)).astype(np.float32)
    taken = Gaussian.of(features)
    assert taken.mean.dtype == taken.covariance.dtype == np.float64
    np.testing.assert_allclose(taken.mean, features.astype(np.float64).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(taken.covariance, np.cov(features.astype(np.float64).T), rtol=1e-9)


def test_one_image_or_features_of_another_width_are_refused():
    with pytest.raises(MissingEvidence, match="at least 2 images, not 1"):
        feature_distance(np.zeros((1, 4)), np.zeros((9, 4)))
    with pytest.raises(ValueError, match="width"):
        feature_distance(np.zeros((9, 3)), np.zeros((9, 4)))


def test_the_floor_is_the_distance_of_the_training_images_and_says_when_their_number_differs():
    random = np.random.default_rng(6)
    real, train, generated = (random.normal(size=(200, 3)) for _ in range(3))
    figure = measure(Evidence(Observations(real), Observations(generated), Observations(train), "iris"))["fd_iris"]
    assert figure.reference == pytest.approx(feature_distance(train, real), rel=1e-9)  # its rows come in another order
    assert figure.value == feature_distance(generated, real)
    assert figure.better == "lower" and not figure.note
    fewer = measure(Evidence(Observations(real), Observations(generated), Observations(train[:50]), "iris"))["fd_iris"]
    assert "50" in fewer.note and "200" in fewer.note
    assert measure(Evidence(Observations(real), Observations(generated)))["fd_lenet"].reference is None
    assert list(measure(Evidence(Observations(real), Observations(generated), extractor="inception"))) == ["fid"]


def test_moments_without_a_part_are_those_of_the_rest():
    features = np.random.default_rng(7).normal(1000, 1, size=(300, 6)).astype(np.float32)
    part = np.arange(300) % 7 == 0
    left, expected = Gaussian.of(features).without(Gaussian.of(features[part])), Gaussian.of(features[~part])
    np.testing.assert_allclose(left.mean, expected.mean, rtol=1e-12)
    np.testing.assert_allclose(left.covariance, expected.covariance, atol=1e-9)
    assert left.count == expected.count


def test_the_interval_is_the_jackknife_over_groups_of_generated_images():
    real, generated = (np.random.default_rng(seed).normal(size=(200, 3)) for seed in (8, 9))
    figure = measure(Evidence(Observations(real), Observations(generated)))["fd_lenet"]
    expected = intervals.of_figure(lambda images: feature_distance(images, real), generated)
    assert figure.interval == pytest.approx((max(expected[0], 0), expected[1]), rel=1e-6)
    few = measure(Evidence(Observations(real), Observations(generated[:19])))["fd_lenet"]
    assert few.interval is None


def test_nine_of_ten_intervals_hold_what_fresh_samples_score():
    random = np.random.default_rng(10)
    real = random.normal(size=(300, 4))
    taken = [
        measure(Evidence(Observations(real), Observations(random.normal(0.3, 1.2, size=(300, 4)))))["fd_lenet"]
        for _ in range(60)
    ]
    mean = np.mean([each.value for each in taken])
    assert np.mean([each.interval[0] <= mean <= each.interval[1] for each in taken]) > 0.87


def test_too_few_images_are_left_to_the_cautions_about_the_extractor():
    images = np.random.default_rng(11).normal(size=(20, 20))
    assert not measure(Evidence(Observations(images), Observations(images)))["fd_lenet"].warning
