"""Perceptual path length against a closed form, and against what rounding to 256 levels does to it."""

import itertools

import numpy as np
import pytest
from scipy import stats

from aigc_tf.metrics.evidence import Evidence, MissingEvidence, Observations
from aigc_tf.metrics.path_length import EPSILON, measure, path_distances, path_latents
from aigc_tf.metrics.quantise import quantise
from aigc_tf.parts.great_circle import between

SEEN = Observations(np.ones((2, 3)))


def evidence(distances: np.ndarray | None, extractor: str = "lenet") -> Evidence:
    return Evidence(SEEN, SEEN, extractor=extractor, asked={} if distances is None else {"path_length": distances})


def test_latents_lie_where_the_walks_of_the_pictures_pass():
    # With a step of the whole arc the two latents are its ends.
    start, end = path_latents(4, 10, epsilon=1.0, seed=3)
    at, later = path_latents(4, 10, epsilon=0.25, seed=3)
    for row in range(4):
        arc = between(start[row], end[row], np.linspace(0, 1, 4001)[:, None])
        places = [np.linalg.norm(arc - latent[row], axis=1).argmin() for latent in (at, later)]
        assert places[1] - places[0] == 1000
        np.testing.assert_allclose(arc[places[0]], at[row], atol=2e-3)


def test_latents_are_pure_and_as_long_as_normal_ones():
    first, second = path_latents(500, 64, seed=1)
    assert first.dtype == second.dtype == np.float32 and first.shape == second.shape == (500, 64)
    np.testing.assert_array_equal(first, path_latents(500, 64, seed=1)[0])
    assert not np.array_equal(first, path_latents(500, 64, seed=2)[0])
    for latents in (first, second):
        assert np.linalg.norm(latents, axis=1).mean() == pytest.approx(8, rel=0.03)
    assert np.isfinite(path_latents(500, 1)).all()


def test_a_linear_generator_moves_by_its_scale_times_the_angle():
    # Along an arc of angle a between ends of length r the speed is r a. In many dimensions a is π/2, r² their number.
    first, second = path_latents(400, 4096, epsilon=1e-2)
    distances = path_distances(3 * first, 3 * second, 1e-2)
    assert distances.shape == (400,) and distances.dtype == np.float64
    assert measure(evidence(distances))["path_length_lenet"].value == pytest.approx(9 * 4096 * np.pi**2 / 4, rel=0.01)


def test_distances_are_squares_over_the_square_of_the_step():
    distances = path_distances(np.zeros((2, 2), np.float32), np.array([[3, 4], [0, 1]], np.float32), 0.5)
    np.testing.assert_allclose(distances, [100, 4])


def test_rounding_to_files_changes_the_figure_by_little_at_this_step_and_ruins_it_at_the_papers():
    weights = np.random.default_rng(0).normal(size=(16, 28 * 28)) / 4

    def lengths(epsilon: float, see) -> float:
        features = [
            see(np.tanh(latents @ weights).reshape(-1, 28, 28, 1)) for latents in path_latents(300, 16, epsilon)
        ]
        distances = path_distances(*(each.reshape(300, -1) for each in features), epsilon)
        return measure(evidence(distances))["path_length_lenet"].value

    def rounded(images: np.ndarray) -> np.ndarray:
        return quantise((images + 1) / 2) / 127.5 - 1

    exact = lengths(1e-4, lambda images: images)
    assert lengths(EPSILON, rounded) == pytest.approx(exact, rel=0.02)
    assert lengths(1e-4, rounded) > 5 * exact


def test_an_image_that_jumps_makes_it_longer():
    def values(steepness: float) -> float:
        first, second = (np.tanh(steepness * latents) for latents in path_latents(2000, 8))
        return measure(evidence(path_distances(first, second)))["path_length_lenet"].value

    lengths = [values(steepness) for steepness in (0, 0.25, 0.5, 1, 2, 4)]
    assert lengths[0] == 0
    assert all(later > earlier for earlier, later in itertools.pairwise(lengths))


def test_the_outermost_hundredths_are_left_out():
    middle = np.random.default_rng(0).uniform(4, 6, size=980)
    distances = np.random.default_rng(1).permutation(np.concatenate([np.zeros(10), middle, np.full(10, 1e9)]))
    figure = measure(evidence(distances, "eyes"))["path_length_eyes"]
    assert figure.value == pytest.approx(middle.mean())
    drawn_in = np.concatenate([middle, np.repeat([middle.min(), middle.max()], 10)])
    half = 1.959964 * drawn_in.std(ddof=1) / (0.98 * np.sqrt(1000))
    assert figure.interval == pytest.approx((figure.value - half, figure.value + half))
    assert (figure.better, figure.reference, figure.judged_by) == ("lower", None, "extractor")
    assert figure.note == "1,000 pairs"


@pytest.mark.parametrize("sigma", [1, 1.5])
def test_intervals_hold_the_true_figure_of_long_tailed_distances(sigma):
    random = np.random.default_rng(0)
    # The mean between the outermost hundredths of a log-normal distribution, in closed form.
    ends = stats.norm.cdf(stats.norm.ppf([0.01, 0.99]) - sigma)
    truth = np.exp(sigma**2 / 2) * (ends[1] - ends[0]) / 0.98
    taken = [measure(evidence(each))["path_length_lenet"].interval for each in random.lognormal(0, sigma, (1000, 1000))]
    assert np.mean([low <= truth <= high for low, high in taken]) == pytest.approx(0.95, abs=0.02)


def test_the_steeper_a_linear_generator_the_longer():
    first, second = path_latents(50, 16)
    lengths = [
        measure(evidence(path_distances(scale * first, scale * second)))["path_length_lenet"].value
        for scale in (0, 0.5, 1, 2)
    ]
    np.testing.assert_allclose(lengths, lengths[2] * np.array([0, 0.25, 1, 4]), rtol=1e-5)


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(MissingEvidence, match="latents"):
        measure(evidence(None))
    for wrong in (np.zeros((3, 1)), np.zeros(0), np.array([1.0, np.nan]), np.array([-1.0])):
        with pytest.raises(ValueError, match="path_distances must"):
            measure(evidence(wrong))
    assert measure(evidence(np.array([2.0])))["path_length_lenet"].interval is None
