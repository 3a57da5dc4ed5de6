"""Fréchet distance between the features of real and of generated images.

Definition: both sets of features are taken for Gaussians, and their distance is
|m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½) (Dowson & Landau 1982). Heusel et al. 2017 (arXiv:1706.08500) take the features
from Inception-v3 and call it FID; with another extractor it is another figure under another name, `fd_<extractor>`,
and values compare only within one extractor, one held-out set and one number of images.

Range: 0 (the two Gaussians agree) upwards. Direction: lower is better. The estimate is biased upwards, the more so the
fewer images there are, hence the reference: the distance of as many training images from the same held-out images.
With no more images than features (2,048 of Inception-v3) the covariance is singular and the bias large, of which
`extractor.cautions` warns.
Interval: by the jackknife over groups of generated images.
"""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np

from aigc_tf.metrics import intervals
from aigc_tf.metrics.evidence import Evidence, Figure, MissingEvidence, need

_CHUNK = 4096  # rows turned into float64 at a time


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`fd_<extractor>`, `fid` with the published Inception weights; with the floor if training images were observed.

    Raises MissingEvidence for fewer than two images on a side, ValueError for features of different width.
    """
    real = Gaussian.of(need(evidence.real, "features", "real"))
    generated = need(evidence.generated, "features", "generated")
    whole = Gaussian.of(generated)
    floor, note = None, ""
    if evidence.floor is not None and evidence.floor.features is not None:
        train = evidence.floor.features
        floor = frechet_distance(Gaussian.of(train), real)
        if len(train) != len(generated):
            note = f"the floor is of {len(train):,} images, the figure of {len(generated):,}: read it with care"
    value = frechet_distance(whole, real)
    parts = [Gaussian.of(generated[group]) for group in intervals.groups(len(generated))]
    interval = intervals.jackknife(value, [frechet_distance(whole.without(part), real) for part in parts])
    return {
        evidence.named("fd"): Figure(
            value,
            better="lower",
            reference=floor,
            note=note,
            interval=intervals.within(interval, 0),
            judged_by="extractor",
        )
    }


@dataclasses.dataclass(frozen=True)
class Gaussian:
    """Mean [D] and covariance [D, D], which may be singular, of `count` rows of features; both float64."""

    mean: np.ndarray
    covariance: np.ndarray
    count: int

    @classmethod
    def of(cls, features: np.ndarray) -> Gaussian:
        """The moments of features [N, D], the covariance unbiased; MissingEvidence for N < 2.

        Two passes in float64 rather than E[x²] - E[x]², which loses the digits that matter when the mean is large.
        """
        count = len(features)
        if count < 2:
            raise MissingEvidence(f"a covariance needs features of at least 2 images, not {count}")
        mean = features.mean(axis=0, dtype=np.float64)
        scatter = np.zeros((features.shape[1], features.shape[1]))
        for start in range(0, count, _CHUNK):
            centred = features[start : start + _CHUNK].astype(np.float64) - mean
            scatter += centred.T @ centred
        return cls(mean, scatter / (count - 1), count)

    def without(self, part: Gaussian) -> Gaussian:
        """The moments of the rows that are not in `part`, which is of some of these rows (at least two remain)."""
        count = self.count - part.count
        mean = (self.count * self.mean - part.count * part.mean) / count
        shift = mean - part.mean
        scatter = (self.count - 1) * self.covariance - (part.count - 1) * part.covariance
        scatter -= count * part.count / self.count * np.outer(shift, shift)
        return Gaussian(mean, scatter / (count - 1), count)

    @cached_property
    def root(self) -> np.ndarray:
        """The symmetric square root of the covariance; eigenvalues that rounding made negative count as 0."""
        values, vectors = np.linalg.eigh(self.covariance)
        return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def frechet_distance(first: Gaussian, second: Gaussian) -> float:
    """Fréchet distance of two Gaussians, a float from 0 up; ValueError where they differ in D.

    tr (C1 C2)^½ is the sum of the singular values of C1^½ C2^½. Both roots are of symmetric matrices, so nothing here
    can turn complex, as `scipy.linalg.sqrtm` of the product does for singular covariances, and no small number has to
    be added to a diagonal.
    """
    if first.mean.shape != second.mean.shape:
        raise ValueError(f"features of different width cannot be compared: {len(first.mean)} and {len(second.mean)}")
    shift = first.mean - second.mean
    overlap = np.linalg.svd(first.root @ second.root, compute_uv=False).sum()
    distance = shift @ shift + np.trace(first.covariance) + np.trace(second.covariance) - 2 * overlap
    return max(float(distance), 0.0)  # rounding can take equal Gaussians to -1e-15


def distance_of_few(first: np.ndarray, second: np.ndarray) -> float:
    """`frechet_distance` of the Gaussians of features [N, D] and [M, D], both at least 2, for N or M below D.

    A covariance is A^T A of the centred rows A over √(N - 1), so tr (C1 C2)^½ is the sum of the singular values of
    A1 A2^T, a matrix of N x M instead of D x D.
    """
    centred = []
    for features in (first, second):
        rows = features.astype(np.float64)
        centred.append((rows - rows.mean(axis=0)) / np.sqrt(len(rows) - 1))
    shift = first.mean(axis=0, dtype=np.float64) - second.mean(axis=0, dtype=np.float64)
    overlap = np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False).sum()
    distance = shift @ shift + sum(float((rows**2).sum()) for rows in centred) - 2 * overlap
    return max(float(distance), 0.0)
