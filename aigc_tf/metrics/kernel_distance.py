"""Kernel distance between the features of real and of generated images.

Definition: the squared maximum mean discrepancy under the kernel k(x, y) = (x·y / D + 1)³ of D features (Bińkowski
et al. 2018, arXiv:1801.01401, who take the features from Inception-v3 and call it KID): mean k of two generated images,
plus mean k of two real ones, minus twice the mean k of a generated and a real one. It is the unbiased estimate: no
image is paired with itself, and all pairs count, where the paper's code averages over random subsets. With another
extractor it is another figure under another name, `kid_<extractor>`, on another scale.

Range: about 0 (the same distribution) upwards; being unbiased, it falls below 0 by chance when real and generated
images are alike. Direction: lower is better. Reference: the distance of as many training images from the same held-out
images; unlike that of the Fréchet distance it does not shrink with the number of images, it only gets steadier.
Interval: normal, with the standard error of the delete-one jackknife over the generated images, which for such means
over pairs needs no second pass (Arvesen 1969, "Jackknifing U-statistics"). The note gives this standard error.
"""

from __future__ import annotations

import numpy as np

from aigc_tf.metrics import intervals
from aigc_tf.metrics.evidence import Evidence, Figure, MissingEvidence, need

_CHUNK = 2000  # a tile of 2,000 × 2,000 float64 kernel values: 32 MB


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`kid_<extractor>`, `kid` with the published Inception weights.

    Raises MissingEvidence for fewer than two real or three generated images, ValueError for features that differ in
    width.
    """
    real = need(evidence.real, "features", "real")
    generated = need(evidence.generated, "features", "generated")
    if len(real) < 2 or len(generated) < 3:
        raise MissingEvidence(
            f"kernel distance needs 2 real and 3 generated images, not {len(real)} and {len(generated)}"
        )
    among_real = sums_within(real).sum() / (len(real) * (len(real) - 1))
    floor = None
    if evidence.floor is not None and evidence.floor.features is not None and len(evidence.floor) > 1:
        train = evidence.floor.features
        floor = _distance(sums_within(train), sums_across(train, real) / len(real), among_real)
    within, across = sums_within(generated), sums_across(generated, real) / len(real)
    value = _distance(within, across, among_real)
    leave_one_out = _distances_without_one(within, across, among_real)
    return {
        evidence.named("kid"): Figure(
            value,
            better="lower",
            reference=floor,
            note=f"standard error {intervals.jackknife_error(leave_one_out):.2g}",
            interval=intervals.jackknife(value, leave_one_out),
            judged_by="extractor",
        )
    }


def sums_across(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Σⱼ k(xᵢ, yⱼ) for each row of `first` [N, D] over all rows of `second` [M, D]: float64 [N].

    Raises ValueError where they differ in D.
    """
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(f"features of different width cannot be compared: {first.shape} and {second.shape}")
    sums = np.zeros(len(first))
    for row in range(0, len(first), _CHUNK):
        rows = first[row : row + _CHUNK].astype(np.float64) / first.shape[1]
        for column in range(0, len(second), _CHUNK):
            tile = rows @ second[column : column + _CHUNK].astype(np.float64).T
            tile += 1
            sums[row : row + _CHUNK] += np.einsum("nm,nm->n", tile * tile, tile)
    return sums


def sums_within(features: np.ndarray) -> np.ndarray:
    """Σⱼ k(xᵢ, xⱼ) for each row of `features` [N, D] over all other rows: float64 [N]."""
    exact = features.astype(np.float64)
    itself = (np.einsum("nd,nd->n", exact, exact) / features.shape[1] + 1) ** 3
    return sums_across(features, features) - itself


def _distance(within: np.ndarray, across: np.ndarray, among_real: float) -> float:
    """MMD² from each generated image's sum over the others [N] and mean over the real ones [N]."""
    count = len(within)
    return float(within.sum() / (count * (count - 1)) + among_real - 2 * across.mean())


def _distances_without_one(within: np.ndarray, across: np.ndarray, among_real: float) -> np.ndarray:
    """`_distance` without each of the N generated images in turn: the pairs that go are twice its own sum."""
    left = len(within) - 1
    pairs = (within.sum() - 2 * within) / (left * (left - 1))
    return pairs + among_real - 2 * (across.sum() - across) / left
