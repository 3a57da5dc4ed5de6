"""Multi-scale structural similarity against scikit-image and against its definition written out."""

import itertools

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

from aigc_tf.metrics.evidence import Evidence, MissingEvidence, Observations
from aigc_tf.metrics.ms_ssim import measure, pairs, similarity

PAIR = np.array([[0, 1]])


def textures(seed: int, count: int, size: int = 24, channels: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(count, size, size + 3, channels))
    return rounded(128 + 300 * gaussian_filter(noise, (0, 2, 2, 0)))


def rounded(images: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


def spoilt(images: np.ndarray, sigma: float) -> np.ndarray:
    """Two images: the first one, and itself under noise."""
    noise = np.random.default_rng(9).normal(size=images[0].shape)
    return np.stack([images[0], rounded(images[0] + sigma * noise)])


def by_definition(first: np.ndarray, second: np.ndarray) -> float:
    """Five scales of Wang et al. 2003 on grey float64 images of an even size at every scale."""
    score = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):

        def mean(image: np.ndarray) -> np.ndarray:
            return gaussian_filter(image, 1.5, radius=5)[5:-5, 5:-5]

        m1, m2 = mean(first), mean(second)
        v1, v2, shared = mean(first**2) - m1**2, mean(second**2) - m2**2, mean(first * second) - m1 * m2
        structure = (2 * shared + (0.03 * 255) ** 2) / (v1 + v2 + (0.03 * 255) ** 2)
        light = (2 * m1 * m2 + (0.01 * 255) ** 2) / (m1**2 + m2**2 + (0.01 * 255) ** 2)
        score *= (structure * light if scale == 4 else structure).mean() ** weight
        halves = (first.shape[0] // 2, 2, first.shape[1] // 2, 2)
        first, second = first.reshape(halves).mean(axis=(1, 3)), second.reshape(halves).mean(axis=(1, 3))
    return score


def test_large_images_get_all_five_scales():
    images = spoilt(rounded(128 + 300 * gaussian_filter(np.random.default_rng(0).normal(size=(1, 192, 224, 1)), 2)), 30)
    first, second = images[..., 0].astype(np.float64)
    assert similarity(images, PAIR)[0] == pytest.approx(by_definition(first, second), rel=1e-4)


@pytest.mark.parametrize(("size", "window"), [(21, 11), (12, 11), (11, 11), (10, 9), (8, 7)])
def test_small_images_get_one_scale_which_is_scikit_images_ssim(size, window):
    images = spoilt(textures(1, 1, size), 25)
    score = similarity(images, PAIR)[0]
    if window == 11:  # scikit-image derives its window from sigma
        first, second = images[..., 0]
        expected = structural_similarity(
            first, second, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
        )
        assert score == pytest.approx(expected, rel=1e-4)
    assert 0.3 < score < 0.99


@pytest.mark.parametrize("size", [8, 9, 16, 28, 45, 88, 176])
def test_alike_images_score_1_at_any_size_and_others_less(size):
    images = textures(2, 2, size, 3)
    same, other = similarity(images, np.array([[0, 0], [0, 1]]))
    assert same == pytest.approx(1, abs=1e-5)
    assert 0 <= other < 0.6


def test_similarity_falls_with_noise():
    scores = [similarity(spoilt(textures(3, 1, 28), sigma), PAIR)[0] for sigma in (0, 5, 10, 20, 40, 80)]
    assert all(later < earlier for earlier, later in itertools.pairwise(scores))


def test_pairs_are_disjoint_always_the_same_and_of_the_rows_given():
    rows = np.arange(100, 131)
    drawn = pairs(rows, 50)
    assert drawn.shape == (15, 2) and len(set(drawn.ravel())) == 30 and set(drawn.ravel()) <= set(rows)
    np.testing.assert_array_equal(drawn, pairs(rows, 50))
    assert pairs(rows, 4).shape == (4, 2)


def of(images: np.ndarray, classes: np.ndarray | None = None) -> Observations:
    return Observations(images=images, probabilities=None if classes is None else np.eye(3)[classes])


def test_the_fewer_different_images_the_higher_the_figure():
    real, fresh = textures(4, 200), textures(5, 200)
    figures = [
        measure(Evidence(of(real), of(np.tile(fresh[:count], (200 // count, 1, 1, 1)))))["ms_ssim"]
        for count in (200, 10, 4, 2, 1)
    ]
    values = [figure.value for figure in figures]
    assert all(later > earlier for earlier, later in itertools.pairwise(values))
    width = figures[0].interval[1] - figures[0].interval[0]
    assert 0 < abs(values[0] - figures[0].reference) < width  # both sides have their chance
    assert values[-1] == pytest.approx(1, abs=1e-5)
    assert (figures[0].better, figures[0].judged_by) == ("neither", "pixels")


def test_within_a_class_sees_what_the_mixture_hides():
    classes = np.arange(120) % 3
    varied, prototypes = textures(6, 120), textures(7, 3)
    figures = measure(Evidence(of(varied, classes), of(prototypes[classes], classes)))
    assert figures["ms_ssim_within_class"].value == pytest.approx(1, abs=1e-5)
    assert figures["ms_ssim_within_class"].reference < 0.3 and figures["ms_ssim"].value < 0.6
    assert figures["ms_ssim_within_class"].judged_by == "classifier"
    assert figures["ms_ssim"].note == figures["ms_ssim_within_class"].note == "60 pairs"


def test_within_a_class_each_class_weighs_the_same_and_the_interval_is_of_chance_within():
    classes = np.repeat([0, 1], [80, 20])  # class 0: all the same, class 1: all different
    images = np.concatenate([np.repeat(textures(8, 1), 80, axis=0), textures(9, 20)])
    rows = np.flatnonzero(classes == 1)
    varied = similarity(images, pairs(rows, 500))
    figure = measure(Evidence(of(images, classes), of(images, classes)))["ms_ssim_within_class"]
    assert figure.value == pytest.approx((1 + varied.mean()) / 2, abs=1e-5) == figure.reference
    half = 1.96 * varied.std(ddof=1) / np.sqrt(len(varied)) / 2
    assert figure.interval[1] - figure.value == pytest.approx(half, rel=0.1)
    assert figure.note == "50 pairs; 1 of 3 classes left out for want of images"


def test_without_pairs_there_is_no_figure():
    images = textures(10, 6)
    with pytest.raises(MissingEvidence, match="two generated"):
        measure(Evidence(of(images), of(images[:1])))
    with pytest.raises(ValueError, match="resize"):
        measure(Evidence(of(images), of(images[:, :16])))
    assert list(measure(Evidence(of(images), of(images)))) == ["ms_ssim"]
    apart = Evidence(of(images, np.zeros(6, int)), of(images, np.ones(6, int)))
    assert list(measure(apart)) == ["ms_ssim"]
