"""Fréchet distance between the features of real and of generated images.

Definition: both sets of features are taken for Gaussians, and their distance is
|m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½) (Dowson & Landau 1982). Heusel et al. 2017 (arXiv:1706.08500) take the features
from Inception-v3 and call it FID; with another extractor it is another figure under another name, `fd_<extractor>`,
and values compare only within one extractor, one held-out set and one number of images.

Range: 0 (the two Gaussians agree) upwards. Direction: lower is better. The estimate is biased upwards, the more so the
fewer images there are, hence the reference: the distance of as many training images from the same held-out images.
"""

from __future__ import annotations

import numpy as np

from aigc_tf.metrics.evidence import Evidence, Figure, need

_CHUNK = 4096  # rows turned into float64 at a time


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`fd_<extractor>`, with the floor if training images were observed. Errors as in `feature_distance`."""
    real = need(evidence.real, "features", "real")
    generated = need(evidence.generated, "features", "generated")
    floor, note = None, ""
    if evidence.floor is not None and evidence.floor.features is not None:
        train = evidence.floor.features
        floor = feature_distance(train, real)
        if len(train) != len(generated):
            note = f"the floor is of {len(train):,} images, the figure of {len(generated):,}: read it with care"
    value = feature_distance(generated, real)
    return {evidence.named("fd"): Figure(value, better="lower", reference=floor, note=note)}


def feature_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Fréchet distance of two sets of features, float [N, D] and [M, D]; a float from 0 up.

    Raises ValueError for fewer than two rows, and where the sets differ in D.
    """
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(f"features of different width cannot be compared: {first.shape} and {second.shape}")
    return frechet_distance(*moments(first), *moments(second))


def moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean [D] and unbiased covariance [D, D] of features [N, D], both float64; ValueError for N < 2.

    Two passes in float64 rather than E[x²] - E[x]², which loses the digits that matter when the mean is large.
    """
    count = len(features)
    if features.ndim != 2 or count < 2:
        raise ValueError(f"a covariance needs features [N, D] of at least 2 images, not {features.shape}")
    mean = features.mean(axis=0, dtype=np.float64)
    scatter = np.zeros((features.shape[1], features.shape[1]))
    for start in range(0, count, _CHUNK):
        centred = features[start : start + _CHUNK].astype(np.float64) - mean
        scatter += centred.T @ centred
    return mean, scatter / (count - 1)


def frechet_distance(
    mean_1: np.ndarray, covariance_1: np.ndarray, mean_2: np.ndarray, covariance_2: np.ndarray
) -> float:
    """Fréchet distance of two Gaussians given by float64 means [D] and covariances [D, D], which may be singular.

    tr (C1 C2)^½ is the sum of the singular values of C1^½ C2^½. Both roots are of symmetric matrices, so nothing here
    can turn complex, as `scipy.linalg.sqrtm` of the product does for singular covariances, and no small number has to
    be added to a diagonal.
    """
    shift = mean_1 - mean_2
    overlap = np.linalg.svd(_root(covariance_1) @ _root(covariance_2), compute_uv=False).sum()
    distance = shift @ shift + np.trace(covariance_1) + np.trace(covariance_2) - 2 * overlap
    return max(float(distance), 0.0)  # rounding can take equal Gaussians to -1e-15


def _root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric square root; eigenvalues that rounding made negative count as 0."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
