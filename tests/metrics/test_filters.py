"""The eyes for images of any kind: always the same, of any size, and calibrated against images known to be bad."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from aigc_tf.datasets import DATASETS
from aigc_tf.metrics import filters, weights_file
from aigc_tf.metrics.evidence import Evidence, Observations
from aigc_tf.metrics.extractor import observe
from aigc_tf.metrics.extractors import load_extractor
from aigc_tf.metrics.judge import judge
from aigc_tf.metrics.make_filters import drawing, make


def pictures(count: int, height: int, width: int, channels: int) -> np.ndarray:
    """Uint8 [count, height, width, channels] with all kinds of edges, the same on every machine."""
    numbers, down, right, channel = np.ogrid[:count, :height, :width, :channels]
    return ((right * (3 + numbers) + down * down * (1 + channel) + 37 * numbers * channel) % 256).astype(np.uint8)


def seen(images: np.ndarray) -> np.ndarray:
    return observe(filters.load(images.shape[1:]), images).features


@pytest.fixture(scope="module")
def shapes() -> dict[str, np.ndarray]:
    """Three sets of 500 images of one kind."""
    images = DATASETS["synthetic"]().train_images
    return {"real": images[:500], "training": images[500:1000], "good": images[1000:1500]}


GOLDEN = {  # of pictures of 1, 3 and 4 channels
    1: [[-3.18740, -0.67618, 0.61501, 3.25623], [-2.04825, -0.51071, -0.04163, 3.82204]],
    3: [[-3.19436, 0.10418, 0.19874, 5.06174], [-3.43070, -1.91954, -1.96166, 1.00896]],
    4: [[-1.15933, 5.46523, 3.22825, 2.31988], [-4.26187, 4.36998, 2.17468, 1.44559]],
}


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_features_are_the_same_on_every_machine(channels):
    np.testing.assert_allclose(seen(pictures(2, 24, 20, channels))[:, :4], GOLDEN[channels], atol=1e-3)


def test_the_weights_that_were_shipped_are_known_by_their_hash(tmp_path, monkeypatch):
    weights = weights_file.read_arrays(filters.WEIGHTS)
    assert weights_file.weights_hash(weights) == filters.HASH == filters.load((8, 8, 1)).hash
    assert filters.WEIGHTS.stat().st_size < 1_000_000
    weights["matrix"][0, 0] += 1
    weights_file.write_arrays(tmp_path / "filters.npz", weights)
    monkeypatch.setattr(filters, "WEIGHTS", tmp_path / "filters.npz")
    with pytest.raises(ValueError, match=r"filters.npz has the hash sha256:\w+, expected .*install the package again"):
        filters.load((8, 8, 1))


@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 8, 4), (9, 31, 3), (70, 8, 1), (64, 64, 4), (513, 600, 1)])
def test_images_of_every_size_are_seen(shape):
    images = pictures(3, *shape)
    features = seen(images)
    assert features.shape == (3, filters.FEATURES) and features.dtype == np.float32
    assert np.linalg.norm(features[0] - features[1]) > 0.1
    changed = images.copy()
    changed[0, -1, -1] ^= 128  # not a pixel is passed over
    assert not np.array_equal(seen(changed)[0], features[0])


def test_the_same_picture_is_the_same_however_it_is_stored():
    grey = pictures(4, 20, 24, 1)
    colour = np.repeat(grey, 3, axis=-1)
    opaque = np.concatenate([colour, np.full_like(grey, 255)], axis=-1)
    for other in (colour, opaque):
        np.testing.assert_allclose(seen(other), seen(grey), atol=1e-4)
    clear = opaque.copy()
    clear[..., :3], clear[..., 3] = 255, 0
    hidden = clear.copy()
    hidden[..., :3] = 7  # of what nobody sees the colour says nothing, but a hole is no white
    np.testing.assert_allclose(seen(hidden), seen(clear), atol=1e-4)
    assert np.abs(seen(clear) - seen(np.full_like(grey, 255))).max() > 0.1


def test_a_row_depends_on_no_other():
    images = pictures(300, 16, 16, 3)
    np.testing.assert_allclose(seen(images[290:]), seen(images)[290:], atol=1e-3)


def fd(real: np.ndarray, generated: np.ndarray) -> float:
    evidence = Evidence(Observations(seen(real)), Observations(seen(generated)), extractor="filters")
    return judge(evidence, ["fd"]).figures["fd_filters"].value


def test_distances_grow_with_what_is_spoiled(shapes):
    good, random = shapes["good"], np.random.default_rng(0)
    floor = fd(shapes["real"], good)
    noise = random.normal(size=good.shape)

    def rounded(pixels: np.ndarray) -> np.ndarray:
        return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)

    for spoiled in (
        [rounded(good + level * noise) for level in (8, 32)],
        [rounded(ndimage.gaussian_filter(good * 1.0, (0, width, width, 0))) for width in (0.6, 1.5)],
        [rounded(good * share) for share in (0.8, 0.4)],
        [good[np.arange(500) % few] for few in (50, 5)],
        [np.concatenate([np.roll(good[:some], 8, axis=2), good[some:]]) for some in (200, 500)],  # halves swapped
        [good[np.arange(500) // 4 * 4 + np.arange(500) % kinds] for kinds in (2, 1)],  # classes lost
    ):
        distances = [floor, *(fd(shapes["real"], images) for images in spoiled)]
        assert (np.diff(distances) > 0).all(), distances
        assert distances[-1] > 3 * floor


def test_real_images_pass_and_copies_are_found(shapes):
    learned, good = shapes["training"], shapes["good"]

    def figures(generated: np.ndarray) -> dict[str, float]:
        real, training = (Observations(seen(shapes[name])) for name in ("real", "training"))
        evidence = Evidence(real, Observations(seen(generated)), training, extractor="filters")
        judged = judge(evidence, ["fd", "precision_recall", "memorisation"])
        assert judged.skipped == ()
        return {name: figure.value for name, figure in judged.figures.items()}

    fair = figures(good)
    assert min(fair[name] for name in ("precision", "recall", "density", "coverage")) > 0.75
    assert abs(fair["memorisation_ct"]) < 2
    assert figures(np.concatenate([learned[:250], good[250:]]))["memorisation_ct"] < -3
    noise = figures(np.random.default_rng(0).integers(0, 256, good.shape, np.uint8))
    assert max(noise[name] for name in ("precision", "recall", "density", "coverage")) < 0.05


def test_they_are_chosen_by_name_and_need_no_labels():
    data = DATASETS["synthetic"]()
    eyes = load_extractor("filters", "synthetic", data)
    assert (eyes.name, eyes.short, eyes.resizer, eyes.held_out_accuracy) == ("filters", "filters", "none", None)
    assert observe(eyes, data.test_images[:3]).probabilities is None


def test_weights_are_made_of_drawings():
    made, again = make(seed=1, drawings=200), make(seed=1, drawings=200)
    shipped = weights_file.read_arrays(filters.WEIGHTS)
    assert {name: array.shape for name, array in made.items()} == {name: array.shape for name, array in shipped.items()}
    assert weights_file.weights_hash(made) == weights_file.weights_hash(again) != filters.HASH
    alphas = {drawing(np.random.default_rng(seed))[..., 3].min() for seed in range(20)}
    assert min(alphas) == 0 and max(alphas) == 255
