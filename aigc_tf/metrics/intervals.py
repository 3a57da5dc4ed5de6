"""Confidence intervals of figures: 95 %, over the generated images, the real ones staying as they are.

They say where a figure would lie with other seeds of the same model. Three ways, each giving the same interval for
the same images: a mean of values, one an image, by the normal distribution; a share of images by Wilson's interval,
which keeps its width at 0 and 1; anything else by the delete-a-group jackknife (Kott 2001, "The delete-a-group
jackknife"), which takes the measure ten more times. A bootstrap would not do for distances between sets: it draws
images twice, and a set with copies in it is spread less and covers less than any set of fresh images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

Interval = tuple[float, float]

_GROUPS = 10
_LEVEL = 0.95


def of_mean(values: np.ndarray, low: float, high: float = np.inf) -> Interval | None:
    """Interval of the mean of float [N], one value an image, by the normal distribution; None for fewer than 2.

    It is cut to the range of such a mean, from `low` to `high`.
    """
    if len(values) < 2:
        return None
    error = values.std(ddof=1, dtype=np.float64) / np.sqrt(len(values))
    return within(around(float(values.mean(dtype=np.float64)), float(error)), low, high)


def of_share(hits: np.ndarray) -> Interval:
    """Wilson's interval of the share of True in bool [N], one value an image, N from 1 up; within [0, 1]."""
    interval = stats.binomtest(int(hits.sum()), len(hits)).proportion_ci(_LEVEL, method="wilson")
    share = float(hits.mean())
    return min(float(interval.low), share), max(float(interval.high), share)  # rounding moves ends off 0 and 1


def groups(count: int) -> list[np.ndarray]:
    """Ten groups of the image numbers 0 to count - 1, int64 [count // 10 or one more]; none for fewer than 20 images.

    Dealt out by a fixed shuffle: in a folder sorted by class, or with labels that go round, each group would otherwise
    be a class.
    """
    if count < 2 * _GROUPS:
        return []
    order = np.random.default_rng(0).permutation(count)
    return [np.sort(order[group::_GROUPS]) for group in range(_GROUPS)]


def jackknife(value: float, leave_out: Sequence[float] | np.ndarray) -> Interval | None:
    """Interval around `value`, a figure of all images, given the figure without each of the `groups` in turn.

    Student's t with one degree of freedom less than there are groups. None for fewer than two groups, as `groups` gives
    for a few images.
    """
    if len(leave_out) < 2:
        return None
    return around(value, jackknife_error(leave_out), degrees_of_freedom=len(leave_out) - 1)


def jackknife_error(leave_out: Sequence[float] | np.ndarray) -> float:
    """Standard error of a figure, given the figure without each of G groups: √((G - 1) / G · Σ (their deviation)²)."""
    return float(np.sqrt((len(leave_out) - 1) * np.var(leave_out)))


def of_figure(figure: Callable[[np.ndarray], float], images: np.ndarray) -> Interval | None:
    """The jackknife's interval of `figure`, a function of any number of rows of `images` [N, …]; None for N < 20."""
    return jackknife(figure(images), [figure(np.delete(images, group, axis=0)) for group in groups(len(images))])


def around(value: float, error: float, degrees_of_freedom: float = np.inf) -> Interval:
    """Interval around `value` with this standard error: normal, or Student's t for few degrees of freedom."""
    half = float(stats.t.ppf((1 + _LEVEL) / 2, degrees_of_freedom)) * error
    return value - half, value + half


def within(interval: Interval | None, low: float, high: float = np.inf) -> Interval | None:
    """The interval cut to the range of its figure, whose value lies in that range up to rounding."""
    if interval is None:
        return None
    first, last = np.clip(interval, low, high)
    return float(first), float(last)
