"""Perceptual path length: how far do images move when their latents take a small step?

Definition: the mean of |f(g(z')) - f(g(z))|² / ε² over pairs of latents z, z' that lie a share ε of the way apart on
the great circle between two random latents; g is the generator, f the features of the extractor (Karras et al. 2019,
StyleGAN, arXiv:1812.04948). Images that pop up and vanish between two others make it large. As in the paper's own
code, the smallest and the largest 1 % are left out. Two things differ from the paper. The features are the
extractor's, not those of VGG-16 weighted by LPIPS, hence the extractor in the name. And ε is 1/16, not 1/10,000:
extractors look at images of 256 levels, as files hold them, and a step that moves no pixel by a whole level would
measure rounding alone. For a smooth generator of 28×28 pixels 1/16 gave the figure of exact pixels to 0.5 %, and
1/10,000 fifty times that.

Range: 0 (the image never changes, so a collapsed generator scores best here) upwards; values compare within one
extractor and one kind of data only. Direction: lower is better among generators that are equal otherwise. Reference:
none, for real images have no latents. Interval: normal, over the pairs, with the standard error of a trimmed mean, made
from all of them with the outermost drawn in to the rest (Tukey & McLaughlin 1963, "Less vulnerable confidence and
significance procedures for location based on a single sample"): that of the rest alone would be too small.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

from aigc_tf.metrics import intervals
from aigc_tf.metrics.evidence import Asked, Evidence, Figure, MissingEvidence, Observations, need
from aigc_tf.parts.great_circle import between

EPSILON = 1 / 16
_PATHS = 2_000
_TRIMMED = 0.01  # at each end


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`path_length_<extractor>`; ValueError for path distances of a wrong shape, negative or not finite."""
    distances = evidence.asked.get("path_length")
    if distances is None:
        raise MissingEvidence("no neighbours of generated images were given; they need a model with latents")
    if distances.ndim != 1 or not len(distances) or not np.isfinite(distances).all() or distances.min() < 0:
        raise ValueError(f"path_distances must be finite numbers [M] from 0 up, M at least 1, not {distances.shape}")
    distances = distances.astype(np.float64)
    value, interval = float(stats.trim_mean(distances, _TRIMMED)), None
    if len(distances) > 1:
        error = float(stats.mstats.trimmed_stde(distances, (_TRIMMED, _TRIMMED)))
        interval = intervals.within(intervals.around(value, error), 0)
    note = f"{len(distances):,} pairs"
    return {evidence.named("path_length"): Figure(value, "lower", note=note, interval=interval)}


def ask(model: Asked, look: Callable[[np.ndarray], Observations]) -> np.ndarray | None:
    """The squared distances between the features at the two ends of each pair, over ε², float64 [M]."""
    for signature, latent_dim in model.ways_in().items():
        ends = [look(model.decode(latents, signature)) for latents in path_latents(_PATHS, latent_dim)]
        if all(end.features is not None for end in ends):
            first, second = (need(end, "features", "path") for end in ends)
            return path_distances(first, second)
    return None


def path_latents(count: int, latent_dim: int, epsilon: float = EPSILON, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of latents float32 [count, latent_dim]: row i of both lies on one arc, `epsilon` of its length apart.

    The arc runs along the great circle between two standard normal latents, as the walks of pictures while training do;
    the first of the two points lies anywhere on it that leaves room for the second.
    """
    random = np.random.default_rng(seed)
    start, end = random.standard_normal((2, count, latent_dim))
    share = random.uniform(0, 1 - epsilon, size=(count, 1))
    first, second = (between(start, end, at) for at in (share, share + epsilon))
    return first.astype(np.float32), second.astype(np.float32)


def path_distances(first_features: np.ndarray, second_features: np.ndarray, epsilon: float = EPSILON) -> np.ndarray:
    """|second - first|² / epsilon², float64 [M], of features float [M, D] at the two latents of each pair."""
    difference = second_features.astype(np.float64) - first_features
    return (difference**2).sum(axis=1) / epsilon**2
