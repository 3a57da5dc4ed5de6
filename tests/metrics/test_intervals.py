"""Confidence intervals against closed forms, and against what fresh samples really do."""

import numpy as np
import pytest
from scipy import stats

from aigc_tf.metrics import intervals


def test_the_interval_of_a_mean_is_the_normal_one():
    low, high = intervals.of_mean(np.array([1.0, 2.0, 3.0, 4.0]))
    error = np.sqrt(5 / 3 / 4)
    assert (low, high) == pytest.approx((2.5 - 1.959964 * error, 2.5 + 1.959964 * error))
    assert intervals.of_mean(np.array([1.0])) is None


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
    hits = [low <= 3 <= high for low, high in map(intervals.of_mean, samples)]
    assert 0.92 < np.mean(hits) < 0.98
    hits = [low <= 0.1 <= high for low, high in map(intervals.of_share, random.random((400, 200)) < 0.1)]
    assert 0.92 < np.mean(hits) < 0.98


def test_an_interval_is_cut_to_the_range_of_its_figure():
    assert intervals.within((-0.5, 1.5), 0, 1) == (0, 1)
    assert intervals.within((-0.5, 1.5), 0) == (0, 1.5)
    assert intervals.within(None, 0) is None
