"""Confidence intervals against closed forms, and against what fresh samples really do."""

import answers
import numpy as np
import pytest
from scipy import stats

from aigc_tf.metrics import METRICS, intervals
from aigc_tf.metrics.evidence import Evidence, Observations
from aigc_tf.metrics.judge import judge


def test_the_interval_of_a_mean_is_the_normal_one():
    low, high = intervals.of_mean(np.array([1.0, 2.0, 3.0, 4.0]), 0)
    error = np.sqrt(5 / 3 / 4)
    assert (low, high) == pytest.approx((2.5 - 1.959964 * error, 2.5 + 1.959964 * error))
    assert intervals.of_mean(np.array([1.0]), 0) is None
    assert intervals.of_mean(np.array([0.0, 0.0, 1.0]), 0, 0.5) == (0, 0.5)


def test_wilson_keeps_its_width_where_all_or_none_are_hits():
    z = 1.959964**2
    assert intervals.of_share(np.zeros(10, bool)) == pytest.approx((0, z / (10 + z)))
    assert intervals.of_share(np.ones(10, bool)) == pytest.approx((1 - z / (10 + z), 1))
    middle, half = (4 + z / 2) / (10 + z), np.sqrt(z * (4 * 6 / 10 + z / 4)) / (10 + z)
    assert intervals.of_share(np.arange(10) < 4) == pytest.approx((middle - half, middle + half))


def test_groups_part_the_images_and_no_group_is_a_class():
    for count in (20, 37, 1000):
        parts = intervals.groups(count)
        assert len(parts) == 10
        assert {len(part) for part in parts} <= {count // 10, count // 10 + 1}
        assert sorted(np.concatenate(parts)) == list(range(count))
    for labels in (np.arange(1000) % 10, np.arange(1000) // 100):
        assert all(len(set(labels[part])) == 10 for part in parts)
    assert intervals.groups(19) == []


def test_the_jackknife_of_a_mean_is_student_s_interval_of_the_group_means():
    values = np.random.default_rng(0).gamma(1, size=500)
    means = np.array([values[part].mean() for part in intervals.groups(500)])
    expected = stats.t.interval(0.95, 9, means.mean(), stats.sem(means))
    assert intervals.of_figure(np.mean, values) == pytest.approx(expected)
    assert intervals.jackknife_error((500 * values.mean() - 50 * means) / 450) == pytest.approx(stats.sem(means))
    assert intervals.of_figure(np.mean, values[:19]) is None


def test_nineteen_of_twenty_samples_have_the_true_value_in_their_interval():
    random = np.random.default_rng(1)
    samples = random.normal(3, 2, size=(400, 200))
    hits = [low <= 4 <= high for low, high in (intervals.of_figure(lambda x: x.var(ddof=1), s) for s in samples)]
    assert 0.92 < np.mean(hits) < 0.98
    hits = [low <= 3 <= high for low, high in [intervals.of_mean(s, -np.inf) for s in samples]]
    assert 0.92 < np.mean(hits) < 0.98
    hits = [low <= 0.1 <= high for low, high in map(intervals.of_share, random.random((400, 200)) < 0.1)]
    assert 0.92 < np.mean(hits) < 0.98


def test_an_interval_is_cut_to_the_range_of_its_figure():
    assert intervals.within((-0.5, 1.5), 0, 1) == (0, 1)
    assert intervals.within((-0.5, 1.5), 0) == (0, 1.5)
    assert intervals.within((1 + 1e-7, 1 + 2e-7), 0, 1) == (1, 1)  # a value off by rounding
    assert intervals.within(None, 0) is None


RANGES = {
    **dict.fromkeys(("fid", "class_kl", "density", "train_distance_ratio", "path_length"), (0, np.inf)),
    **dict.fromkeys(("kid", "memorisation_ct", "bound_coin"), (-np.inf, np.inf)),
    **dict.fromkeys(("precision", "recall", "coverage", "ms_ssim", "ms_ssim_within_class"), (0, 1)),
    **dict.fromkeys((f"discriminator_{name}" for name in ("accuracy", "precision", "recall", "auc")), (0, 1)),
    "memorised_share": (0, 1),
    **dict.fromkeys(("brightness", "saturation"), (0, 1)),
    **{"contrast": (0, 0.5), "sharpness": (0, 4), "classifier_score": (1, 2), "class_coverage": (0, 2)},
    "inception_score": (1, 3),
    "label_accuracy": (0, 1),
    "bits_per_dimension": (0, np.inf),
    "fd_within_class": (0, np.inf),
}


def _evidence(kind: str) -> Evidence:
    """Images of extremes: one alone among others, of which a normal interval would reach beyond what can be."""
    random = np.random.default_rng(0)
    ends = np.repeat(np.array([0, 255], np.uint8), 40)

    def seen(images: np.ndarray, logits: np.ndarray) -> Observations:
        side = images.reshape(len(images), -1)[:, 0] > 127
        return Observations(
            features=np.stack([side, np.arange(len(images)) % 7], axis=1).astype(np.float32),
            probabilities=np.stack([side, ~side], axis=1).astype(np.float32),
            extractor_probabilities=np.eye(3, dtype=np.float32)[side.astype(int)],
            scores={"logit": logits.astype(np.float32)},
            images=images,
            labels=side.astype(int),
        )

    real = random.permutation(ends)[:, None, None, None] * np.ones((1, 16, 16, 3), np.uint8)
    noise = random.choice(np.array([0, 255], np.uint8), size=(24, 16, 16, 3))
    generated = {"noise": noise, "one white": np.zeros_like(noise), "one black": np.full_like(noise, 255)}[kind]
    if kind != "noise":
        generated[0] = 255 - generated[0]
    logits = np.r_[1.0, -np.ones(len(generated) - 1)]
    training = seen(real, np.ones(80))
    asked = answers.like(np.r_[np.zeros(30), 9])
    return Evidence(seen(real, -np.ones(80)), seen(generated, logits), training, "inception", asked)


@pytest.mark.parametrize("kind", ["noise", "one white", "one black"])
@pytest.mark.filterwarnings("ignore")  # of k-means, for images that are all the same
def test_no_interval_leaves_the_range_of_its_figure(kind):
    slow = ("train_on_generated", "classification_accuracy_score")  # seconds of training; shares by Wilson
    taken = [name for name in METRICS if name not in slow]
    found = judge(_evidence(kind), taken)
    assert not found.skipped
    for name, figure in found.figures.items():
        low, high = RANGES[name]
        assert low <= figure.value <= high, name
        if figure.interval is not None:
            assert low <= figure.interval[0] <= figure.value <= figure.interval[1] <= high, (name, figure)
