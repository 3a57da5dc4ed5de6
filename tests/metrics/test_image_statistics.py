"""Brightness, contrast, sharpness and saturation against images whose values are known."""

import itertools

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, laplace

from aigc_tf.metrics.evidence import Evidence, MissingEvidence, Observations
from aigc_tf.metrics.image_statistics import measure, statistics


def textures(seed: int, count: int = 40, channels: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(count, 20, 24, channels))
    return rounded(128 + 400 * gaussian_filter(noise, (0, 1.5, 1.5, 0)))


def rounded(images: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


def of(images: np.ndarray) -> Observations:
    return Observations(images=images)


def test_flat_images_have_a_brightness_and_nothing_else():
    values = statistics(np.full((3, 8, 9, 3), 51, np.uint8))
    np.testing.assert_allclose(values["brightness"], 0.2, rtol=1e-6)
    for name in ("contrast", "sharpness", "saturation"):
        np.testing.assert_allclose(values[name], 0, atol=1e-6)


def test_a_checkerboard_is_the_extreme_of_contrast_and_sharpness():
    board = (255 * (np.indices((8, 8)).sum(axis=0) % 2)).astype(np.uint8)[None, ..., None]
    values = statistics(board)
    assert values["brightness"][0] == pytest.approx(0.5)
    assert values["contrast"][0] == pytest.approx(0.5)
    assert values["sharpness"][0] == pytest.approx(4)
    assert "saturation" not in values


def test_saturation_of_pure_pale_grey_and_black_pixels():
    pixels = np.array([[255, 0, 0], [255, 204, 204], [99, 99, 99], [0, 0, 0]], np.uint8)
    image = np.repeat(pixels[None, :, None], 3, axis=2)
    assert statistics(image)["saturation"][0] == pytest.approx((1 + 0.2) / 4)


def test_sharpness_is_that_of_scipys_laplacian_across_chunks():
    images = textures(0, 1003)
    expected = [laplace(image[..., 0] / 255)[1:-1, 1:-1].std() for image in images]
    np.testing.assert_allclose(statistics(images)["sharpness"], expected, rtol=1e-4)


def test_a_fourth_channel_changes_nothing():
    images = textures(1, channels=4)
    for name, values in statistics(images[..., :3]).items():
        np.testing.assert_array_equal(statistics(images)[name], values)


def test_figures_are_means_with_the_real_ones_as_reference_and_hold_them_in_their_interval():
    real, generated = textures(2), textures(3)
    for name, figure in measure(Evidence(of(real), of(generated))).items():
        assert figure.value == pytest.approx(statistics(generated)[name].mean())
        assert figure.reference == pytest.approx(statistics(real)[name].mean())
        assert figure.interval[0] < figure.value < figure.interval[1]
        assert figure.interval[0] < figure.reference < figure.interval[1]
        assert (figure.better, figure.judged_by) == ("neither", "pixels")


def test_sharpness_falls_with_blur_and_rises_with_noise():
    images = textures(4).astype(np.float32)
    noise = np.random.default_rng(5).normal(size=images.shape)
    blurred = [rounded(gaussian_filter(images, (0, sigma, sigma, 0))) for sigma in (2, 1, 0.5, 0)]
    noisy = [rounded(images + sigma * noise) for sigma in (4, 8, 16, 32)]
    sharpness = [
        measure(Evidence(of(images.astype(np.uint8)), of(each)))["sharpness"].value for each in blurred + noisy
    ]
    assert all(later > earlier for earlier, later in itertools.pairwise(sharpness))


def test_one_image_has_no_interval_and_other_shapes_and_no_images_are_refused():
    assert measure(Evidence(of(textures(6)), of(textures(7, 1))))["brightness"].interval is None
    with pytest.raises(ValueError, match="resize"):
        measure(Evidence(of(textures(6)), of(textures(7)[:, :16])))
    with pytest.raises(MissingEvidence, match="generated"):
        measure(Evidence(of(textures(6)), Observations()))
