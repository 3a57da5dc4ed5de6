"""Does the model copy its training images? Three figures, and the pairs of images to look at.

Definition: `memorisation_ct` is the C_T statistic of Meehan, Chaudhuri & Dasgupta 2020 (arXiv:2004.05675). Training
features are parted into up to ten cells by k-means. In each cell the distances from generated images to the nearest
training image are held against those from held-out images by the Mann-Whitney test, as a z-score, and the z-scores
are averaged by the share of held-out images in the cell. Cells with fewer than 20 generated or held-out images are
left out.

`memorised_share` is the share of generated images that lie at most a third as far from the nearest training image as
from the second nearest (Yoon et al. 2023, "Diffusion Probabilistic Models Generalize when They Fail to Memorize",
https://openreview.net/forum?id=shciCbSk9h; Gu et al. 2023, arXiv:2310.02664). Training images that are the same count
once, or else no copy of them would stand out. Distances are Euclidean, between pixels in [0, 1], which are averaged
over squares (oblongs, in an image narrower than such a square) until an image has at most 256 numbers (28×28: 14×14): a
copy stays one, and 10,000 images meet 60,000 in seconds.

`train_distance_ratio` is the median of those distances to the nearest training image over the median distance to the
nearest held-out one. It takes the whole training set although that is larger, and brings the ratio below 1 for
anybody: in a part of the training set most of what a model copied would not be found. The reference is the same ratio
of held-out images, none of which is its own neighbour.

Range: any number, 0 to 1, and 0 upwards. Direction: lower is better for the share; neither for the two others, where
values below the reference mean copying (C_T below -3 beyond doubt), values above it images unlike any real one. C_T
grows with the root of the number of images. Reference: 0 for C_T, what held-out images score for the others.
Interval: Wilson's for the share, jackknife for the others, over the generated images; none for a ratio that has none
without some group of them, where about half are held-out images.
"""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
from scipy import stats
from scipy.cluster import vq
from sklearn.neighbors import NearestNeighbors

from aigc_tf.metrics import intervals
from aigc_tf.metrics.evidence import Evidence, Figure, MissingEvidence, need
from aigc_tf.metrics.neighbours import nearest

_CELLS, _IMAGES_A_CELL = 10, 100  # as many cells as leave each so many images on average
_LEAST_IN_A_CELL = 20
_COPIES_BELOW = -3.0
_RATIO = 1 / 3
_NUMBERS = 256  # in an image whose pixels are averaged
_HELD_OUT = 1000  # held-out images that references are made of; they need no more
_FIT = 10_000  # training images that the cells are made from


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Generated images, each with the training image nearest to it, the closest pair first.

    Attributes:
        generated_rows: int64 [P], numbers of generated images.
        training_rows: int64 [P], numbers of training images.
        distances: float32 [P], Euclidean, between averaged pixels in [0, 1].
    """

    generated_rows: np.ndarray
    training_rows: np.ndarray
    distances: np.ndarray


@dataclasses.dataclass(frozen=True)
class _Neighbours:
    """The two nearest training images of each generated image, and of some held-out ones for comparison."""

    rows: np.ndarray  # int64 [N, 2]
    distances: np.ndarray  # float32 [N, 2]
    held_out_distances: np.ndarray  # float32 [R, 2]


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`memorisation_ct`, `memorised_share`, `train_distance_ratio`.

    The last is left out where half of the generated images are held-out ones. Raises MissingEvidence without training
    images and for too few images, ValueError where the sets differ in shape.
    """
    generated = need(evidence.generated, "features", "generated")
    real = need(evidence.real, "features", "real")
    training = need(evidence.training, "features", "training")
    neighbours = evidence.once(_find)
    return {
        "memorisation_ct": _copying(generated, real, training),
        "memorised_share": _share(is_copied(neighbours.distances), is_copied(neighbours.held_out_distances)),
        **_distance_ratio(evidence, neighbours),
    }


def closest_pairs(evidence: Evidence, count: int) -> Pairs:
    """The `count` generated images (all, where there are fewer) that lie nearest to a training image, by their pixels.

    After `measure` of the same evidence it costs nothing, for the neighbours are kept with it. Errors as there.
    """
    neighbours = evidence.once(_find)
    rows = np.argsort(neighbours.distances[:, 0], kind="stable")[:count]
    return Pairs(rows, neighbours.rows[rows, 0], neighbours.distances[rows, 0])


def is_copied(distances: np.ndarray) -> np.ndarray:
    """Whose nearest training image is at most a third as far as the second, bool [N], of float [N, 2] ascending."""
    return distances[:, 0] <= _RATIO * distances[:, 1]


def z_score(first: np.ndarray, second: np.ndarray) -> float:
    """Mann-Whitney U of float [N] and [M] as a standard normal number: below 0 where `first` holds the smaller ones."""
    count, other = len(first), len(second)
    ranks = stats.rankdata(np.concatenate([first, second]))[:count]
    return float((ranks.sum() - count * (count + other + 1) / 2) / np.sqrt(count * other * (count + other + 1) / 12))


def _share(copied: np.ndarray, held_out_copied: np.ndarray) -> Figure:
    value, interval, expected = float(copied.mean()), intervals.of_share(copied), intervals.of_share(held_out_copied)
    more = interval is not None and expected is not None and interval[0] > expected[1]
    return Figure(
        value,
        better="lower",
        reference=float(held_out_copied.mean()),
        interval=interval,
        judged_by="pixels",
        warning=f"{value:.1%} of the images are near copies of training images" if more else "",
    )


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


def _distance_ratio(evidence: Evidence, neighbours: _Neighbours) -> dict[str, Figure]:
    generated = _pixels(need(evidence.generated, "images", "generated"))
    held_out = _pixels(need(evidence.real, "images", "real"))
    distances, to_training = _search(generated, held_out, 1)[1][:, 0], neighbours.distances[:, 0]
    # Of held-out images the nearest held-out one is the image itself.
    others = _search(held_out[_some(len(held_out))], held_out, 2)[1][:, 1]
    if not np.median(distances):
        return {}
    reference = None
    if np.median(others):
        reference = float(np.median(neighbours.held_out_distances[:, 0]) / np.median(others))

    value = float(np.median(to_training) / np.median(distances))
    groups = intervals.groups(len(distances))
    medians, below = (
        np.array([np.median(np.delete(each, group)) for group in groups]) for each in (to_training, distances)
    )
    interval = intervals.jackknife(value, medians / below) if below.all() else None
    return {
        "train_distance_ratio": Figure(
            value, better="neither", reference=reference, interval=intervals.within(interval, 0), judged_by="pixels"
        )
    }


def _find(evidence: Evidence) -> _Neighbours:
    generated = need(evidence.generated, "images", "generated")
    real = need(evidence.real, "images", "real")
    training = need(evidence.training, "images", "training")
    shapes = {each.shape[1:] for each in (generated, real, training)}
    if len(shapes) > 1:
        raise ValueError(f"images of different shapes cannot be compared: {sorted(shapes)}")
    flat = training.reshape(len(training), -1)
    _, distinct = np.unique(flat.view(f"V{flat.shape[1]}")[:, 0], return_index=True)
    if len(distinct) < 2:
        raise MissingEvidence("it takes two different training images")
    queries = _pixels(np.concatenate([generated, real[_some(len(real))]]))
    rows, distances = _search(queries, _pixels(training[distinct]), 2)
    return _Neighbours(distinct[rows[: len(generated)]], distances[: len(generated)], distances[len(generated) :])


def _search(queries: np.ndarray, references: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers int64 and distances float32 of the `count` nearest references of each query, [N, count] each."""
    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(references)
    rows = search.kneighbors(queries, return_distance=False)
    # Measured anew: the search takes differences of squares, which leaves a copy a little way off.
    distances = [np.linalg.norm(queries - references[column], axis=1) for column in rows.T]
    return rows, np.stack(distances, axis=1)


def _some(count: int) -> np.ndarray:
    return np.random.default_rng(0).permutation(count)[:_HELD_OUT]


def _pixels(images: np.ndarray) -> np.ndarray:
    """Pixels in [0, 1], float32 [N, at most 256], averaged over squares; what fills no square is cut off at the end.

    In an image narrower than a square they are oblongs of its whole width, and so much longer.
    """
    count, height, width, channels = images.shape
    area = height * width * channels / _NUMBERS  # least number of pixels that become one
    side = int(np.ceil(np.sqrt(area)))
    tall = min(max(side, int(np.ceil(area / width))), height)
    wide = min(max(side, int(np.ceil(area / height))), width)
    rows, columns = height // tall, width // wide
    squares = images[:, : rows * tall, : columns * wide].reshape(count, rows, tall, columns, wide, channels)
    return squares.mean(axis=(2, 4), dtype=np.float32).reshape(count, -1) / np.float32(255)
