"""Nearest neighbours among features, by Euclidean distance, without ever holding all distances at once.

Searches are scikit-learn's, which works on tiles of 256 × 256 in float64; what it finds is measured again from the
difference of the two points, so that copies lie at exactly 0 and a distance is the same from both its ends. Features
are float [N, D]. At 50,000 × 50,000 points of 84 features the working memory stays below 200 MB.
"""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors

from aigc_tf.metrics.evidence import MissingEvidence

_TILE = 16 * 2**20  # numbers of float32 in one tile of products: 64 MB
_ROUNDING = 2e-6  # of the squared norms: twice what float32 products of copies of 84 to 2,048 features are off


def nearest(queries: np.ndarray, references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of N queries the number of its nearest reference, int64 [N], and the distance to it, float32 [N].

    Of equally near references it is one of them. Raises ValueError where queries and references differ in width.
    """
    _check_widths(queries, references)
    offset = _offset(references)
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(_centred(references, offset))
    index = search.kneighbors(_centred(queries, offset), return_distance=False)[:, 0]
    return index, _distances(queries, references, index)


def neighbour_distances(points: np.ndarray, k: int, whose: str) -> np.ndarray:
    """Distances from each of N points to its k nearest other points, ascending: float32 [N, k].

    A copy of a point is another point, at distance 0. MissingEvidence, naming `whose` images they are, for fewer than
    k + 1 points.
    """
    if len(points) <= k:
        raise MissingEvidence(f"{k} nearest neighbours need at least {k + 1} {whose} images, not {len(points)}")
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(_centred(points, _offset(points)))
    index = search.kneighbors(return_distance=False)
    return np.sort(np.stack([_distances(points, points, column) for column in index.T], axis=1), axis=1)


def count_balls(points: np.ndarray, centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """How many of the balls around `centres` [M, D] with `radii` float [M] hold each of N points: int64 [N].

    A ball holds its surface: a point counts that is as far away as the radius, up to the rounding of float32. Raises
    ValueError where points and centres differ in width.
    """
    _check_widths(points, centres)
    offset = _offset(centres)
    points, centres = _centred(points, offset), _centred(centres, offset)
    # |p - c|² ≤ r² as 2 p·c - |p|² ≥ |c|² - r²: beyond the product, each number of a tile is touched twice.
    point_norms, centre_norms = ((1 - _ROUNDING) * np.square(each).sum(axis=1) for each in (points, centres))
    thresholds = centre_norms - np.square(radii, dtype=np.float32)
    counts = np.empty(len(points), np.int64)
    rows = max(_TILE // len(centres), 1)
    for start in range(0, len(points), rows):
        part = slice(start, start + rows)
        tile = (2 * points[part]) @ centres.T
        tile -= point_norms[part, None]
        counts[part] = np.count_nonzero(tile >= thresholds, axis=1)
    return counts


def _check_widths(first: np.ndarray, second: np.ndarray) -> None:
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(f"features of different width cannot be compared: {first.shape} and {second.shape}")


def _offset(features: np.ndarray) -> np.ndarray:
    """The mean [D]; taken off, since |p - c|² = |p|² - 2 p·c + |c|² loses its digits far from the origin."""
    return features.mean(axis=0, dtype=np.float64).astype(np.float32)


def _centred(features: np.ndarray, offset: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(features, np.float32) - offset


def _distances(first: np.ndarray, second: np.ndarray, index: np.ndarray) -> np.ndarray:
    """From each row of `first` [N, D] to the row of `second` that `index` [N] names: float32 [N]."""
    difference = first.astype(np.float64) - second[index]
    return np.sqrt(np.einsum("nd,nd->n", difference, difference)).astype(np.float32)
