"""Does the model copy its training images? Told by their features.

Definition: `memorisation_ct` is the C_T statistic of Meehan, Chaudhuri & Dasgupta 2020 (arXiv:2004.05675). Training
features are parted into up to ten cells by k-means. In each cell the distances from generated images to the nearest
training image are held against those from held-out images by the Mann-Whitney test, as a z-score, and the z-scores
are averaged by the share of held-out images in the cell. Cells with fewer than 20 generated or held-out images are
left out.

Copies that pixels give away are found by `copies`.

Range: any number. Direction: neither; values below 0 mean copying (below -3 beyond doubt), values above it images
unlike any real one. C_T grows with the root of the number of images. Reference: 0. Interval: by the jackknife over
groups of generated images.
"""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
from scipy import stats
from scipy.cluster import vq

from aigc_tf.metrics import intervals
from aigc_tf.metrics.evidence import Evidence, Figure, MissingEvidence, need
from aigc_tf.metrics.neighbours import nearest

_CELLS, _IMAGES_A_CELL = 10, 100  # as many cells as leave each so many images on average
_LEAST_IN_A_CELL = 20
_COPIES_BELOW = -3.0
_FIT = 10_000  # training images that the cells are made from


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`memorisation_ct`.

    Raises MissingEvidence without training images and for too few images, ValueError where features differ in width.
    """
    generated = need(evidence.generated, "features", "generated")
    real = need(evidence.real, "features", "real")
    training = need(evidence.training, "features", "training")
    return {"memorisation_ct": _copying(generated, real, training)}


def z_score(first: np.ndarray, second: np.ndarray) -> float:
    """Mann-Whitney U of float [N] and [M] as a standard normal number: below 0 where `first` holds the smaller ones."""
    count, other = len(first), len(second)
    ranks = stats.rankdata(np.concatenate([first, second]))[:count]
    return float((ranks.sum() - count * (count + other + 1) / 2) / np.sqrt(count * other * (count + other + 1) / 12))


@dataclasses.dataclass(frozen=True)
class _Cell:
    """Generated and held-out images of one kind, with their distances to the nearest training image of that kind."""

    rows: np.ndarray  # int64 [N], numbers of the generated images
    distances: np.ndarray  # float32 [N]
    held_out_distances: np.ndarray  # float32 [R]


def _copying(generated: np.ndarray, real: np.ndarray, training: np.ndarray) -> Figure:
    """C_T of features float [N, D], [R, D] and [M, D]."""
    widths = {each.shape[1] for each in (generated, real, training)}
    if len(widths) > 1:
        raise ValueError(f"features of different widths cannot be compared: {sorted(widths)}")
    smaller = min(len(generated), len(real))
    if smaller < _LEAST_IN_A_CELL:
        raise MissingEvidence(f"it takes {_LEAST_IN_A_CELL} generated and as many held-out images, not {smaller}")
    count = min(max(smaller // _IMAGES_A_CELL, 1), _CELLS)
    # Where each kind is only generated or only held out, there is still the whole.
    cells = _cells(generated, real, training, count) or _cells(generated, real, training, 1)
    weights = [len(cell.held_out_distances) for cell in cells]

    def without(left_out: np.ndarray) -> float:
        scores = [z_score(c.distances[~np.isin(c.rows, left_out)], c.held_out_distances) for c in cells]
        return float(np.average(scores, weights=weights))

    value = without(np.empty(0, np.int64))
    interval = intervals.jackknife(value, [without(group) for group in intervals.groups(len(generated))])
    warning = "nearer to training images than unseen real images are: the model copies" if value < _COPIES_BELOW else ""
    return Figure(value, better="neither", reference=0.0, interval=interval, warning=warning)


def _cells(generated: np.ndarray, real: np.ndarray, training: np.ndarray, count: int) -> list[_Cell]:
    """Up to `count` cells of k-means over the training images: those that hold enough images to be compared."""
    sample = training[np.random.default_rng(0).permutation(len(training))[:_FIT]].astype(np.float64)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "One of the clusters is empty")  # it is left out below
        # SciPy's k-means and not scikit-learn's, which adds up in the order in which its threads end.
        centres, _ = vq.kmeans2(sample, min(count, len(sample)), minit="points", rng=0)
    kinds = [vq.vq(each.astype(np.float64), centres)[0] for each in (generated, real, training)]
    cells = []
    for kind in range(len(centres)):
        rows, real_rows, training_rows = (np.flatnonzero(each == kind) for each in kinds)
        if len(training_rows) and min(len(rows), len(real_rows)) >= _LEAST_IN_A_CELL:
            inside = training[training_rows]
            cells.append(_Cell(rows, nearest(generated[rows], inside)[1], nearest(real[real_rows], inside)[1]))
    return cells
