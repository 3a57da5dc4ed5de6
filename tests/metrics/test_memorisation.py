"""Memorisation: copies are caught although their Fréchet distance is excellent, and unseen images are not accused."""

import dataclasses
import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.ndimage import gaussian_filter

from aigc_tf.metrics import copies, fd, memorisation
from aigc_tf.metrics.copies import _pixels, closest_pairs, is_copied
from aigc_tf.metrics.evidence import Evidence, Figure, MissingEvidence, Observations
from aigc_tf.metrics.memorisation import z_score

NUMBER = 400
RANDOM = np.random.default_rng(0)
EYES = RANDOM.normal(size=(16 * 12, 10)).astype(np.float32) / 255


def drawn(count: int) -> np.ndarray:
    """Images of one kind of texture, all different."""
    noise = RANDOM.normal(size=(count, 16, 12, 1))
    return rounded(128 + 300 * gaussian_filter(noise, (0, 2, 2, 0)))


def rounded(images: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


def seen(images: np.ndarray) -> Observations:
    return Observations(features=images.reshape(len(images), -1) @ EYES, images=images)


TRAINING, HELD_OUT, FRESH = drawn(1000), drawn(NUMBER), drawn(NUMBER)


def evidence(generated: np.ndarray, training: np.ndarray = TRAINING) -> Evidence:
    return Evidence(seen(HELD_OUT), seen(generated), seen(training))


def measure(data: Evidence) -> dict[str, Figure]:
    return memorisation.measure(data) | copies.measure(data)


def figures(generated: np.ndarray, training: np.ndarray = TRAINING) -> dict[str, Figure]:
    return measure(evidence(generated, training))


def noisy(images: np.ndarray, sigma: float) -> np.ndarray:
    return rounded(images + np.random.default_rng(1).normal(0, sigma, images.shape))


def test_copies_are_caught_and_their_frechet_distance_is_excellent():
    copied = TRAINING[:NUMBER]
    caught = figures(copied)
    assert caught["memorisation_ct"].value < -10 and "copies" in caught["memorisation_ct"].warning
    assert caught["memorised_share"].value == 1
    assert caught["train_distance_ratio"].value == pytest.approx(0, abs=1e-9)
    distance, fresh = (fd.measure(evidence(images))["fd_lenet"] for images in (copied, FRESH))
    assert distance.value < 1.5 * fresh.value and distance.value == pytest.approx(distance.reference, rel=0.5)


def test_unseen_images_are_not_accused():
    fresh, held_out = figures(FRESH), figures(HELD_OUT)
    for taken in (fresh, held_out):
        ct, share = taken["memorisation_ct"], taken["memorised_share"]
        assert abs(ct.value) < 1.5 and not ct.warning and ct.reference == 0
        assert share.value == share.reference == 0 and share.interval[1] < 0.01
    ratio = fresh["train_distance_ratio"]
    assert ratio.value == pytest.approx(ratio.reference, abs=0.05) and ratio.interval[1] - ratio.interval[0] < 0.1
    assert "train_distance_ratio" not in held_out  # they are no distance away from held-out images


def test_copies_under_noise_are_caught_the_more_surely_the_less_noise():
    taken = [figures(noisy(TRAINING[:NUMBER], sigma)) for sigma in (0, 4, 12, 40)]
    for name, sign in {"memorisation_ct": 1, "memorised_share": -1, "train_distance_ratio": 1}.items():
        values = [sign * each[name].value for each in taken]
        assert all(later >= earlier for earlier, later in itertools.pairwise(values)), name
    assert taken[2]["memorisation_ct"].value < -5
    assert taken[1]["memorised_share"].value > 0.99


def test_the_more_copies_the_more_is_said():
    values = []
    for share in (0, 0.1, 0.3, 0.5, 1):  # the median falls no further once most are copies
        count = round(share * NUMBER)
        taken = figures(np.concatenate([TRAINING[:count], FRESH[count:]]))
        assert taken["memorised_share"].value == pytest.approx(share, abs=0.005)
        assert taken["memorised_share"].warning == (
            f"{share:.1%} of the images are near copies of training images" if share else ""
        )
        low, high = taken["memorised_share"].interval
        assert low <= taken["memorised_share"].value <= high
        values.append([taken[name].value for name in ("memorisation_ct", "train_distance_ratio")])
    assert (np.diff(values, axis=0) < 0).all()


def test_copies_of_images_that_are_in_the_training_set_twice_are_caught_too():
    twice = np.concatenate([TRAINING, TRAINING])
    assert figures(noisy(TRAINING[:NUMBER], 4), twice)["memorised_share"].value > 0.99


def test_ct_of_one_cell_is_the_z_score_of_scipys_test():
    few = 60
    data = evidence(FRESH[:few])
    data = dataclasses.replace(data, real=data.real.rows(np.arange(few)))
    training = data.training.features
    near = [
        np.linalg.norm(each.features[:, None].astype(float) - training, axis=2).min(axis=1)
        for each in (data.generated, data.real)
    ]
    test = stats.mannwhitneyu(*near, alternative="less", use_continuity=False, method="asymptotic")
    assert measure(data)["memorisation_ct"].value == pytest.approx(stats.norm.ppf(test.pvalue), abs=1e-6)


def test_z_scores_of_unseen_images_are_standard_normal_and_of_copies_as_low_as_can_be():
    random = np.random.default_rng(2)
    scores = [z_score(random.normal(size=80), random.normal(size=120)) for _ in range(400)]
    assert stats.kstest(scores, "norm").pvalue > 0.01
    assert z_score(np.zeros(30), np.ones(30)) == pytest.approx(-450 / np.sqrt(900 * 61 / 12))
    assert z_score(np.ones(30), np.ones(40)) == 0


def test_a_third_of_the_way_is_a_copy_and_so_is_no_way_at_all():
    distances = np.array([[1, 3.1], [1, 2.9], [0, 1], [0, 0]])
    np.testing.assert_array_equal(is_copied(distances), [True, False, True, True])


def test_closest_pairs_name_the_images_that_belong_together():
    order = np.array([7, 990, 3, 999])
    generated = np.concatenate([FRESH[:100], noisy(TRAINING[order], 3), TRAINING[[5]]])
    data = evidence(generated)
    pairs = closest_pairs(data, 5)
    assert (pairs.generated_rows[0], pairs.training_rows[0]) == (104, 5)
    assert pairs.distances[0] == pytest.approx(0, abs=1e-6)
    assert dict(zip(pairs.generated_rows, pairs.training_rows)) == {100: 7, 101: 990, 102: 3, 103: 999, 104: 5}
    assert (np.diff(pairs.distances) >= 0).all()
    assert len(closest_pairs(data, 1000).distances) == 105
    difference = generated[pairs.generated_rows] / 255 - TRAINING[pairs.training_rows] / 255
    np.testing.assert_allclose(pairs.distances, np.sqrt((difference**2).sum(axis=(1, 2, 3))), atol=1e-5)


def test_the_search_is_done_once_for_one_evidence_and_again_for_another(monkeypatch):
    searches = []
    search = copies._search
    monkeypatch.setattr(copies, "_search", lambda *given: searches.append(given) or search(*given))
    data = evidence(FRESH)
    first = measure(data)
    count = len(searches)
    closest_pairs(data, 3)
    assert len(searches) == count
    assert measure(dataclasses.replace(data)) == first
    assert len(searches) == 2 * count


def test_large_images_in_colour_are_averaged_and_their_copies_still_found():
    def colourful(count: int) -> np.ndarray:
        return rounded(128 + 300 * gaussian_filter(RANDOM.normal(size=(count, 50, 37, 3)), (0, 3, 3, 0)))

    def look(images: np.ndarray) -> Observations:
        return Observations(features=images[:, ::9, ::9].reshape(len(images), -1).astype(np.float32), images=images)

    training = colourful(200)
    data = Evidence(look(colourful(60)), look(noisy(training[:60], 8)), look(training))
    assert measure(data)["memorised_share"].value > 0.95
    np.testing.assert_array_equal(np.sort(closest_pairs(data, 60).training_rows), np.arange(60))


@pytest.mark.filterwarnings("error")
def test_a_ratio_that_hangs_on_which_images_are_left_out_has_no_interval():
    held_out = figures(np.concatenate([HELD_OUT[:49], FRESH[:51]]))["train_distance_ratio"]
    assert np.isfinite(held_out.value) and held_out.interval is None
    fewer = figures(np.concatenate([HELD_OUT[:40], FRESH[:60]]))["train_distance_ratio"]
    assert fewer.interval[0] < fewer.value < fewer.interval[1]


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (8, 1000, 3), (1000, 8, 3), (1, 5000, 1), (50, 37, 4)])
def test_images_of_any_shape_become_at_most_256_numbers_and_not_far_fewer(shape):
    images = np.random.default_rng(0).integers(0, 256, size=(2, *shape), dtype=np.uint8)
    pixels = _pixels(images)
    assert 128 < pixels.shape[1] <= 256
    np.testing.assert_allclose(pixels.mean(axis=1), images.mean(axis=(1, 2, 3)) / 255, atol=0.02)


@pytest.mark.filterwarnings("error")
def test_collapsed_and_all_black_sets_give_finite_figures():
    collapsed = figures(np.repeat(TRAINING[:1], NUMBER, axis=0))
    assert collapsed["memorised_share"].value == 1 and collapsed["memorisation_ct"].warning
    black = np.zeros_like(FRESH)
    assert figures(black)["memorised_share"].value == 0
    alike = evidence(black, np.concatenate([black, TRAINING[:1]]))
    assert measure(alike)["memorised_share"].value == 1


def test_without_features_copies_are_found_by_their_pixels():
    def pixels(images: np.ndarray) -> Observations:
        return Observations(images=images)

    for generated in (FRESH, TRAINING[:NUMBER]):
        data = Evidence(pixels(HELD_OUT), pixels(generated), pixels(TRAINING))
        assert copies.measure(data) == copies.measure(evidence(generated))
        with pytest.raises(MissingEvidence, match="features of generated"):
            memorisation.measure(data)


def test_where_the_training_images_are_not_known_copies_of_the_real_ones_are_found():
    twice = np.concatenate([HELD_OUT, HELD_OUT])  # else nothing would stand out as a copy of them
    for real in (HELD_OUT, twice):
        data = Evidence(seen(real), seen(np.concatenate([noisy(HELD_OUT[:100], 3), FRESH[:300]])))
        (share,) = copies.measure(data).values()
        assert share.value == pytest.approx(0.25) and share.reference == 0  # no real image is its own copy
        assert "copies of real images" in share.warning and "not known" in share.note
        pairs = closest_pairs(data, 100)
        np.testing.assert_array_equal(np.sort(pairs.generated_rows), np.arange(100))
        np.testing.assert_array_equal(pairs.training_rows % NUMBER, pairs.generated_rows)
    with pytest.raises(MissingEvidence, match="three different real images"):
        copies.measure(Evidence(seen(twice[[0, 1, NUMBER]]), seen(FRESH)))


def test_what_is_missing_or_does_not_fit_is_said():
    data = evidence(FRESH)
    for lacking, message in [
        (dataclasses.replace(data, training=None), "features of training"),
        (dataclasses.replace(data, training=Observations(features=data.training.features)), "images of training"),
        (dataclasses.replace(data, generated=data.generated.rows(np.arange(19))), "20 generated"),
        (evidence(FRESH, np.repeat(FRESH[:1], 50, axis=0)), "two different training"),
    ]:
        with pytest.raises(MissingEvidence, match=message):
            measure(lacking)
    other = Observations(features=data.generated.features, images=FRESH[:, :8])
    with pytest.raises(ValueError, match="shapes"):
        measure(dataclasses.replace(data, generated=other))
    narrow = Observations(features=data.generated.features[:, :3], images=FRESH)
    with pytest.raises(ValueError, match="widths"):
        measure(dataclasses.replace(data, generated=narrow))
